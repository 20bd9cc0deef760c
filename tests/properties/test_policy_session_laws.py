"""What holds for whatever happened earlier in a conversation, under every policy."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st
from policy_texts import decided, documents, evidences, loaded

from litellm_cascade.policy.pool import TIERS
from litellm_cascade.vocabulary import Band, Overrides, Session

STICK = st.sampled_from(["never", "alias", "band"])
EITHER = st.booleans()


@st.composite
def cases(draw, stick=STICK, results=EITHER):
    """A policy, a request, and a conversation it may belong to."""
    document, evidence = draw(documents()), draw(evidences)
    alias = st.none() | st.sampled_from(sorted(document["models"]))
    session = Session(alias=draw(alias), turns=draw(st.integers(0, 9)), bound_to=draw(alias))
    signals = replace(evidence.signals, continues_tool_call=draw(results))
    return document | {"sessions": {"stick": draw(stick)}}, replace(evidence, signals=signals), session


def tier(document, alias):
    return TIERS.index(document["models"][alias]["tier"])


@given(cases())
def test_the_choice_stays_within_what_may_be_asked_and_a_cascade_has_a_gate(case):
    document, evidence, session = case
    policy = loaded(document)
    decision = decided(policy, replace(evidence, session=session))

    assert set(decision.ladder) <= set(policy.aliases)
    assert (decision.band is Band.CASCADE) == (decision.gate is not None)
    assert (decision.band is Band.ENSEMBLE) == (decision.ensemble is not None)
    assert (decision.band in {Band.CASCADE, Band.ENSEMBLE}) == (len(decision.ladder) > 1)


@given(cases(results=st.just(True)))
def test_a_tool_result_never_goes_to_another_alias_than_the_call_and_never_through_a_cascade(case):
    document, evidence, session = case
    policy = loaded(document)
    decision = decided(policy, replace(evidence, session=session))

    assert len(decision.ladder) == 1
    if session.bound_to in policy.aliases:
        assert decision.ladder == (session.bound_to,)


@given(cases(stick=st.just("never"), results=st.just(False)))
def test_where_nothing_sticks_and_nothing_is_bound_the_past_changes_nothing(case):
    document, evidence, session = case
    policy = loaded(document)
    assume(not policy.remembers)

    assert decided(policy, replace(evidence, session=replace(session, bound_to=None))) == decided(
        policy, replace(evidence, session=Session())
    )


@given(cases(stick=st.sampled_from(["alias", "band"]), results=st.just(False)))
def test_stickiness_only_ever_leaves_out_what_is_below_the_alias_that_answered(case):
    document, evidence, session = case
    policy = loaded(document)
    assume(not any(name.startswith("session.") for name in policy.names))
    evidence = replace(evidence, overrides=Overrides())
    plain = decided(policy, replace(evidence, session=Session()))
    stuck = decided(policy, replace(evidence, session=replace(session, bound_to=None)))

    if stuck.ladder != plain.ladder:
        assert session.alias is not None
        assert set(stuck.ladder) <= {*plain.ladder, session.alias}
        assert stuck.ladder[0] == session.alias or tier(document, stuck.ladder[0]) >= tier(document, session.alias)
        assert any(reason.startswith("session:") for reason in stuck.reasons)


@given(cases())
def test_a_client_that_may_choose_its_alias_is_not_overruled_by_the_past(case):
    document, evidence, session = case
    policy = loaded(document | {"overrides": {"allow": ["alias"]}})
    alias = min(document["models"])

    assert decided(policy, replace(evidence, session=session, overrides=Overrides(alias=alias))).ladder == (alias,)
