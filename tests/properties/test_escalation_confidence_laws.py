"""What holds of every score and every judgement, whatever the tokens."""

import json
import math
from dataclasses import replace
from itertools import accumulate, pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from litellm_cascade.escalation import SCORES, features, judge, measure
from litellm_cascade.escalation.confidence import PARTS as ALL_PARTS
from litellm_cascade.escalation.confidence.parts import part_of
from litellm_cascade.escalation.confidence.scores import ALTERNATIVES, LOWEST_LOGPROB, QUANTILES
from litellm_cascade.vocabulary import FEATURES, Completion, Gate, Reason, TokenLogprob, ToolCall, Verdict

LOGPROBS = st.floats(-12, 0) | st.sampled_from([0.0, -100.0, -9999.0, -math.inf])
WORDS = st.sampled_from([" the", "42", "\n", "<think>", "answer", ".", "</", "think", ">"])
TOPS = st.lists(LOGPROBS, max_size=7).map(lambda top: tuple(sorted(top, reverse=True)))
NO_TOPS = st.just(())  # said, because a strategy for a named tuple makes up what is not
TOKENS = st.lists(st.builds(TokenLogprob, WORDS, LOGPROBS, TOPS), min_size=1, max_size=40)
NOTHING = st.lists(st.builds(TokenLogprob, st.just(""), LOGPROBS, NO_TOPS), max_size=4)
PARTS = st.sampled_from(ALL_PARTS)
NATS = ["lowest_group", "mean", "min", "quantile", "sum"]
FRACTIONS = ["entropy", "margin"]
IN_ANY_ORDER = [score for score in SCORES if score != "lowest_group"]
GATES = st.builds(
    Gate,
    name=st.just("gate"),
    score=st.sampled_from(sorted(SCORES)),
    of=PARTS,
    q=st.floats(0, 1),
    window=st.integers(1, 12),
    accept_at=st.floats(-120, 0),
    unknown=st.sampled_from(["accept", "escalate"]),
    also_escalate=st.frozensets(st.sampled_from(["empty", "truncated"])),
)
COMPLETIONS = st.builds(
    Completion,
    text=st.sampled_from(["", " \n", "yes"]),
    tool_calls=st.sampled_from([(), (ToolCall("search"),)]),
    tokens=st.none() | st.lists(st.builds(TokenLogprob, WORDS | st.just(""), LOGPROBS, NO_TOPS), max_size=10).map(tuple),
    finish_reason=st.sampled_from([None, "stop", "length", "tool_calls"]),
)


def score_of(tokens, score, part="all", **options):
    return measure(Gate(name="gate", score=score, of=part, **options), tokens).score


def test_every_score_is_of_one_of_two_kinds():
    assert sorted([*NATS, *FRACTIONS]) == sorted(SCORES)


@pytest.mark.parametrize("score", NATS)
@given(tokens=TOKENS)
def test_a_score_in_nats_is_a_finite_log_probability(score, tokens):
    assert -100.0 * len(tokens) <= score_of(tokens, score) <= 0


@pytest.mark.parametrize("score", FRACTIONS)
@given(tokens=TOKENS)
def test_a_score_over_alternatives_lies_between_0_and_1_or_is_unknown_for_want_of_them(score, tokens):
    found = score_of(tokens, score)
    if any(len(token.top) > 1 for token in tokens):
        assert 0 <= found <= 1
    else:
        assert found is None


@given(tokens=TOKENS, lower=st.floats(0, 1), higher=st.floats(0, 1))
def test_a_higher_quantile_is_never_lower_and_the_ends_are_the_extremes(tokens, lower, higher):
    lower, higher = sorted([lower, higher])
    assert score_of(tokens, "quantile", q=lower) <= score_of(tokens, "quantile", q=higher)
    floored = [max(token.logprob, LOWEST_LOGPROB) for token in tokens]
    assert (score_of(tokens, "quantile", q=0.0), score_of(tokens, "quantile", q=1.0)) == (min(floored), max(floored))


@given(tokens=TOKENS, window=st.integers(1, 50))
def test_the_lowest_group_lies_between_the_least_certain_token_and_the_mean(tokens, window):
    lowest = score_of(tokens, "lowest_group", window=window)
    assert score_of(tokens, "min") - 1e-9 <= lowest
    if window >= len(tokens):
        assert lowest == score_of(tokens, "mean")
    if window == 1:
        assert lowest == pytest.approx(score_of(tokens, "min"), abs=1e-9)


