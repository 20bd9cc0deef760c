"""What each alias is expected to bring, and what gives way to a request's constraints."""

from __future__ import annotations

import pytest

from litellm_cascade.policy.constraints import RELAXED, admitted, asked_of
from litellm_cascade.policy.estimates import Estimator, domain_of
from litellm_cascade.policy.options import Option
from litellm_cascade.policy.pool import Known, ModelCard, Price
from litellm_cascade.vocabulary import (
    UNCLASSIFIED,
    Band,
    Classification,
    Constraints,
    Decision,
    Endpoint,
    Envelope,
    Estimate,
    Evidence,
    Signals,
)

PRICE = Price(input_usd_per_million=2.0, output_usd_per_million=10.0)


def evidence(classification=UNCLASSIFIED, **signals) -> Evidence:
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="example")
    return Evidence(envelope=envelope, classification=classification, signals=Signals(**signals))


def estimate(request, table=None, **card) -> Estimate:
    return Estimator({"a": ModelCard(tier="budget", **card)}, table).of(request)["a"]


@pytest.mark.parametrize(
    ("signals", "cost_usd"),
    [
        ({"input_tokens": 1_000_000}, 2.00256),
        ({"input_tokens": 1_000_000, "max_output_tokens": 100_000}, 3.0),
        ({"input_tokens": 1_000_000, "max_output_tokens": 100_000, "choices": 2}, 4.0),
        ({"max_output_tokens": -5}, 0.0),
        ({"input_tokens": -5, "max_output_tokens": 100_000}, 1.0),
    ],
)
def test_costs_follow_the_tokens(signals, cost_usd):
    assert estimate(evidence(**signals), price=PRICE).cost_usd == pytest.approx(cost_usd)


def test_a_price_in_the_policy_counts_before_litellms():
    own = Price(input_usd_per_million=1.0, output_usd_per_million=0.0)

    assert estimate(evidence(input_tokens=1_000_000), price=own, table={"a": Known(price=PRICE)}).cost_usd == 1.0
    assert estimate(evidence(input_tokens=1_000_000), table={"a": Known(price=PRICE)}).cost_usd == pytest.approx(2.00256)
    assert estimate(evidence(input_tokens=1_000_000), table={"b": Known(price=PRICE)}).cost_usd is None


def test_latency_may_grow_with_the_answer():
    assert estimate(evidence(), latency_ms=60.0).latency_ms == 60.0
    assert estimate(evidence(max_output_tokens=100), latency_ms=60.0, latency_ms_per_token=2.0).latency_ms == 260.0
    assert estimate(evidence()) == Estimate(alias="a")


@pytest.mark.parametrize(
    ("classification", "quality"),
    [
        (UNCLASSIFIED, 0.72),
        (Classification(known=False, complexity=0.9), 0.72),
        (Classification(complexity=0.5), 0.72),
        (Classification(complexity=0.0), 0.875),
        (Classification(complexity=1.0), 0.486),
        (Classification(complexity=7.0), 0.486),
        (Classification(complexity=-7.0), 0.875),
        (Classification(complexity=float("nan")), 0.72),
    ],
)
def test_quality_falls_with_complexity(classification, quality):
    assert estimate(evidence(classification), quality={"general": 0.72}).quality == pytest.approx(quality, abs=5e-4)


@pytest.mark.parametrize("share", [0.0, 5e-324, 1.0])
def test_never_and_always_stay_what_they_are(share):
    assert estimate(evidence(Classification(complexity=1.0)), quality={"general": share}).quality == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize(
    ("request_", "domain"),
    [
        (evidence(), "general"),
        (evidence(Classification(task="Open QA")), "general"),
        (evidence(Classification(task="Open QA", dimensions={"reasoning": 0.5})), "reasoning"),
        (evidence(Classification(task="Code Generation", dimensions={"reasoning": 0.9})), "code"),
        (evidence(Classification(task="Brainstorming")), "creative"),
        (evidence(Classification(task="Rewrite")), "creative"),
        (evidence(Classification(task="Text Generation")), "creative"),
        (evidence(Classification(task="Text Generation"), markup=("sql",)), "sql"),
    ],
)
def test_a_request_is_one_kind_of_work(request_, domain):
    assert domain_of(request_) == domain


