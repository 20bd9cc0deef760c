"""What off-policy estimates promise, on bandits whose truth is known."""

from dataclasses import replace
from math import isclose
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_cascade.offline.traffic.deciding import Decider
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.traffic.off_policy import FEWEST_EFFECTIVE, OffPolicy, Weighed
from litellm_cascade.pipeline import decide
from litellm_cascade.policy import load_policy
from litellm_cascade.vocabulary import (
    AuditRecord,
    Caller,
    Classification,
    Endpoint,
    Envelope,
    Evidence,
    Outcome,
    Plan,
    Reason,
    Signals,
)

POOL = """\
version: 1
name: bandit
models:
  small: {tier: budget, quality: {general: 0.7}, price: {input_usd_per_million: 1, output_usd_per_million: 2}}
  large: {tier: premium, quality: {general: 0.9}, price: {input_usd_per_million: 10, output_usd_per_million: 20}}
"""
SPLIT = "routes: [{name: lots, choose: {strategy: split, arms: {a: {take: small, share: 0.7}, b: {take: large, share: 0.3}}}}]\n"


def bandit(seed, n, shares, truth, model):
    """``n`` rounds: an arm is drawn with its share, its reward is 1 as often as its truth; the target always takes arm 1."""
    random, weighed = Random(seed), Weighed(draws=200, seed=seed)
    for number in range(n):
        arm = 1 if random.random() < shares else 0
        reward = float(random.random() < truth[arm])
        weighed.add("quality", 1 / shares if arm == 1 else 0.0, reward, model, f"caller {number}")
    (estimate,) = weighed.estimates()
    return estimate


# --- laws --------------------------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(share=st.floats(0.2, 0.8), truth=st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9)), model=st.floats(0, 1))
def test_weighing_is_unbiased_whatever_the_direct_model_is(share, truth, model):
    runs = [bandit(seed, 200, share, truth, model) for seed in range(60)]
    for name in ("inverse_propensity", "doubly_robust"):
        values = np.array([getattr(run, name).value for run in runs])
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - truth[1]) < 4.5 * error + 1e-9, name


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), share=st.floats(0.1, 0.9), value=st.floats(0, 1))
def test_doubly_robust_is_direct_where_the_model_is_right(seed, share, value):
    random, weighed = Random(seed), Weighed(draws=50, seed=seed)
    for number in range(50):
        weight = 1 / share if random.random() < share else 0.0
        weighed.add("quality", weight, value if weight else 0.123, value, str(number))
    (estimate,) = weighed.estimates()
    assert isclose(estimate.doubly_robust.value, estimate.direct.value, abs_tol=1e-12)
    assert isclose(estimate.doubly_robust.high - estimate.doubly_robust.low, 0.0, abs_tol=1e-9)


@given(weights=st.lists(st.floats(0.1, 50), min_size=1, max_size=40))
def test_the_effective_sample_size_lies_between_one_and_n(weights):
    weighed = Weighed(draws=5, seed=0)
    for number, weight in enumerate(weights):
        weighed.add("quality", weight, 1.0, None, str(number))
    (estimate,) = weighed.estimates()
    assert 1 - 1e-9 <= estimate.effective_n <= len(weights) + 1e-9
    assert estimate.self_normalised.value == pytest.approx(1.0)
    assert (estimate.direct, estimate.doubly_robust) == (None, None)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = dict.fromkeys(("inverse_propensity", "self_normalised", "doubly_robust"), 0)
    for seed in range(200):
        estimate = bandit(seed, 300, 0.4, (0.3, 0.75), 0.7)
        for name in held:
            value = getattr(estimate, name)
            held[name] += value.low <= 0.75 <= value.high
    assert all(180 <= count <= 200 for count in held.values()), held  # 190 are expected; 180 is 3.2 standard errors below


def test_the_requests_of_one_caller_are_no_more_than_one_caller():
    """A thousand requests of four callers say little more than four do."""
    alone, together = Weighed(draws=400, seed=0), Weighed(draws=400, seed=0)
    for number in range(1000):
        reward = float(number % 4 < 2)
        alone.add("quality", 1.0, reward, None, f"caller {number}")
        together.add("quality", 1.0, reward, None, f"caller {number % 4}")
    narrow, wide = (next(one.estimates()).logged for one in (alone, together))
    assert narrow.value == wide.value == 0.5
    assert wide.high - wide.low > 10 * (narrow.high - narrow.low)


# --- a real split ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    for name, routes in (
        ("split", SPLIT),
        ("small", "routes: [{name: all, send: small}]\n"),
        ("large", "routes: [{name: all, send: large}]\n"),
    ):
        (tmp_path / f"{name}.yaml").write_text(POOL + routes)
    return tmp_path


