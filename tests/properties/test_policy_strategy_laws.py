"""What holds for every choice that a strategy makes."""

from __future__ import annotations

import json
from dataclasses import replace
from math import isfinite

from hypothesis import assume, given
from hypothesis import strategies as st
from policy_texts import FEATURE_NAMES, balances, decided, documents, evidences, file_of, loaded, shares, vectors, worths

from litellm_cascade.policy.constraints import RELAXED
from litellm_cascade.policy.features import FEATURES, vector_of
from litellm_cascade.policy.options import Kit, Situation
from litellm_cascade.policy.strategies.neighbours import Neighbours, OutcomesFile
from litellm_cascade.vocabulary import Caller, Classification, Constraints, Endpoint, Envelope, Estimate, Evidence, Signals

ALIASES = ("small", "sql", "large")
PRICES = st.floats(0, 100)
cards = st.fixed_dictionaries(
    {
        "tier": st.just("standard"),
        "quality": st.fixed_dictionaries({"general": shares}),
        "latency_ms": st.floats(1, 10_000),
        "price": st.fixed_dictionaries({"input_usd_per_million": PRICES, "output_usd_per_million": PRICES}),
    }
)
pools = st.fixed_dictionaries(dict.fromkeys(ALIASES, cards))
requests = st.builds(
    Evidence,
    envelope=st.builds(
        Envelope, request_id=st.text(max_size=3), endpoint=st.just(Endpoint.CHAT), requested_model=st.just(""), policy=st.just("")
    ),
    signals=st.builds(Signals, input_tokens=st.integers(0, 100_000), max_output_tokens=st.none() | st.integers(1, 10_000)),
    classification=st.builds(Classification, complexity=shares, known=st.booleans(), task=st.sampled_from(["Open QA", "Code Generation"])),
)
limits = st.builds(
    Constraints,
    max_cost_usd=st.none() | st.floats(0, 1),
    max_latency_ms=st.none() | st.floats(0, 10_000),
    min_quality=st.none() | shares,
)
cuts = st.lists(shares, min_size=2, max_size=2, unique=True).map(sorted)


EMPTY = file_of(json.dumps({"version": 1, "features": FEATURE_NAMES, "outcomes": []}))


def policy(pool, **choose):
    return loaded({"version": 1, "name": "p", "models": pool, "routes": [{"name": "all", "choose": choose}]})


def chosen(pool, request, **choose):
    """The estimate of the alias that is chosen."""
    return decided(policy(pool, candidates=ALIASES, **choose), request).estimate


# --- every choice ------------------------------------------------------------------------------------------------------------------


@given(documents(), evidences)
def test_every_decision_says_how_sure_it_is_and_what_each_alias_is_expected_to_bring(document, evidence):
    decision = decided(loaded(document), evidence)

    assert 0.5 <= decision.confidence <= 1.0
    assert 0.0 < decision.propensity <= 1.0
    assert [estimate.alias for estimate in decision.estimates] == sorted(document["models"])
    assert all(0 <= estimate.quality <= 1 for estimate in decision.estimates)
    assert all(estimate.cost_usd is None or estimate.cost_usd >= 0 for estimate in decision.estimates)


@given(pools, requests, limits, st.sampled_from(["utility", "multi_objective", "quality_first"]), st.permutations(RELAXED))
def test_a_choice_keeps_to_every_constraint_that_it_does_not_name_as_relaxed(pool, request, constraints, strategy, relax):
    choose = {"strategy": strategy, "candidates": ALIASES} | ({"floor": 0.8} if strategy == "quality_first" else {})
    document = {"version": 1, "name": "p", "models": pool, "routes": [{"name": "all", "choose": choose}], "constraints": {"relax": relax}}
    decision = decided(loaded(document), replace(request, constraints=constraints))

    relaxed = {name for name in RELAXED if f"constraint_relaxed:{name}" in decision.degraded}
    assert broken(decision.estimate, constraints) == relaxed
    others = [broken(estimate, constraints) for estimate in decision.estimates]
    assert all(weight(relaxed, relax) <= weight(other, relax) for other in others)