@given(tokens=TOKENS, share=st.floats(0, 1))
def test_a_longer_answer_never_raises_its_lowest_group_once_that_is_full(tokens, share):
    window = max(1, round(share * len(tokens)))
    said = tokens[: max(window, len(tokens) // 2)]
    assert score_of(tokens, "lowest_group", window=window) <= score_of(said, "lowest_group", window=window) + 1e-9


# --- many at once --------------------------------------------------------------------------------------------------------------------


@given(tokens=TOKENS, part=PARTS, window=st.integers(1, 12))
def test_one_pass_finds_what_each_score_finds_alone(tokens, part, window):
    found = features(tokens, part, window=window)
    options = {name: {"score": "quantile", "q": q} for name, q in QUANTILES.items()}
    options["lowest_group"] = {"score": "lowest_group", "window": window}
    names = {"mean", "min", "sum", "lowest_group", "margin", "entropy", *QUANTILES}
    alone = {name: score_of(tokens, part=part, **options.get(name, {"score": name})) for name in names}
    assert {name: score for name, score in alone.items() if score is not None} == {k: v for k, v in found.items() if k in names}
    assert found["tokens"] == measure(Gate(name="gate", of=part), tokens).tokens
    assert found.keys() <= FEATURES


@given(TOKENS)
def test_the_numbers_of_an_answer_are_scored_as_the_part_numbers_is_and_none_at_all_leave_no_doubt(tokens):
    found, alone = features(tokens), features(tokens, "numbers")
    seen = {name: found[f"numbers_{name}"] for name in ("mean", "min", "sum")}
    assert found["numbers"] == alone["tokens"]
    assert seen == ({name: alone[name] for name in seen} if alone["tokens"] else dict.fromkeys(seen, 0.0))


@given(TOKENS)
def test_a_number_is_a_token_with_a_digit(tokens):
    assert part_of(tokens, "numbers") == [token for token in tokens if any(map(str.isdecimal, token.token))]


@given(TOKENS)
def test_the_features_are_what_their_formulas_say(tokens):
    found = features(tokens, window=3)
    logprobs = [max(LOWEST_LOGPROB, token.logprob) for token in tokens]
    tops = [[max(LOWEST_LOGPROB, one) for one in token.top[:ALTERNATIVES]] for token in tokens if len(token.top) > 1]
    groups = [logprobs[i : i + 3] for i in range(max(1, len(logprobs) - 2))]
    naive = {
        "tokens": len(tokens),
        "mean": sum(logprobs) / len(logprobs),
        "min": min(logprobs),
        "sum": sum(logprobs),
        "lowest_group": min(sum(group) / len(group) for group in groups),
        **{name: naive_quantile(logprobs, q) for name, q in QUANTILES.items()},
    }
    numbers = [logprob for token, logprob in zip(tokens, logprobs, strict=True) if "42" in token.token]
    naive |= {"numbers": len(numbers), "numbers_sum": sum(numbers), "numbers_min": min([0, *numbers])}
    naive["numbers_mean"] = sum(numbers) / max(1, len(numbers))
    if tops:
        naive["margin"] = sum(math.exp(top[0]) - math.exp(top[1]) for top in tops) / len(tops)
        naive["entropy"] = sum(1 - naive_entropy(top) / math.log(len(top)) for top in tops) / len(tops)
    assert found == pytest.approx(naive, abs=1e-9)


def naive_quantile(values, q):
    ordered, place = sorted(values), q * (len(values) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def naive_entropy(logprobs):
    total = sum(map(math.exp, logprobs))
    return -sum(p * math.log(p) for p in (math.exp(one) / total for one in logprobs) if p > 0)


@given(NOTHING | st.none())
def test_of_nothing_only_the_number_of_tokens_is_known(tokens):
    assert features(tokens) == {"tokens": 0.0}


@given(tokens=TOKENS, part=PARTS)
def test_more_alternatives_than_are_looked_at_change_nothing(tokens, part):
    trimmed = [token._replace(top=token.top[:ALTERNATIVES]) for token in tokens]
    assert features(tokens, part) == features(trimmed, part)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_one_sure_alternative_is_certain_and_equal_ones_are_not_at_all(chances):
    sure = (0.0, *[-math.inf] * (len(chances) - 1))
    torn = (-math.log(len(chances)),) * len(chances)
    for top, expected in ((sure, 1.0), (torn, 0.0)):
        token = TokenLogprob("x", top[0], top)
        assert score_of([token], "entropy") == pytest.approx(expected, abs=1e-9)
        assert score_of([token], "margin") == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("score", FRACTIONS)
@given(tokens=TOKENS, data=st.data())
def test_a_likelier_first_alternative_never_lowers_a_score_over_alternatives(score, tokens, data):
    at = data.draw(st.integers(0, len(tokens) - 1))
    top = tokens[at].top
    assume(len(top) > 1)
    raised = tokens[at]._replace(top=(data.draw(st.floats(max(top[0], -200.0), 0)), *top[1:]))
    assert score_of([*tokens[:at], raised, *tokens[at + 1 :]], score) >= score_of(tokens, score) - 1e-12


# --- the order, and how sure a token is ----------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("score", IN_ANY_ORDER)
@given(tokens=TOKENS, data=st.data())
def test_the_order_of_the_tokens_changes_no_score_not_even_in_its_last_digit(score, tokens, data):
    assert score_of(data.draw(st.permutations(tokens)), score) == score_of(tokens, score)


@pytest.mark.parametrize("score", NATS)
@given(tokens=TOKENS, data=st.data())
def test_a_more_certain_token_never_lowers_a_score(score, tokens, data):
    at = data.draw(st.integers(0, len(tokens) - 1))
    raised = data.draw(st.floats(max(tokens[at].logprob, -200.0), 0))
    more_certain = [*tokens[:at], TokenLogprob(tokens[at].token, raised), *tokens[at + 1 :]]
    slack = 1e-9 if score == "lowest_group" else 0.0  # its sums are carried along
    assert score_of(more_certain, score) >= score_of(tokens, score) - slack


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


@given(gate=GATES, tokens=st.lists(st.builds(TokenLogprob, st.sampled_from(["42", " is", "."]), LOGPROBS, NO_TOPS), max_size=10))
def test_without_reasoning_every_part_but_the_numbers_is_the_whole(gate, tokens):
    assume(gate.of != "numbers")
    assert measure(gate, tokens) == measure(replace(gate, of="all"), tokens)


@given(gate=GATES, tokens=TOKENS)
def test_the_band_says_on_which_side_of_the_threshold_the_score_lies(gate, tokens):
    confidence = measure(gate, tokens)
    assume(confidence.score is not None)
    assert confidence.band == ("high" if confidence.score >= gate.accept_at else "low")
    assert confidence.threshold == gate.accept_at


# --- JSON ----------------------------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.floats(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.lists(JSON, max_size=4) | st.dictionaries(st.text(max_size=5), JSON, max_size=4)


@st.composite
def cut(draw, text):
    """A text as tokens, cut anywhere."""
    places = sorted({0, len(text), *draw(st.lists(st.integers(0, len(text)), max_size=30))})
    return [TokenLogprob(text[a:b], draw(LOGPROBS)) for a, b in pairwise(places)]


def characters(text):
    return [TokenLogprob(character, -1.0) for character in text]


def inside(value):
    """The characters of a document's values, in their order."""
    if isinstance(value, dict):
        return "".join(map(inside, value.values()))
    if isinstance(value, list):
        return "".join(map(inside, value))
    return json.dumps(value)[1:-1] if isinstance(value, str) else json.dumps(value)


@given(document=DOCUMENTS, before=st.sampled_from(["", " \n", "<think>{1}</think>", "Here:\n```json\n"]), indent=st.sampled_from([None, 2]))
def test_the_values_of_json_are_what_a_parser_finds(document, before, indent):
    chosen = part_of(characters(before + json.dumps(document, indent=indent)), "json_values")
    assert "".join(token.token for token in chosen) == inside(document)


@given(document=DOCUMENTS, data=st.data())
def test_the_values_of_a_prefix_are_the_first_values_of_the_whole(document, data):
    text = json.dumps(document)
    said = text[: data.draw(st.integers(1, len(text)))]
    whole = "".join(token.token for token in part_of(characters(text), "json_values"))
    assert whole.startswith("".join(token.token for token in part_of(characters(said), "json_values")))


@given(document=DOCUMENTS, data=st.data())
def test_a_token_that_holds_any_of_a_value_counts_and_no_other(document, data):
    text = json.dumps(document)
    every = characters(text)
    of_values = set(map(id, part_of(every, "json_values")))
    tokens = data.draw(cut(text))
    starts = accumulate((len(token.token) for token in tokens), initial=0)
    placed = [(token, every[start : start + len(token.token)]) for token, start in zip(tokens, starts, strict=False)]
    expected = [token for token, characters_of_it in placed if of_values & set(map(id, characters_of_it))]
    assert part_of(tokens, "json_values") == expected


@given(
    arguments=st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), min_size=1, max_size=3),
    key=st.sampled_from(["arguments", "parameters"]),
)
def test_the_arguments_of_every_call_are_found_whole(arguments, key):
    calls = [json.dumps({"name": "f", key: one}) for one in arguments]
    text = "</think>" + "\n".join(f"<tool_call>\n{call}\n</tool_call>" for call in calls)
    chosen = part_of(characters(text), "tool_arguments")
    assert "".join(token.token for token in chosen) == "".join(map(json.dumps, arguments))


@given(text=st.text(alphabet='{}[]",:\\ abc1`\n</thinkjso>', max_size=60), part=PARTS, data=st.data())
def test_choosing_tokens_is_total_and_keeps_their_order(text, part, data):
    tokens = data.draw(cut(text))
    rest = iter(tokens)
    assert all(any(token is other for other in rest) for token in part_of(tokens, part))


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
