import math

import pytest

from litellm_cascade.escalation import alternatives_for, features, judge, measure, prompts
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
        ("sum", "numbers", -1.0, 2),
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


# --- quantiles, groups, alternatives -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "options", "expected"),
    [
        ("quantile", {"q": 0.0}, -3.0),
        ("quantile", {"q": 0.5}, -0.625),
        ("quantile", {"q": 1 / 3}, -0.75),
        ("quantile", {"q": 1.0}, -0.25),
        ("lowest_group", {"window": 1}, -3.0),
        ("lowest_group", {"window": 2}, -1.75),
        ("lowest_group", {"window": 4}, -1.125),
        ("lowest_group", {"window": 9}, -1.125),
        ("margin", {}, None),
        ("entropy", {}, None),
        ("self_check", {}, None),
    ],
)
def test_more_scores_by_hand(score, options, expected):
    assert measure(Gate(name="gate", score=score, of="all", **options), TOKENS).score == pytest.approx(expected)


def test_scores_over_alternatives_by_hand():
    half = math.log(0.5)
    torn, sure, lone = TokenLogprob("a", half, (half, half)), TokenLogprob("b", 0.0, (0.0, -math.inf)), TokenLogprob("c", -9.0, (-9.0,))
    assert measure(Gate(name="gate", score="margin"), [torn, sure, lone]).score == pytest.approx(0.5)
    assert measure(Gate(name="gate", score="entropy"), [torn, sure, lone]).score == pytest.approx(0.5)
    found = features([torn, sure, lone])
    assert (found["margin"], found["entropy"], found["tokens"]) == (pytest.approx(0.5), pytest.approx(0.5), 3.0)


def test_features_by_hand():
    assert features(TOKENS, "answer") == {
        "tokens": 2.0,
        "mean": -0.5,
        "min": -0.75,
        "sum": -1.0,
        "lowest_group": -0.5,
        "q10": pytest.approx(-0.7),
        "q25": -0.625,
        "q50": -0.5,
        "numbers": 2.0,
        "numbers_mean": -0.5,
        "numbers_min": -0.75,
        "numbers_sum": -1.0,
    }
    assert features(None) == {"tokens": 0.0}


def test_a_provider_is_asked_for_no_more_alternatives_than_are_looked_at():
    wanted = {score: alternatives_for(score) for score in ("mean", "q10", "numbers_sum", "margin", "entropy", "self_check", "agreement")}
    assert wanted == {"mean": 1, "q10": 1, "numbers_sum": 1, "margin": 2, "entropy": 5, "self_check": 0, "agreement": 0}


# --- parts ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "places"),
    [
        (('{"', "city", '": "', "Bern", '", "n": ', "12", "}"), {4, 6}),
        (('{"', "city", '": "', "Be"), {4}),
        (('{"', "a", '": [', "true", ", ", "null", '], "b": {"c": "', "x", '\\"y', '"}}', " done"), {4, 6, 8, 9}),
        (("Here: ", "```json\n", "[", "1", "]", "\n```", " and [2]"), {4}),
        (('{"',), set()),
        (("</think>", '"', "no json"), {2, 3}),
        (("<think>{1}", "</think>", "[", '"a', "\\"), {4, 5}),
    ],
)
def test_the_values_of_json_count(texts, places):
    tokens = [TokenLogprob(text, -(2.0**place) / 16) for place, text in enumerate(texts, 1)]
    assert -(measure(Gate(name="gate", score="sum", of="json_values"), tokens).score or 0.0) == sum(2.0**place / 16 for place in places)


@pytest.mark.parametrize(
    ("texts", "places"),
    [
        (("<tool_call>", '{"name": "f", "arguments": ', '{"city": ', '"Bern"}', "}", "</tool_call>"), {3, 4}),
        (('{"name": "f", "parameters":', ' {"a"', ": [1, {"), {2, 3}),
        (('{"arguments": {}}', " ", '{"arguments": ', "{", "}", "}"), {1, 4, 5}),
        (("It is", " sunny"), {1, 2}),
        (("</think>", '{"city": "Bern"}'), {2}),
    ],
)
def test_the_arguments_of_tool_calls_count(texts, places):
    tokens = [TokenLogprob(text, -(2.0**place) / 16) for place, text in enumerate(texts, 1)]
    assert measure(Gate(name="gate", score="sum", of="tool_arguments"), tokens).score == -sum(2.0**place / 16 for place in places)


# --- prompts -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("completion", "text"),
    [
        (Completion(text="Oslo", reasoning="hm"), "Oslo"),
        (Completion(text="Looking", tool_calls=("search", "weather")), "Looking\n[calls the tool search]\n[calls the tool weather]"),
        (Completion(text=" ", tool_calls=("search",)), "[calls the tool search]"),
        (Completion(reasoning="So far"), "So far"),
    ],
)
def test_an_answer_as_it_is_shown_to_its_model(completion, text):
    assert prompts.said(completion) == text
