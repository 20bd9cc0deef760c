"""What each strategy chooses, and what it says about it."""

from __future__ import annotations

import pytest

from litellm_cascade.policy import Known, Price, parse_policy
from litellm_cascade.vocabulary import (
    Band,
    Caller,
    Classification,
    Constraints,
    Endpoint,
    Envelope,
    Estimate,
    Evidence,
    Signals,
    Step,
)

POOL = """\
version: 1
name: example
models:
  small: {tier: budget, quality: {general: 0.7, code: 0.6}, latency_ms: 60, price: {input_usd_per_million: 1, output_usd_per_million: 1}}
  sql: {tier: standard, quality: {general: 0.6, code: 0.85}, latency_ms: 120, price: {input_usd_per_million: 5, output_usd_per_million: 5}}
  large:
    {tier: premium, quality: {general: 0.95, code: 0.9}, latency_ms: 600, price: {input_usd_per_million: 90, output_usd_per_million: 90}}
gates: {careful: {accept_at: -0.35}}
routes:
"""
LADDER = "{cascade: [small, large], gate: careful}"
MIDDLING = Classification(task="Open QA", complexity=0.5)
CODE = Classification(task="Code Generation", complexity=0.5)


def decide(*chosen: str, **known):
    """The decision of routes that choose like this."""
    routes = "".join(f"  - {{name: {name}, {choose}}}\n" for name, choose in zip(("first", "second"), chosen, strict=False))
    known.setdefault("classification", MIDDLING)
    request_id = known.pop("request_id", "r")
    envelope = Envelope(request_id=request_id, endpoint=Endpoint.CHAT, requested_model="auto", policy="example")
    return parse_policy(POOL + routes).decide(Evidence(envelope=envelope, **known))


# --- thresholds --------------------------------------------------------------------------------------------------------------------

BANDS = f"choose: {{strategy: thresholds, cuts: [0.4, 0.7], candidates: [small, {LADDER}, large]}}"


@pytest.mark.parametrize(
    ("complexity", "band", "confidence"),
    [(0.2, Band.SMALL, 0.75), (0.4, Band.CASCADE, 0.5), (0.5, Band.CASCADE, 0.6), (0.7, Band.LARGE, 0.5), (1.0, Band.LARGE, 0.65)],
)
def test_three_bands_of_one_number(complexity, band, confidence):
    decision = decide(BANDS, classification=Classification(complexity=complexity))

    assert decision.band is band
    assert decision.confidence == pytest.approx(confidence)
    assert decision.reasons == ("otherwise", f"thresholds:classification.complexity={complexity:g}")


def test_a_band_says_how_it_came_about():
    decision = decide(BANDS)

    assert decision.gate.name == "careful"
    assert decision.trace == (
        Step(name="first", outcome="matched", detail="otherwise"),
        Step(name="thresholds", outcome="small > large", detail="classification.complexity = 0.5, cuts 0.4, 0.7"),
    )


def test_what_was_not_classified_is_in_a_band_by_guess():
    assert decide(BANDS, classification=Classification(known=False)).confidence == 0.5


def test_any_number_may_be_cut():
    by_tokens = "choose: {strategy: thresholds, by: signals.input_tokens, cuts: [1000], candidates: [small, large]}"
    by_reasoning = "choose: {strategy: thresholds, by: classification.dimensions.reasoning, cuts: [0.5], candidates: [small, large]}"

    assert decide(by_tokens, signals=Signals(input_tokens=1000)).alias == "large"
    assert decide(by_tokens, signals=Signals(input_tokens=0)).confidence == 1.0
    assert decide(by_reasoning, classification=Classification(dimensions={"reasoning": 0.6})).alias == "large"
    assert decide(by_reasoning).alias == "small"


def test_a_task_may_have_bands_of_its_own():
    first = "{tasks: [Code Generation], cuts: [0.7], candidates: [sql, large]}"
    second = "{tasks: [Rewrite], cuts: [0.1], candidates: [small, small]}"
    bands = BANDS.replace("large]}", f"large], overrides: [{first}, {second}]}}")

    assert decide(bands, classification=CODE).alias == "sql"
    assert decide(bands).band is Band.CASCADE


def test_a_band_that_breaks_a_constraint_gives_way_to_the_nearest_that_does_not():
    assert decide(BANDS, constraints=Constraints(max_latency_ms=600)).ladder == ("large",)
    assert decide(BANDS, constraints=Constraints(max_latency_ms=599)).ladder == ("small",)
    assert decide(BANDS, constraints=Constraints(max_latency_ms=660)).ladder == ("small", "large")