def broken(estimate, constraints) -> set[str]:
    found = {
        "latency": constraints.max_latency_ms is not None and estimate.latency_ms > constraints.max_latency_ms,
        "cost": constraints.max_cost_usd is not None and estimate.cost_usd > constraints.max_cost_usd,
        "quality": constraints.min_quality is not None and estimate.quality < constraints.min_quality,
    }
    return {name for name, is_broken in found.items() if is_broken}


def weight(names, relax) -> int:
    return sum(2 ** relax.index(name) for name in names)


@given(pools, requests, requests)
def test_an_alias_is_expected_to_be_right_less_often_the_more_complex_the_request_is(pool, one, other):
    decide = policy(pool, strategy="utility", candidates=ALIASES)
    easy, hard = sorted((one.classification.complexity, other.classification.complexity))

    def qualities(complexity):
        belief = replace(one.classification, known=True, complexity=complexity)
        return [estimate.quality for estimate in decided(decide, replace(one, classification=belief)).estimates]

    assert all(at_easy >= at_hard for at_easy, at_hard in zip(qualities(easy), qualities(hard), strict=True))


# --- thresholds --------------------------------------------------------------------------------------------------------------------


@given(pools, requests, limits, cuts, cuts)
def test_raising_a_threshold_never_sends_a_request_to_a_larger_model(pool, request, constraints, some, others):
    low, high = [min(pair) for pair in zip(some, others, strict=True)], [max(pair) for pair in zip(some, others, strict=True)]
    assume(low[0] < low[1] and high[0] < high[1])
    asked = replace(request, constraints=constraints)

    before = chosen(pool, asked, strategy="thresholds", cuts=low)
    after = chosen(pool, asked, strategy="thresholds", cuts=high)

    assert ALIASES.index(after.alias) <= ALIASES.index(before.alias)


@given(pools, requests, requests, cuts)
def test_a_more_complex_request_never_goes_to_a_smaller_model(pool, one, other, bounds):
    easy, hard = sorted((one, other), key=lambda request: request.classification.complexity)
    banded = policy(pool, strategy="thresholds", cuts=bounds, candidates=ALIASES)

    assert ALIASES.index(decided(banded, easy).alias) <= ALIASES.index(decided(banded, hard).alias)


# --- scores ------------------------------------------------------------------------------------------------------------------------


@given(pools, requests, worths, st.floats(0, 100))
def test_a_dearer_dollar_never_buys_a_dearer_answer(pool, request, weights, more):
    before = chosen(pool, request, strategy="utility", weights=weights)
    after = chosen(pool, request, strategy="utility", weights=weights | {"cost": weights.get("cost", 0) + more})

    assert after.cost_usd <= before.cost_usd * (1 + 1e-9) + 1e-9


@given(pools, requests, worths, st.floats(0, 100))
def test_a_dearer_second_never_buys_a_slower_answer(pool, request, weights, more):
    before = chosen(pool, request, strategy="utility", weights=weights)
    after = chosen(pool, request, strategy="utility", weights=weights | {"latency": weights.get("latency", 0) + more})

    assert after.latency_ms <= before.latency_ms * (1 + 1e-9) + 1e-6


@given(pools, requests, balances)
def test_the_balance_never_falls_on_a_candidate_that_another_one_beats_in_everything(pool, request, weights):
    decision = decided(policy(pool, strategy="multi_objective", candidates=ALIASES, weights=weights), request)

    mine = decision.estimate
    assert not any(
        other.quality > mine.quality and other.cost_usd < mine.cost_usd and other.latency_ms < mine.latency_ms
        for other in decision.estimates
    )


@given(pools, requests, shares)
def test_quality_first_takes_the_cheapest_that_is_good_enough_else_the_best(pool, request, floor):
    decision = decided(policy(pool, strategy="quality_first", candidates=ALIASES, floor=floor), request)

    good_enough = [estimate for estimate in decision.estimates if estimate.quality >= floor]
    if good_enough:
        assert decision.estimate in good_enough
        assert decision.estimate.cost_usd <= min(estimate.cost_usd for estimate in good_enough) * (1 + 1e-9) + 1e-12
    else:
        assert decision.estimate.quality == max(estimate.quality for estimate in decision.estimates)