def records(folder, n):
    """The small model is right for six in ten, the large one for nine in ten; a cent and a dime."""
    policy, random = load_policy(folder / "split.yaml"), Random(5)
    for number in range(n):
        envelope = Envelope(request_id=f"r{number}", endpoint=Endpoint.CHAT, requested_model="auto", policy="split")
        evidence = Evidence(
            envelope=envelope,
            caller=Caller(key_hash=f"key {number}"),
            signals=Signals(input_tokens=20),
            classification=Classification(task="Open QA"),
        )
        decision = decide(policy, evidence)
        alias = decision.alias
        record = AuditRecord(plan=Plan(evidence=evidence, decision=decision), outcome=Outcome(alias=alias, reason=Reason.DIRECT))
        right = float(random.random() < {"small": 0.6, "large": 0.9}[alias])
        yield Item(evidence=evidence, record=record, correct={alias: right}, cost_usd={"small": 0.01, "large": 0.1}[alias])


def brought(items, file):
    decider, brings = Decider(file), OffPolicy(draws=200, seed=0)
    for item in items:
        brings.add(item, decider.policy_for(item), decider.decide(item))
    return {one.reward: one for one in brings.estimates()}, brings


@pytest.mark.parametrize(("name", "quality", "cost"), [("small", 0.6, 0.01), ("large", 0.9, 0.1)])
def test_an_experiment_says_what_each_of_its_arms_would_bring_to_all(folder, name, quality, cost):
    found, _ = brought(records(folder, 1500), folder / f"{name}.yaml")
    for value in (found["quality"].inverse_propensity, found["quality"].self_normalised, found["quality"].doubly_robust):
        assert value.low <= quality <= value.high
    assert found["cost_usd"].self_normalised.value == pytest.approx(cost)
    assert found["quality"].warnings == ()


def test_the_policy_that_dealt_is_worth_what_it_brought(folder):
    found, _ = brought(records(folder, 400), folder / "split.yaml")
    assert found["quality"].inverse_propensity == found["quality"].logged
    assert found["quality"].mean_weight.value == 1


def test_few_requests_are_warned_of(folder):
    found, _ = brought(records(folder, 60), folder / "large.yaml")
    assert found["quality"].effective_n < FEWEST_EFFECTIVE
    assert any("too small to rely on" in warning for warning in found["quality"].warnings)


def test_what_was_never_tried_shows_in_the_weights(folder):
    (folder / "both.yaml").write_text(POOL + "routes: [{name: all, cascade: [small, large], gate: g}]\ngates: {g: {accept_at: -0.5}}\n")
    found, _ = brought(records(folder, 300), folder / "both.yaml")
    assert found["quality"].mean_weight.value == 0
    assert found["quality"].self_normalised is None
    assert (found["quality"].inverse_propensity, found["quality"].doubly_robust) == (None, None)
    assert any("none of these requests was decided as this policy decides" in warning for warning in found["quality"].warnings)


def test_what_was_tried_in_part_shows_in_the_weights(folder):
    (folder / "some.yaml").write_text(POOL + "routes: [{name: all, send: small}]\n")
    halves = [one for number, one in enumerate(records(folder, 900)) if number % 2 or one.record.plan.decision.alias == "large"]
    found, _ = brought(halves, folder / "some.yaml")
    assert found["quality"].mean_weight.high < 1
    assert any("was never tried" in warning for warning in found["quality"].warnings)


def test_one_caller_is_no_reason_to_be_sure(folder):
    """All requests of a caller are drawn together, and one caller is drawn always: that says nothing of chance."""
    everything = [replace(one, evidence=replace(one.evidence, caller=Caller(key_hash="the only one"))) for one in records(folder, 600)]
    found, _ = brought(everything, folder / "large.yaml")
    value = found["quality"].self_normalised
    assert value.low < value.value < value.high
    assert value.low <= 0.9 <= value.high
    assert any(warning.startswith("1 caller sent all of it") for warning in found["quality"].warnings)


def test_what_was_decided_without_lots_or_by_limits_does_not_count(folder):
    certain, limited = list(records(folder, 2))
    plan = certain.record.plan
    certain = replace(certain, record=replace(certain.record, plan=replace(plan, decision=replace(plan.decision, propensity=1.0))))
    plan = limited.record.plan
    reasons = (*plan.decision.reasons, "over_budget:extra_spend:small")
    limited = replace(limited, record=replace(limited.record, plan=replace(plan, decision=replace(plan.decision, reasons=reasons))))
    found, _ = brought([certain, limited], folder / "small.yaml")
    assert found == {}


def test_another_lot_than_was_drawn_does_not_count(folder):
    (folder / "anew.yaml").write_text(POOL + SPLIT.replace("strategy: split,", "strategy: split, seed: 9,"))
    found, brings = brought(records(folder, 200), folder / "anew.yaml")
    assert (found, brings.by_chance) == ({}, 200), "those that it drew alike by chance are no sample of what it does"
