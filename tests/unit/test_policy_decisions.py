"""What a policy decides, and what a decision says about itself."""

from __future__ import annotations

import pytest

from litellm_cascade.policy import parse_policy
from litellm_cascade.vocabulary import (
    Abstention,
    Band,
    Caller,
    Classification,
    Endpoint,
    Envelope,
    Evidence,
    Gate,
    Signals,
    Step,
    StreamJudging,
)

POLICY = """
version: 1
name: example
models:
  small: {tier: budget}
  sql: {tier: standard}
  large: {tier: premium}
routes:
  - name: gold callers
    when: caller.tier == "gold"
    send: large
  - name: queries
    when: '"sql" in signals.markup'
    send: sql
  - name: the rest
    cascade: [small, large]
    gate: careful
gates:
  careful: {accept_at: -0.35}
"""


def evidence(**known) -> Evidence:
    return Evidence(envelope=Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="example"), **known)


def decide(text: str, **known):
    return parse_policy(text).decide(evidence(**known))


def test_the_first_route_whose_condition_holds_decides():
    decision = decide(POLICY, caller=Caller(tier="gold"), signals=Signals(markup=("sql",)))

    assert decision.route == "gold callers"
    assert decision.alias == "large"
    assert decision.band is Band.LARGE
    assert decision.gate is None


def test_a_decision_shows_what_was_looked_at_and_why_it_was_taken():
    decision = decide(POLICY, signals=Signals(markup=("sql",)))

    assert decision.policy == "example"
    assert decision.ladder == ("sql",)
    assert decision.band is Band.SMALL
    assert decision.reasons == ('when:"sql" in signals.markup',)
    assert decision.alternatives == ("large", "small")
    assert decision.propensity == 1.0
    assert decision.trace == (
        Step(name="gold callers", outcome="skipped", detail='caller.tier == "gold"'),
        Step(name="queries", outcome="matched", detail='"sql" in signals.markup'),
    )


def test_a_cascade_carries_its_gate_with_every_default():
    decision = decide(POLICY)

    assert decision.band is Band.CASCADE
    assert decision.ladder == ("small", "large")
    assert decision.reasons == ("otherwise",)
    assert decision.gate == Gate(
        name="careful",
        score="mean",
        of="reasoning_and_answer",
        accept_at=-0.35,
        unknown="accept",
        also_escalate=frozenset(),
        stream=StreamJudging(judge="prefix", tokens=24, within_ms=400.0),
        whole_within_ms=120_000.0,
        first_chunk_within_ms=30_000.0,
    )


def test_a_gate_says_what_was_written():
    text = POLICY.replace(
        "{accept_at: -0.35}",
        "{accept_at: -2, confidence: {score: sum, of: answer}, unknown: escalate, also_escalate: [truncated, empty],"
        " stream: {judge: off, tokens: 7, within_ms: 9}, deadline: {whole_ms: 1000, first_chunk_ms: 50}}",
    )

    assert decide(text).gate == Gate(
        name="careful",
        score="sum",
        of="answer",
        accept_at=-2.0,
        unknown="escalate",
        also_escalate=frozenset({"empty", "truncated"}),
        stream=StreamJudging(judge="off", tokens=7, within_ms=9.0),
        whole_within_ms=1000.0,
        first_chunk_within_ms=50.0,
    )


@pytest.mark.parametrize(
    ("written", "abstention"),
    [
        ("{then: flag}", Abstention(below=-0.35, then="flag")),
        ("{below: -2, then: error}", Abstention(below=-2.0, then="error")),
        ("{below: -2, then: large}", Abstention(below=-2.0, then="large", large="large")),
    ],
)
def test_a_gate_says_what_comes_of_doubt(written, abstention):
    assert decide(POLICY.replace("{accept_at: -0.35}", f"{{accept_at: -0.35, abstain: {written}}}")).gate.abstain == abstention


def test_the_largest_can_be_asked_where_doubt_goes_on_to_it():
    text = POLICY.replace("{accept_at: -0.35}", "{accept_at: -0.35, abstain: {then: large}}").replace("[small, large]", "[small, sql]")
    policy = parse_policy(text)
    decision = decide(text)
    assert decision.ladder == ("small", "sql")
    assert decision.aliases == ("small", "sql", "large")
    assert "large" in policy.aliases
    assert policy.limited_to(decision, ["small", "sql", "large"]) is decision
    limited = policy.limited_to(decision, ["small", "sql"])
    assert (limited.aliases, limited.gate.abstain.large) == (("small", "sql"), None)


def test_what_cannot_pass_through_a_cascade_is_sent_to_its_last_rung():
    decision = decide(POLICY, direct_only="several choices")

    assert decision.route == "the rest"
    assert decision.band is Band.LARGE
    assert decision.ladder == ("large",)
    assert decision.gate is None
    assert decision.reasons == ("otherwise", "direct_only:several choices")
    assert decision.alternatives == ("small", "sql")