# --- splits ------------------------------------------------------------------------------------------------------------------------


def halves(share: float, seed: int = 0, by: str = "key"):
    arms = {"a": {"take": "small", "share": share}, "b": {"take": "large", "share": 1 - share}}
    models = {"small": {"tier": "budget"}, "large": {"tier": "premium"}}
    return loaded(
        {
            "version": 1,
            "name": "p",
            "models": models,
            "routes": [{"name": "all", "choose": {"strategy": "split", "arms": arms, "seed": seed, "by": by}}],
        }
    )


@given(st.floats(0.01, 0.99), st.text(min_size=1, max_size=5), requests, requests)
def test_a_caller_stays_in_one_arm_whatever_they_ask(share, key, one, other):
    split, caller = halves(share), Caller(key_hash=key)
    first, second = (decided(split, replace(request, caller=caller)) for request in (one, other))

    assert first.ladder == second.ladder
    assert first.propensity == (share if first.alias == "small" else 1 - share)


@given(st.floats(0.01, 0.98), st.text(min_size=1, max_size=5), requests)
def test_a_growing_first_arm_loses_nobody(share, key, request):
    caller = replace(request, caller=Caller(key_hash=key))
    before, after = decided(halves(share), caller), decided(halves(share + 0.01), caller)

    assert before.alias == "large" or after.alias == "small"


@given(st.floats(0.05, 0.95), st.integers(0, 100))
def test_the_shares_of_the_arms_come_near_what_is_written(share, seed):
    split, callers = halves(share, seed, by="request"), 1_500
    envelope = Envelope(request_id="", endpoint=Endpoint.CHAT, requested_model="", policy="")

    small = sum(split.decide(Evidence(envelope=replace(envelope, request_id=str(number)))).alias == "small" for number in range(callers))

    assert abs(small / callers - share) < 5 * (share * (1 - share) / callers) ** 0.5


# --- what learns -------------------------------------------------------------------------------------------------------------------


def worth(estimate, weights) -> float:
    price = weights.get("cost", 0) * estimate.cost_usd + weights.get("latency", 0) * estimate.latency_ms / 1000
    return weights["quality"] * estimate.quality - price


@given(pools, requests, worths, st.integers(1, 100))
def test_without_outcomes_the_neighbours_are_the_pool_itself(pool, request, weights, nearest):

    drawn = chosen(pool, request, strategy="neighbours", outcomes=EMPTY, nearest=nearest, weights=weights)
    plain = chosen(pool, request, strategy="utility", weights=weights)

    assert abs(drawn.quality - plain.quality) < 1e-9 or drawn.alias != plain.alias
    assert abs(worth(drawn, weights) - worth(plain, weights)) < 1e-9  # of equals, rounding decides


@given(st.lists(st.tuples(shares, vectors), min_size=1, max_size=4), requests)
def test_what_is_remembered_lies_between_the_prior_and_the_outcomes(outcomes, request):

    past = [{"alias": "small", "quality": quality, "at": at} for quality, at in outcomes]
    content = OutcomesFile.model_validate({"version": 1, "features": FEATURE_NAMES, "outcomes": past})
    rule = Neighbours(strategy="neighbours", outcomes="", candidates=("small", "large"))
    estimates = {alias: Estimate(alias=alias, quality=0.5) for alias in ("small", "large")}

    expected = rule.scorer(Kit(content=content)).expect(Situation(evidence=request, estimates=estimates))

    qualities = [0.5, *(quality for quality, _ in outcomes)]
    assert min(qualities) - 1e-9 <= expected["small"].quality <= max(qualities) + 1e-9
    assert expected["large"].quality == 0.5


@given(evidences)
def test_every_request_has_finite_features(evidence):

    assert all(isfinite(number) for number in vector_of(evidence, tuple(FEATURES)))
