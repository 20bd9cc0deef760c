"""A conversation stays where it was answered; what one model alone can go on with goes back to it."""

from __future__ import annotations

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import parse_policy
from litellm_cascade.vocabulary import Band, Caller, Constraints, Endpoint, Envelope, Evidence, Load, Overrides, Session, Signals

POLICY = """\
version: 1
name: example
models:
  small: {tier: budget, latency_ms: 60}
  sql: {tier: standard, latency_ms: 120}
  large: {tier: premium, latency_ms: 600}
routes:
  - {name: secrets, when: caller.team == "secret", send: small}
  - {name: short, when: signals.input_tokens < 10, send: small, stick: true}
  - {name: queries, when: '"sql" in signals.markup', cascade: [sql, large], gate: careful}
  - {name: long, when: signals.input_tokens > 1000, cascade: [small, sql, large], gate: careful}
  - {name: the rest, cascade: [small, large], gate: careful}
gates:
  careful: {accept_at: -0.35}
overrides: {allow: [band, max_latency_ms]}
sessions: {stick: alias}
"""
ALIAS, BAND, NEVER = POLICY, POLICY.replace("stick: alias", "stick: band"), POLICY.replace("stick: alias", "stick: never")


def decide(text=POLICY, alias=None, bound_to=None, tokens=100, is_result=False, **evidence):
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="example")
    signals = Signals(input_tokens=tokens, continues_tool_call=is_result)
    session = Session(alias=alias, turns=int(alias is not None), bound_to=bound_to)
    return parse_policy(text).decide(Evidence(envelope=envelope, signals=signals, session=session, **evidence))


@pytest.mark.parametrize(
    ("text", "alias", "tokens", "ladder"),
    [
        (ALIAS, None, 100, ("small", "large")),
        (ALIAS, "small", 100, ("small", "large")),
        (ALIAS, "large", 100, ("large",)),
        (ALIAS, "gone", 100, ("small", "large")),
        (ALIAS, "sql", 100, ("large",)),  # small is below it, and it is no rung here
        (ALIAS, "sql", 2000, ("sql", "large")),
        (ALIAS, "large", 5, ("large",)),  # a send that may be moved
        (ALIAS, "small", 5, ("small",)),
        (BAND, "large", 100, ("large",)),
        (BAND, "sql", 2000, ("small", "sql", "large")),
        (NEVER, "large", 100, ("small", "large")),
    ],
)
def test_a_later_turn_starts_where_the_one_before_was_answered(text, alias, tokens, ladder):
    decision = decide(text, alias, tokens=tokens)

    assert decision.ladder == ladder
    assert (decision.gate is not None) == (len(ladder) > 1)


def test_a_decision_says_that_the_conversation_moved_it():
    decision = decide(alias="large")

    assert (decision.band, decision.route) == (Band.LARGE, "the rest")
    assert decision.reasons == ("otherwise", "session:alias")
    assert [(step.name, step.outcome, step.detail) for step in decision.trace][-1] == ("session", "alias", "large")


def test_an_alias_that_cannot_answer_now_is_not_kept():
    assert decide(alias="large", load={"large": Load(cooling_down=True)}).ladder == ("small",)


def test_a_limit_the_request_sets_goes_before_the_conversation():
    assert decide(alias="large", constraints=Constraints(max_latency_ms=100)).ladder == ("small",)


def test_the_operator_s_word_is_not_moved_unless_it_says_so():
    assert decide(alias="large", caller=Caller(team="secret")).ladder == ("small",)


def test_what_a_client_may_choose_goes_before_the_conversation():
    decision = decide(alias="large", overrides=Overrides(band=Band.CASCADE))

    assert (decision.band, decision.ladder) == (Band.CASCADE, ("small", "large"))


@pytest.mark.parametrize("text", [ALIAS, NEVER])
@pytest.mark.parametrize("bound_to", ["small", "sql", "large"])
def test_a_tool_s_result_goes_to_the_alias_that_called_it(text, bound_to):
    decision = decide(text, bound_to=bound_to, is_result=True)

    assert (decision.ladder, decision.gate) == ((bound_to,), None)
    assert "session:tool_call" in decision.reasons


def test_a_response_goes_on_where_it_is_kept():
    decision = decide(NEVER, bound_to="sql")

    assert (decision.ladder, decision.reasons[-1]) == (("sql",), "session:earlier_response")


def test_a_result_of_an_unknown_call_goes_to_the_last_rung_unjudged():
    decision = decide(NEVER, bound_to="gone", is_result=True)

    assert (decision.ladder, decision.band, decision.reasons[-1]) == (("large",), Band.LARGE, "session:unknown_tool_call")
    assert decide(NEVER, is_result=True, tokens=5).ladder == ("small",)


def test_a_band_that_a_client_asks_for_never_splits_a_call_from_its_result():
    assert decide(bound_to="small", is_result=True, overrides=Overrides(band=Band.CASCADE)).ladder == ("small",)


def test_an_alias_no_route_leads_to_is_not_asked_though_it_answered_once():
    text = POLICY.replace(
        "  large: {tier: premium, latency_ms: 600}\n", "  large: {tier: premium, latency_ms: 600}\n  old: {tier: premium}\n"
    )
    text = text.replace("overrides: {allow: [band, max_latency_ms]}\n", "")

    assert decide(text, "old").ladder == ("small", "large")
    assert decide(text, bound_to="old", is_result=True).ladder == ("large",)


def test_a_policy_knows_whether_the_past_matters():
    assert parse_policy(ALIAS).remembers
    assert not parse_policy(NEVER).remembers
    assert parse_policy(NEVER.replace('caller.team == "secret"', "session.turns > 3")).remembers


def test_the_ways_of_knowing_a_conversation_are_a_set():
    rule = parse_policy(POLICY.replace("stick: alias", "stick: alias, by: [id, beginning, id]")).document.sessions
    assert rule.by == ("beginning", "id")


@pytest.mark.parametrize("wrong", ["stick: always", "stick: alias, minutes: 0", "stick: alias, by: []", "stick: alias, for: 30m"])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(PolicyError, match="sessions"):
        parse_policy(POLICY.replace("stick: alias", wrong))