@pytest.mark.parametrize(
    ("quality", "expected"), [({"sql": 0.9, "code": 0.8}, 0.9), ({"code": 0.8, "general": 0.7}, 0.8), ({"general": 0.7}, 0.7), ({}, None)]
)
def test_a_kind_of_work_that_is_not_written_counts_as_the_next_wider_one(quality, expected):
    found = estimate(evidence(markup=("sql",)), quality=quality).quality

    assert found == (None if expected is None else pytest.approx(expected))


# --- constraints -------------------------------------------------------------------------------------------------------------------

FAST = Estimate(alias="fast", quality=0.7, cost_usd=0.02, latency_ms=60)
CHEAP = Estimate(alias="cheap", quality=0.6, cost_usd=0.001, latency_ms=900)
GOOD = Estimate(alias="good", quality=0.95, cost_usd=0.05, latency_ms=600)
UNKNOWN = Estimate(alias="unknown")
OPTIONS = (FAST, CHEAP, GOOD, UNKNOWN)


@pytest.mark.parametrize(
    ("constraints", "aliases", "relaxed"),
    [
        (Constraints(), ["fast", "cheap", "good", "unknown"], ()),
        (Constraints(max_latency_ms=600), ["fast", "good"], ()),
        (Constraints(max_latency_ms=50), ["fast", "cheap", "good", "unknown"], ("latency",)),
        (Constraints(max_latency_ms=100, max_cost_usd=0.01), ["cheap"], ("latency",)),
        (Constraints(max_latency_ms=700, max_cost_usd=0.01, min_quality=0.9), ["good"], ("cost",)),
        (Constraints(max_latency_ms=100, max_cost_usd=0.01, min_quality=0.9), ["good"], ("latency", "cost")),
        (Constraints(max_latency_ms=100, min_quality=0.99), ["fast"], ("quality",)),
        (
            Constraints(max_latency_ms=10, max_cost_usd=0.0, min_quality=1.0),
            ["fast", "cheap", "good", "unknown"],
            ("latency", "cost", "quality"),
        ),
    ],
)
def test_constraints_give_way_from_the_least_important_on(constraints, aliases, relaxed):
    places, gave_way = admitted(OPTIONS, asked_of(constraints, RELAXED))

    assert [OPTIONS[place].alias for place in places] == aliases
    assert gave_way == relaxed


def test_the_policy_says_what_gives_way_first():
    constraints = Constraints(max_latency_ms=100, max_cost_usd=0.01)

    assert admitted(OPTIONS, asked_of(constraints, ("cost", "latency", "quality"))) == ([0], ("cost",))


def test_another_route_is_admitted_here_and_asked_there():
    assert admitted([None, GOOD], asked_of(Constraints(max_latency_ms=100), RELAXED)) == ([0], ())


def test_a_cascade_costs_all_of_its_rungs_at_worst_and_is_as_good_as_the_best():
    estimates = {"fast": FAST, "good": GOOD, "unknown": UNKNOWN}

    expected = Option(ladder=("fast", "good")).expected(estimates)

    assert expected == Estimate(alias="fast > good", quality=0.95, cost_usd=pytest.approx(0.07), latency_ms=660)
    assert Option(ladder=("fast", "unknown")).expected(estimates) == Estimate(alias="fast > unknown", quality=0.7)
    assert Option(ladder=("fast",)).expected(estimates) is FAST
    assert Option(route="other").expected(estimates) is None


def test_a_decision_without_estimates_has_one_that_says_nothing():
    decision = Decision(policy="p", digest="", route="r", band=Band.SMALL, ladder=("a",))

    assert decision.estimate == Estimate(alias="a")
