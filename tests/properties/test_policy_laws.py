"""What holds for every policy and every request."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_texts import MARK, decided, documents, ensembles_in, evidences, gates_in, leads, loaded, written

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import parse_policy
from litellm_cascade.policy.trial import checked
from litellm_cascade.vocabulary import Band

# --- laws --------------------------------------------------------------------------------------------------------------------------


@given(documents(), evidences)
def test_every_valid_policy_decides_every_request_with_an_alias_of_its_pool(document, evidence):
    decision = decided(loaded(document), evidence)

    assert decision.ladder
    assert set(decision.ladder) <= document["models"].keys()
    assert {*decision.ladder, *decision.alternatives} == document["models"].keys()
    assert not set(decision.ladder) & set(decision.alternatives)


@given(documents(), evidences)
def test_a_cascade_has_rungs_and_a_gate_and_nothing_else_has(document, evidence):
    decision = decided(loaded(document), evidence)

    assert (decision.band in {Band.CASCADE, Band.ENSEMBLE}) == (len(decision.ladder) > 1)
    assert (decision.band is Band.CASCADE) == (decision.gate is not None)
    assert (decision.band is Band.ENSEMBLE) == (decision.ensemble is not None)
    assert decision.band is Band.CASCADE or not (decision.hedge or decision.carry_over)
    assert not (decision.hedge and decision.carry_over)


@given(documents(), evidences)
def test_equal_evidence_gets_an_equal_decision(document, evidence):
    policy, again = loaded(document), loaded(document)

    assert policy.decide(evidence) == policy.decide(evidence) == again.decide(evidence)


@given(documents(), evidences)
def test_the_trace_shows_the_routes_before_the_one_that_took_the_request_and_those_it_led_to(document, evidence):
    decision = decided(loaded(document), evidence)

    names = [route["name"] for route in document["routes"]]
    matched = next(place for place, step in enumerate(decision.trace) if step.outcome == "matched")
    assert [step.name for step in decision.trace[: matched + 1]] == names[: matched + 1]
    assert [step.outcome for step in decision.trace[:matched]] == ["skipped"] * matched
    assert [step.name for step in decision.trace[matched:] if step.outcome in ("matched", "taken")][-1] == decision.route


@given(documents(), evidences)
def test_a_condition_that_was_accepted_never_fails(document, evidence):
    degraded = decided(loaded(document), evidence).degraded

    assert [entry for entry in degraded if not entry.startswith(("constraint_relaxed:", "unfit:"))] == []


@given(documents(), evidences)
def test_an_alias_that_cannot_answer_is_asked_only_where_nobody_on_the_ladder_can(document, evidence):
    policy = loaded(document)
    unfit, decision = policy.fitness.unfit(evidence), decided(policy, evidence)

    assert set(decision.ladder) <= unfit.keys() or not set(decision.ladder) & unfit.keys()


@given(documents(), evidences)
def test_a_request_that_cannot_pass_through_a_cascade_goes_to_the_last_rung(document, evidence):
    policy = loaded(document)
    free = decided(policy, replace(evidence, direct_only=None))
    bound = decided(policy, replace(evidence, direct_only="several choices"))

    assert bound.ladder == (free.ladder[:1] if free.band is Band.ENSEMBLE else free.ladder[-1:])
    assert bound.band is Band.LARGE if free.band is Band.CASCADE else bound.band in {free.band, Band.LARGE, Band.SMALL}
    assert (bound.ensemble, bound.gate) == (None, None)
    assert ("direct_only:several choices" in bound.reasons) == (free.band in {Band.CASCADE, Band.ENSEMBLE})


@given(documents(), evidences)
def test_no_decision_repeats_what_the_caller_wrote(document, evidence):
    assert MARK not in repr(decided(loaded(document), evidence))


@given(documents())
def test_a_loaded_policy_written_out_again_has_the_same_digest(document):
    policy = loaded(document)

    assert loaded(policy.document.model_dump(mode="json")).digest == policy.digest
    assert re.fullmatch("sha256:[0-9a-f]{64}", policy.digest)


@given(documents(), st.randoms(use_true_random=False), evidences)
def test_policies_of_one_digest_decide_alike_in_whatever_order_their_keys_are_written(document, random, evidence):
    policy, other = loaded(document), loaded(_shuffled(document, random))

    assert (policy.digest == other.digest) == (policy.document.largest == other.document.largest)
    if policy.digest == other.digest:
        assert decided(policy, evidence) == decided(other, evidence)


def _shuffled(value, random):
    if isinstance(value, list):
        return [_shuffled(item, random) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    random.shuffle(keys)
    return {key: _shuffled(value[key], random) for key in keys}


@given(documents())
def test_what_routes_can_reach_is_what_the_policy_says(document):
    policy = loaded(document)

    members = {alias for of, judge in ensembles_in(document) for alias in (*of, judge) if alias is not None}
    abstain = [document["gates"][gate].get("abstain", {}) for gate in gates_in(document["routes"])]
    in_doubt = {policy.document.largest} if any(rule.get("then") == "large" for rule in abstain) else set()
    assert set(policy.aliases) == members | in_doubt | {alias for ladder in leads(document) for alias in ladder}
    assert set(policy.ladders) == {ladder for ladder in leads(document) if len(ladder) > 1}


@given(
    st.text(max_size=60)
    | documents().map(written).flatmap(lambda text: st.sampled_from(range(len(text))).map(lambda at: text[:at] + text[at + 1 :]))
)
def test_any_text_is_a_policy_or_an_error_with_positions(text):
    try:
        problems = ()
        parse_policy(text, name="policy.yaml")
    except PolicyError as error:
        problems = error.problems or ("no problem named",)
    for problem in problems:
        assert re.match(r"policy\.yaml:\d+:\d+: \$", problem), problem


WORDS = r"""signals tools request stream classification dimensions known . ( ) [ ] { } && || ! ? : == != < > + - * / % , in true false null
1 1.0 'a' "b" x size has exists matches // \ ' " @ # é"""
words = st.sampled_from([*WORDS.split(), "\n"])


@given(st.text(max_size=30) | st.lists(words, max_size=14).map(" ".join) | st.lists(words, max_size=14).map("".join))
def test_any_text_is_a_condition_or_has_faults_within_it(text):
    condition, faults = checked(text)

    assert (condition is None) == bool(faults)
    assert all(0 <= fault.offset <= len(text) for fault in faults)


@pytest.mark.parametrize(
    "text", ["(" * 900 + "true" + ")" * 900, "!" * 1990 + "true", "[" * 990 + "]" * 990, "-" * 1990 + "1", "x" * 2001, "a." * 999 + "b"]
)
def test_a_condition_cannot_exhaust_whoever_reads_it(text):
    condition, faults = checked(text)

    assert (condition is None) == bool(faults)
