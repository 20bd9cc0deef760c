import math

import pytest

from litellm_cascade.escalation import judge, measure
from litellm_cascade.vocabulary import Completion, Gate, Reason, TokenLogprob, ToolCall, Verdict

TOKENS = tuple(TokenLogprob(*said) for said in (("<think>", -3.0), ("</think>", -0.5), ("4", -0.25), ("2", -0.75), ("", -9.0)))


@pytest.mark.parametrize(
    ("score", "of", "expected", "tokens"),
    [
        ("mean", "all", -1.125, 4),
        ("min", "all", -3.0, 4),
        ("sum", "reasoning_and_answer", -4.5, 4),
        ("mean", "answer", -0.5, 2),
        ("min", "answer", -0.75, 2),
        ("sum", "answer", -1.0, 2),
    ],
)
def test_a_score_by_hand(score, of, expected, tokens):
    confidence = measure(Gate(name="gate", score=score, of=of, accept_at=-0.35), TOKENS)
    assert (confidence.name, confidence.score, confidence.threshold, confidence.tokens) == (score, expected, -0.35, tokens)


@pytest.mark.parametrize("impossible", [-100.0, -100.5, -9999.0, -math.inf, math.nan])
def test_a_practically_impossible_token_counts_as_minus_one_hundred(impossible):
    assert measure(Gate(name="gate", score="min"), [TokenLogprob("x", impossible)]).score == -100.0


def test_the_last_end_of_reasoning_counts():
    tokens = [TokenLogprob("</think>", -1.0), TokenLogprob("no", -2.0), TokenLogprob("</think>", -4.0), TokenLogprob("yes", -8.0)]
    assert measure(Gate(name="gate", score="sum", of="answer"), tokens).score == -8.0


def test_reasoning_without_an_answer_is_unknown():
    assert measure(Gate(name="gate", of="answer"), [TokenLogprob("hm", -1.0), TokenLogprob("</think>", -1.0)]).score is None


def test_a_score_at_the_threshold_is_accepted():
    gate = Gate(name="gate", score="mean", accept_at=-0.5)
    at, below = (Completion(text="x", tokens=(TokenLogprob("x", logprob),)) for logprob in (-0.5, math.nextafter(-0.5, -1)))
    assert judge(gate, at, complete=True).verdict is Verdict.ACCEPT
    assert judge(gate, below, complete=True).verdict is Verdict.ESCALATE


def test_an_empty_and_truncated_answer_escalates_when_only_truncated_is_listed():
    gate = Gate(name="gate", accept_at=-1.0, also_escalate=frozenset({"truncated"}))
    thought_too_long = Completion(text="", tokens=(TokenLogprob("hm", -0.1),), finish_reason="length")
    judgement = judge(gate, thought_too_long, complete=True)
    assert (judgement.verdict, judgement.reason) == (Verdict.ESCALATE, Reason.TRUNCATED)


def test_a_tool_call_is_not_an_empty_answer():
    gate = Gate(name="gate", accept_at=-1.0, also_escalate=frozenset({"empty"}))
    called = Completion(tool_calls=(ToolCall("search"),), tokens=(TokenLogprob("{", -0.1),), finish_reason="tool_calls")
    assert judge(gate, called, complete=True).reason is Reason.CONFIDENT
