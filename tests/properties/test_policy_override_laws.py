"""What holds for whatever a client asks for itself, under every policy."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from policy_texts import decided, documents, evidences, loaded, shares

from litellm_cascade.vocabulary import Band, Overrides

NAMES = ("max_cost_usd", "max_latency_ms", "min_quality", "alias", "band")
SOME = st.lists(st.sampled_from(NAMES))
WHO = ("true", "false", 'caller.tier == "gold"', "request.stream")


@st.composite
def cases(draw, allowed=SOME):
    """A policy that allows something, and a client that asks for something."""
    document = draw(documents())
    rule = draw(st.fixed_dictionaries({"allow": allowed}, optional={"when": st.sampled_from(WHO)}))
    limits = st.none() | st.floats(0, 1000)
    asked = st.builds(
        Overrides,
        max_cost_usd=limits,
        max_latency_ms=limits,
        min_quality=st.none() | shares,
        alias=st.none() | st.sampled_from(sorted(document["models"])) | st.text(max_size=5),
        band=st.none() | st.sampled_from(Band),
    )
    return document | {"overrides": rule}, draw(evidences), draw(asked)


def followed(decision):
    return {reason.partition(":")[2] for reason in decision.reasons if reason.startswith("override:")}


@given(cases())
def test_the_choice_stays_within_the_pool_and_a_cascade_has_a_gate(case):
    document, evidence, asked = case
    decision = decided(loaded(document), replace(evidence, overrides=asked))

    assert set(decision.ladder) <= document["models"].keys()
    assert set(decision.ladder) <= set(loaded(document).aliases)
    assert (decision.band is Band.CASCADE) == (decision.gate is not None)
    assert (decision.band is Band.ENSEMBLE) == (decision.ensemble is not None)
    assert (decision.band in {Band.CASCADE, Band.ENSEMBLE}) == (len(decision.ladder) > 1)


@given(cases())
def test_everything_that_is_asked_is_followed_or_named_as_ignored(case):
    document, evidence, asked = case
    decision = decided(loaded(document), replace(evidence, overrides=asked))

    assert followed(decision) <= set(document["overrides"]["allow"])
    assert sorted([*followed(decision), *decision.ignored_overrides]) == sorted(n for n in NAMES if getattr(asked, n) is not None)


@given(cases())
def test_what_is_ignored_never_changes_the_decision(case):
    document, evidence, asked = case
    policy = loaded(document)
    decision = decided(policy, replace(evidence, overrides=asked))

    without = replace(asked, **dict.fromkeys(decision.ignored_overrides))
    plain = decided(policy, replace(evidence, overrides=without))
    reasons = tuple(reason for reason in decision.reasons if not reason.startswith("override_ignored:"))
    assert replace(decision, reasons=reasons, ignored_overrides=()) == plain


@given(cases(allowed=st.just([])))
def test_a_policy_that_allows_nothing_is_moved_by_nothing(case):
    document, evidence, asked = case
    policy = loaded(document)
    decision, plain = decided(policy, replace(evidence, overrides=asked)), decided(policy, evidence)

    assert replace(decision, reasons=plain.reasons, ignored_overrides=()) == plain


@given(cases(allowed=st.just(["alias"])))
def test_an_alias_of_the_pool_that_may_be_asked_for_is_taken(case):
    document, evidence, asked = case
    document["overrides"].pop("when", None)
    decision = decided(loaded(document), replace(evidence, overrides=replace(asked, alias=min(document["models"]))))

    assert decision.ladder == (min(document["models"]),)


@given(cases(), st.data())
def test_a_decision_limited_to_some_aliases_asks_only_those_and_keeps_its_order(case, data):
    document, evidence, asked = case
    policy = loaded(document)
    decision = decided(policy, replace(evidence, overrides=asked))
    kept = data.draw(st.sets(st.sampled_from(decision.ladder), min_size=1))

    limited = policy.limited_to(decision, kept)

    assert limited.ladder == tuple(alias for alias in decision.ladder if alias in kept)
    assert {*limited.ladder, *limited.alternatives} == document["models"].keys()
    assert (limited.band is Band.CASCADE) == (limited.gate is not None)
    assert (limited.band is Band.ENSEMBLE) == (limited.ensemble is not None)
    assert (limited.band in {Band.CASCADE, Band.ENSEMBLE}) == (len(limited.ladder) > 1)