# --- scores ------------------------------------------------------------------------------------------------------------------------

UTILITY = "choose: {strategy: utility, candidates: [small, sql, large], weights: {quality: 1, cost: 1, latency: 0.1}}"


def test_utility_weighs_what_an_answer_is_worth_against_what_it_costs():
    decision = decide(UTILITY, signals=Signals(input_tokens=744))

    assert decision.reasons == ("otherwise", "utility:0.8")
    assert decision.alias == "large"
    assert decision.trace[-1] == Step(name="utility", outcome="large", detail="small 0.693, sql 0.583, large 0.8")
    assert decision.confidence == pytest.approx(1 / (1 + 2.718281828 ** (-(0.8 - 0.693) / 0.1)))
    assert decision.alternatives == ("small", "sql")
    assert [estimate.alias for estimate in decision.estimates] == ["large", "small", "sql"]
    assert decision.estimate == decision.estimates[0]


def test_the_same_weights_choose_another_model_for_other_work():
    weights = UTILITY.replace("latency: 0.1", "latency: 0.5")

    assert decide(weights, classification=CODE).alias == "sql"


def test_a_rule_is_sure_of_itself_and_has_estimates_too():
    decision = decide("send: large")

    assert decision.confidence == 1.0
    assert decision.estimate.latency_ms == 600
    assert [estimate.alias for estimate in decision.estimates] == ["large", "small", "sql"]


def test_a_close_call_may_be_left_to_a_cascade():
    unsure = UTILITY.replace("latency: 0.1}", f"latency: 0.1}}, unsure: {{below: 0.8, take: {LADDER}}}")

    decision = decide(unsure, signals=Signals(input_tokens=744))

    assert decision.ladder == ("small", "large")
    assert decision.reasons[-1] == "unsure"
    assert decide(unsure.replace("0.8", "0.7"), signals=Signals(input_tokens=744)).ladder == ("large",)


def test_a_close_call_is_not_left_to_a_cascade_that_breaks_a_constraint():
    unsure = UTILITY.replace("latency: 0.1}", f"latency: 0.1}}, unsure: {{below: 0.8, take: {LADDER}}}")

    assert decide(unsure, signals=Signals(input_tokens=744), constraints=Constraints(max_latency_ms=600)).ladder == ("large",)


def test_a_price_that_nobody_knows_counts_as_the_highest_that_is_known():
    text = POOL.replace(", price: {input_usd_per_million: 1, output_usd_per_million: 1}", "") + f"  - {{name: a, {UTILITY}}}\n"
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="example")
    evidence = Evidence(envelope=envelope, classification=MIDDLING, signals=Signals(input_tokens=744))

    unknown, known = (
        parse_policy(text),
        parse_policy(text, table={"small": Known(price=Price(input_usd_per_million=1.0, output_usd_per_million=1.0))}),
    )

    assert "small 0.604" in unknown.decide(evidence).trace[-1].detail
    assert "small 0.693" in known.decide(evidence).trace[-1].detail


def test_several_objectives_are_weighed_on_one_scale():
    balance = "choose: {strategy: multi_objective, candidates: [small, sql, large], weights: {quality: 3, cost: 1, latency: 1}}"

    decision = decide(balance)

    assert decision.alias == "large"
    assert decision.trace[-1].detail == "small 0.4, sql -1, large 0.6"


def test_an_objective_in_which_all_are_equal_decides_nothing():
    text = POOL.replace("general: 0.7,", "general: 0.95,").replace("general: 0.6,", "general: 0.95,")
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="example")
    balance = "  - {name: a, choose: {strategy: multi_objective, candidates: [small, sql, large]}}\n"

    assert parse_policy(text + balance).decide(Evidence(envelope=envelope)).trace[-1].detail == "small 1, sql -1, large -1"


@pytest.mark.parametrize(("floor", "alias"), [(0.5, "small"), (0.8, "large"), (0.99, "large")])
def test_good_enough_comes_before_cheap(floor, alias):
    assert decide(f"choose: {{strategy: quality_first, candidates: [small, sql, large], floor: {floor}}}").alias == alias


def test_where_nothing_costs_anything_the_first_that_is_good_enough_answers():
    text = POOL.replace("_million: 1,", "_million: 0,").replace("_million: 1}", "_million: 0}")
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="example")
    choose = "  - {name: a, choose: {strategy: quality_first, candidates: [small, sql], floor: 0.5}}\n"
    free = text.replace("_million: 5", "_million: 0") + choose

    assert parse_policy(free).decide(Evidence(envelope=envelope)).alias == "small"


