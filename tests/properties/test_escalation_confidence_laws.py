"""What holds of every score and every judgement, whatever the tokens."""

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from litellm_cascade.escalation import SCORES, judge, measure
from litellm_cascade.escalation.confidence import LOWEST_LOGPROB
from litellm_cascade.vocabulary import Completion, Gate, Reason, TokenLogprob, ToolCall, Verdict

LOGPROBS = st.floats(-12, 0) | st.sampled_from([0.0, -100.0, -9999.0, -math.inf])
WORDS = st.sampled_from([" the", "42", "\n", "<think>", "answer", ".", "</", "think", ">"])
TOKENS = st.lists(st.builds(TokenLogprob, WORDS, LOGPROBS), min_size=1, max_size=40)
NOTHING = st.lists(st.builds(TokenLogprob, st.just(""), LOGPROBS), max_size=4)
PARTS = st.sampled_from(["all", "answer", "reasoning_and_answer"])
GATES = st.builds(
    Gate,
    name=st.just("gate"),
    score=st.sampled_from(sorted(SCORES)),
    of=PARTS,
    accept_at=st.floats(-120, 0),
    unknown=st.sampled_from(["accept", "escalate"]),
    also_escalate=st.frozensets(st.sampled_from(["empty", "truncated"])),
)
COMPLETIONS = st.builds(
    Completion,
    text=st.sampled_from(["", " \n", "yes"]),
    tool_calls=st.sampled_from([(), (ToolCall("search"),)]),
    tokens=st.none() | st.lists(st.builds(TokenLogprob, WORDS | st.just(""), LOGPROBS), max_size=10).map(tuple),
    finish_reason=st.sampled_from([None, "stop", "length", "tool_calls"]),
)


def score_of(tokens, score, part="all"):
    return measure(Gate(name="gate", score=score, of=part), tokens).score


@pytest.mark.parametrize("score", sorted(SCORES))
@given(tokens=TOKENS)
def test_a_score_is_a_finite_log_probability(score, tokens):
    assert -100.0 * len(tokens) <= score_of(tokens, score) <= 0


@given(TOKENS)
def test_the_mean_lies_between_the_least_and_the_most_certain_token(tokens):
    mean = score_of(tokens, "mean")
    floored = [max(token.logprob, LOWEST_LOGPROB) for token in tokens]
    assert score_of(tokens, "min") - 1e-9 <= mean <= max(floored) + 1e-9


@given(TOKENS)
def test_the_sum_is_never_above_the_minimum_and_is_the_mean_times_the_tokens(tokens):
    total = score_of(tokens, "sum")
    assert total <= score_of(tokens, "min") <= 0
    assert total == pytest.approx(score_of(tokens, "mean") * len(tokens), abs=1e-9)


@pytest.mark.parametrize("score", sorted(SCORES))
@given(tokens=TOKENS, data=st.data())
def test_the_order_of_the_tokens_changes_no_score_not_even_in_its_last_digit(score, tokens, data):
    assert score_of(data.draw(st.permutations(tokens)), score) == score_of(tokens, score)


@pytest.mark.parametrize("score", sorted(SCORES))
@given(tokens=TOKENS, data=st.data())
def test_a_more_certain_token_never_lowers_a_score(score, tokens, data):
    at = data.draw(st.integers(0, len(tokens) - 1))
    raised = data.draw(st.floats(max(tokens[at].logprob, -200.0), 0))
    more_certain = [*tokens[:at], TokenLogprob(tokens[at].token, raised), *tokens[at + 1 :]]
    assert score_of(more_certain, score) >= score_of(tokens, score)


@given(gate=GATES, tokens=TOKENS, data=st.data())
def test_tokens_without_text_count_for_nothing_wherever_they_stand(gate, tokens, data):
    padded = list(tokens)
    for empty in data.draw(NOTHING):
        padded.insert(data.draw(st.integers(0, len(padded))), empty)
    assert measure(gate, padded) == measure(gate, tokens)