def test_what_cannot_pass_through_a_cascade_may_still_be_sent_to_a_cheap_alias():
    decision = decide(POLICY, direct_only="several choices", signals=Signals(markup=("sql",)))

    assert decision.ladder == ("sql",)
    assert decision.reasons == ('when:"sql" in signals.markup',)


def test_the_highest_tier_that_is_there_counts_as_large():
    text = "{version: 1, name: x, models: {a: {tier: standard}, b: {tier: budget}}, routes: [{name: all, send: %s}]}"

    assert decide(text % "a").band is Band.LARGE
    assert decide(text % "b").band is Band.SMALL


def test_among_equals_the_last_of_the_pool_counts_as_large():
    text = "{version: 1, name: x, models: {b: {tier: premium}, a: {tier: premium}}, routes: [{name: all, send: %s}]}"

    assert decide(text % "a").band is Band.LARGE
    assert decide(text % "b").band is Band.SMALL


def test_a_condition_that_fails_on_a_request_counts_as_false_and_is_named():
    text = POLICY.replace('caller.tier == "gold"', "100 / (signals.turns - 7) > 1000")

    decision = decide(text, signals=Signals(turns=7))

    assert decision.route == "the rest"
    assert decision.degraded == ("condition_failed:gold callers",)
    assert [step.outcome for step in decision.trace] == ["failed", "skipped", "matched"]


def test_evidence_that_cel_cannot_hold_fails_the_conditions_not_the_request():
    decision = decide(POLICY, signals=Signals(markup=7))  # type: ignore[arg-type]

    assert decision.route == "the rest"
    assert decision.degraded == ("condition_failed:gold callers", "condition_failed:queries")


def test_a_failed_condition_and_a_cascade_that_is_not_possible_are_both_told():
    text = POLICY.replace('caller.tier == "gold"', "100 / (signals.turns - 7) > 1000")

    decision = decide(text, signals=Signals(turns=7), direct_only="several choices")

    assert decision.ladder == ("large",)
    assert decision.degraded == ("condition_failed:gold callers",)


def test_unknown_numbers_are_neutral_and_never_null():
    text = POLICY.replace('caller.tier == "gold"', 'signals.temperature == -1.0 && signals.max_output_tokens == 0 && caller.tier == ""')

    assert decide(text, signals=Signals(temperature=float("nan"))).route == "gold callers"
    assert decide(text, signals=Signals(temperature=0.0)).route == "the rest"


def test_whole_temperatures_are_decimals_to_a_condition():
    text = POLICY.replace('caller.tier == "gold"', "signals.temperature * 2.0 > 1.5")

    assert decide(text, signals=Signals(temperature=1)).route == "gold callers"


def test_every_task_and_dimension_has_a_value():
    condition = 'classification.task_probabilities["Rewrite"] == 0.0 && classification.dimensions.reasoning == 0.5'
    text = POLICY.replace('caller.tier == "gold"', condition)

    decision = decide(text, classification=Classification(dimensions={"reasoning": 0.5, "creativity_scope": float("nan")}))

    assert decision.route == "gold callers"


def test_a_policy_says_what_its_routes_can_reach():
    policy = parse_policy(POLICY)

    assert policy.name == "example"
    assert policy.aliases == ("large", "sql", "small")
    assert policy.ladders == (("small", "large"),)
    assert policy.document.description == ""
    assert policy.gates.keys() == {"careful"}


def test_the_digest_ignores_comments_layout_and_the_order_of_keys():
    reordered = """
# a comment
gates: {careful: {stream: {judge: prefix}, accept_at: -0.350}}
routes:
  - {send: large, name: gold callers, when: 'caller.tier == "gold"'}
  - {send: sql, name: queries, when: "\\"sql\\" in signals.markup"}
  - {gate: careful, cascade: [small, large], name: the rest}
models: {large: {tier: premium}, small: {tier: budget}, sql: {tier: standard}}
name: example
version: 1
"""

    assert parse_policy(reordered).digest == parse_policy(POLICY).digest


def test_the_digest_changes_with_what_is_decided():
    digests = {parse_policy(POLICY).digest}
    for old, new in (("-0.35", "-0.36"), ("send: sql", "send: small"), ("[small, large]", "[sql, large]"), ('"gold"', '"silver"')):
        digests.add(parse_policy(POLICY.replace(old, new)).digest)

    assert len(digests) == 5


def test_the_digest_tells_apart_pools_in_which_another_alias_counts_as_large():
    text = "{version: 1, name: x, models: {%s: {tier: premium}, %s: {tier: premium}}, routes: [{name: all, send: a}]}"

    assert parse_policy(text % ("a", "b")).digest != parse_policy(text % ("b", "a")).digest


def test_a_digest_is_shown_with_sixteen_digits():
    policy = parse_policy(POLICY)

    assert policy.short_digest == policy.digest[:23]
    assert len(policy.digest) == 71


def test_a_gate_that_no_route_uses_is_kept_for_later():
    policy = parse_policy(POLICY + "  spare: {accept_at: -1}\n")

    assert policy.gates["spare"].accept_at == -1.0