# --- split and per caller ----------------------------------------------------------------------------------------------------------

SPLIT = "choose: {strategy: split, arms: {old: {take: small, share: 0.75}, new: {take: {route: second}, share: 0.25}}}"


def test_an_arm_carries_its_name_and_its_share():
    decisions = [decide(SPLIT, "send: large", caller=Caller(key_hash=key)) for key in "abcdefgh"]

    assert {(decision.alias, decision.reasons[1], decision.propensity) for decision in decisions} == {
        ("small", "split:old", 0.75),
        ("large", "split:new", 0.25),
    }
    assert {decision.trace[1].detail for decision in decisions} == {"by key"}


def test_an_arm_may_be_a_route():
    decision = next(
        decision for key in "abcdefgh" if (decision := decide(SPLIT, "send: large", caller=Caller(key_hash=key))).alias == "large"
    )

    assert decision.route == "second"
    assert decision.trace == (
        Step(name="first", outcome="matched", detail="otherwise"),
        Step(name="split", outcome="new", detail="by key"),
        Step(name="second", outcome="taken", detail="chosen by an earlier route"),
    )


@pytest.mark.parametrize(
    ("by", "caller"),
    [
        ("key", Caller(key_hash="x")),
        ("key", Caller(key_alias="x")),
        ("user", Caller(user="x")),
        ("end_user", Caller(end_user="x")),
        ("team", Caller(team="x")),
    ],
)
def test_who_stays_in_one_arm_is_up_to_the_policy(by, caller):
    split = SPLIT.replace("arms", f"by: {by}, arms")
    arms = {decide(split, "send: large", caller=caller, request_id=request_id).reasons[1] for request_id in "abcdefgh"}
    alone = {decide(split, "send: large", request_id=request_id).trace[1].detail for request_id in "abcdefgh"}

    assert len(arms) == 1
    assert alone == {"by request"}


def test_another_seed_deals_the_callers_anew():
    def dealt(seed):
        split = SPLIT.replace("arms", f"seed: {seed}, arms")
        return [decide(split, "send: large", caller=Caller(key_hash=str(key))).alias for key in range(40)]

    assert dealt(1) == dealt(1) != dealt(2)


def test_an_arm_that_breaks_a_constraint_leaves_its_share_to_the_others():
    split = SPLIT.replace("{route: second}", "large")

    decisions = [decide(split, constraints=Constraints(max_latency_ms=100), request_id=request_id) for request_id in "abcdefgh"]

    assert {(decision.alias, decision.propensity, decision.degraded) for decision in decisions} == {("small", 1.0, ())}


TABLE = f"choose: {{strategy: per_caller, by: BY, map: {{gold: large, eu: {LADDER}}}, default: small}}"


@pytest.mark.parametrize(
    ("by", "caller"),
    [
        ("key_alias", Caller(key_alias="gold")),
        ("team", Caller(team="gold")),
        ("user", Caller(user="gold")),
        ("end_user", Caller(end_user="gold")),
        ("tier", Caller(tier="gold")),
        ("tag", Caller(tags=("other", "gold", "eu"))),
    ],
)
def test_a_caller_gets_what_the_table_says(by, caller):
    decision = decide(TABLE.replace("BY", by), caller=caller)

    assert decision.alias == "large"
    assert decision.reasons == ("otherwise", f"per_caller:{by}=gold")


def test_everybody_else_gets_the_default():
    decision = decide(TABLE.replace("BY", "tier"), caller=Caller(tier="bronze"))

    assert decision.alias == "small"
    assert decision.reasons == ("otherwise", "per_caller:tier=others")
    assert decision.trace[-1] == Step(name="per_caller", outcome="small", detail="default")


def test_a_table_is_the_operators_word_against_the_requests():
    decision = decide(TABLE.replace("BY", "tier"), caller=Caller(tier="gold"), constraints=Constraints(max_latency_ms=100))

    assert decision.alias == "large"
    assert decision.degraded == ("constraint_relaxed:latency",)


# --- whatever comes ----------------------------------------------------------------------------------------------------------------


def test_evidence_of_the_wrong_type_costs_the_choice_not_the_request():
    decision = decide(BANDS, signals=Signals(input_tokens="many"), classification=Classification(complexity="high"))  # type: ignore[arg-type]

    assert decision.alias == "large"
    assert decision.degraded == ("choice_failed:first",)
    assert decision.estimates == (Estimate(alias="large"), Estimate(alias="small"), Estimate(alias="sql"))