@given(gate=GATES, tokens=NOTHING | st.none())
def test_nothing_to_judge_is_unknown_and_not_low(gate, tokens):
    confidence = measure(gate, tokens)
    assert (confidence.score, confidence.band, confidence.tokens) == (None, "unknown", 0)


@pytest.mark.parametrize("tag", [("</think>",), ("</", "think", ">"), (" so</th", "ink>\n")])
@given(reasoning=TOKENS, answer=st.lists(st.builds(TokenLogprob, st.sampled_from(["42", " is", "."]), LOGPROBS), min_size=1, max_size=10))
def test_only_what_follows_the_reasoning_is_the_answer(tag, reasoning, answer):
    tokens = [*reasoning, *(TokenLogprob(text, -7.0) for text in tag), *answer]
    gate = Gate(name="gate", score="sum", of="answer")
    assert measure(gate, tokens) == measure(gate, answer)


@given(gate=GATES, tokens=st.lists(st.builds(TokenLogprob, st.sampled_from(["42", " is", "."]), LOGPROBS), max_size=10))
def test_without_reasoning_every_part_is_the_whole(gate, tokens):
    assert measure(replace(gate, of="answer"), tokens) == measure(replace(gate, of="all"), tokens)


@given(gate=GATES, tokens=TOKENS)
def test_the_band_says_on_which_side_of_the_threshold_the_score_lies(gate, tokens):
    confidence = measure(gate, tokens)
    assume(confidence.score is not None)
    assert confidence.band == ("high" if confidence.score >= gate.accept_at else "low")
    assert confidence.threshold == gate.accept_at


# --- judging -------------------------------------------------------------------------------------------------------------------------


@given(gate=GATES, completion=COMPLETIONS, complete=st.booleans())
def test_judging_is_total_and_always_shows_the_confidence_behind_it(gate, completion, complete):
    judgement = judge(gate, completion, complete=complete)
    assert judgement.confidence == measure(gate, completion.tokens)
    assert judgement == judge(gate, completion, complete=complete)


@given(gate=GATES, completion=COMPLETIONS, complete=st.booleans(), lower=st.floats(-200, 0))
def test_asking_for_more_never_turns_escalate_into_accept(gate, completion, complete, lower):
    assume(lower <= gate.accept_at)
    if judge(replace(gate, accept_at=lower), completion, complete=complete).verdict is Verdict.ESCALATE:
        assert judge(gate, completion, complete=complete).verdict is Verdict.ESCALATE


@given(gate=GATES, completion=COMPLETIONS)
def test_listing_a_defect_never_turns_escalate_into_accept(gate, completion):
    if judge(replace(gate, also_escalate=frozenset()), completion, complete=True).verdict is Verdict.ESCALATE:
        assert judge(gate, completion, complete=True).verdict is Verdict.ESCALATE


@given(gate=GATES, completion=COMPLETIONS)
def test_part_of_an_answer_is_neither_empty_nor_truncated(gate, completion):
    assert judge(gate, completion, complete=False) == judge(replace(gate, also_escalate=frozenset()), completion, complete=True)


@given(gate=GATES, completion=COMPLETIONS)
def test_a_listed_defect_escalates_whatever_the_score(gate, completion):
    empty = not completion.text.strip() and not completion.tool_calls
    found = {"empty"} if empty else set()
    found |= {"truncated"} if completion.finish_reason == "length" else set()
    judgement = judge(gate, completion, complete=True)
    if found & gate.also_escalate:
        assert judgement.verdict is Verdict.ESCALATE
        assert judgement.reason.value in found & gate.also_escalate
    else:
        assert judgement.reason not in {Reason.EMPTY, Reason.TRUNCATED}


@given(gate=GATES, completion=COMPLETIONS)
def test_an_unknown_confidence_does_what_the_gate_says(gate, completion):
    judgement = judge(gate, completion, complete=False)
    if judgement.reason is Reason.UNKNOWN_CONFIDENCE:
        assert judgement.confidence.score is None
        assert judgement.verdict is Verdict(gate.unknown)
    else:
        assert judgement.confidence.score is not None
        assert (judgement.verdict is Verdict.ACCEPT) is (judgement.reason is Reason.CONFIDENT)
