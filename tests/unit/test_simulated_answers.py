import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from litellm_cascade.simulated.answers import Ask, SimulatedAnswer, answer
from litellm_cascade.simulated.deployment import Faults
from litellm_cascade.simulated.difficulty import Difficulty, difficulty_of
from litellm_cascade.simulated.profiles import PROFILES
from litellm_cascade.simulated.tools import Tool, demanded_tool
from litellm_cascade.simulated.wording import FEWEST_TOKENS, MOST_TOKENS, tokenise

DIFFICULTIES: tuple[Difficulty, ...] = ("simple", "medium", "complex")


def many(role: str, count: int, *, ask: Ask = Ask(), faults: Faults = Faults()) -> list[SimulatedAnswer]:  # noqa: B008
    return [answer(f"Question {index}?", role, ask=ask, faults=faults) for index in range(count)]


def auroc(right: Sequence[float], wrong: Sequence[float]) -> float:
    """The chance that a right answer scores above a wrong one; ties count half."""
    wins = sum((one > other) + 0.5 * (one == other) for one in right for other in wrong)
    return wins / (len(right) * len(wrong))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def test_the_package_needs_no_litellm() -> None:
    program = "import sys, litellm_cascade.simulated.answers, litellm_cascade.simulated.deployment; print('litellm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_answer_says_that_it_is_simulated_and_by_whom() -> None:
    assert answer("What is the capital of France?", "small").text == "[simulated small] A short reply to your question, number 32."


def test_an_sql_role_answers_with_a_query_about_what_was_asked() -> None:
    assert "SELECT region, COUNT(*) FROM loans GROUP BY region LIMIT" in answer("Loans by region", "sql").text


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("Fix this python function", "def result():"), ("How many is 3 + 4", "The result is"), ("Query the users table", "FROM users")],
)
def test_an_answer_reflects_the_kind_of_its_prompt(prompt: str, said: str) -> None:
    assert said in answer(prompt, "large").text


def test_messages_count_as_much_as_a_prompt() -> None:
    parts = [{"type": "text", "text": "Hello"}, {"type": "image_url", "image_url": {"url": "x"}}]
    whole = answer([{"role": "system", "content": "Be brief"}, {"role": "user", "content": parts}, {"role": "assistant"}], "small")
    assert whole.usage.input_tokens == len(tokenise("system Be brief user Hello assistant"))


def test_another_seed_prompt_role_or_choice_is_another_answer() -> None:
    drawn = [answer("a", "small"), answer("b", "small"), answer("a", "small", 1), answer("a", "large"), answer("a", "small", choice=1)]
    assert len({one.tokens for one in drawn}) == len(drawn)


@pytest.mark.parametrize("role", PROFILES)
@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_accuracy_is_near_the_table(role: str, difficulty: Difficulty) -> None:
    drawn = many(role, 600, ask=Ask(difficulty=difficulty, top=1))
    assert mean([one.correct for one in drawn]) == pytest.approx(PROFILES[role].accuracy[difficulty], abs=0.06)


@pytest.mark.parametrize("role", PROFILES)
def test_confidence_is_informative_but_imperfect(role: str) -> None:
    drawn = many(role, 500, ask=Ask(difficulty="complex", top=1))
    for score in (mean, min, sum):
        right, wrong = (
            [score([token.logprob for token in one.tokens]) for one in drawn if one.correct is wanted] for wanted in (True, False)
        )
        assert 0.6 <= auroc(right, wrong) <= 0.95


@pytest.mark.parametrize("role", PROFILES)
def test_latency_lies_within_its_jitter(role: str) -> None:
    latencies = [one.latency_s * 1000 / PROFILES[role].latency_ms for one in many(role, 200)]
    assert 0.85 <= min(latencies) < 0.9
    assert 1.1 < max(latencies) <= 1.15


def test_no_latency_is_no_latency() -> None:
    assert answer("a", "large", latency_ms=0).latency_s == 0


def test_answers_are_short_and_differ_in_length() -> None:
    lengths = {len(one.tokens) for one in many("small", 300)}
    assert min(lengths) >= FEWEST_TOKENS
    assert max(lengths) <= MOST_TOKENS
    assert len(lengths) > 20


def test_an_answer_that_is_cut_off_is_a_beginning_and_not_right() -> None:
    whole, cut = answer("a", "small"), answer("a", "small", ask=Ask(max_tokens=5))
    assert (cut.tokens, cut.text) == (whole.tokens[:5], "[simulated small] A")
    assert (cut.finish_reason, cut.usage.output_tokens, cut.correct) == ("length", 5, False)


def test_enough_room_cuts_nothing() -> None:
    whole = answer("a", "small")
    assert answer("a", "small", ask=Ask(max_tokens=len(whole.tokens))) == whole


def test_a_refusal_is_confident_and_not_right() -> None:
    refused = many("small", 100, faults=Faults(refuse=1))
    assert {one.text for one in refused} == {"[simulated small] I'm sorry, but I can't help with that request."}
    assert {(one.fault, one.finish_reason, one.correct) for one in refused} == {("refuse", "stop", False)}


def test_a_truncated_answer_is_half_an_answer() -> None:
    whole, cut = answer("a", "small"), answer("a", "small", faults=Faults(truncate=1))
    assert cut.tokens == whole.tokens[: len(whole.tokens) // 2]
    assert (cut.fault, cut.finish_reason, cut.correct) == ("truncate", "length", False)


def test_a_fault_strikes_as_often_as_it_was_told_and_changes_nothing_else() -> None:
    drawn, calm = many("small", 500, faults=Faults(fail=0.2)), many("small", 500)
    assert mean([one.fault == "fail" for one in drawn]) == pytest.approx(0.2, abs=0.05)
    assert [one.tokens for one in drawn] == [one.tokens for one in calm]


def test_right_answers_agree_and_wrong_ones_seldom_do() -> None:
    chosen = [answer("Calculate it", "small", choice=index, ask=Ask(difficulty="medium")) for index in range(40)]
    said = {correct: {one.text.split(".")[0] for one in chosen if one.correct is correct} for correct in (True, False)}
    assert len(said[True]) == 1
    assert len(said[False]) > 1
    assert not said[True] & said[False]


def test_json_is_answered_with_json() -> None:
    assert json.loads(answer("What is this?", "small", ask=Ask(as_json=True)).text).keys() == {"simulated", "kind", "result"}


SCHEMA = {
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "unit": {"enum": ["C", "F"]},
        "where": {"type": "object", "properties": {"ids": {"type": "array"}}, "required": ["ids"]},
        "note": {},
        "maybe": {"type": ["string", "null"]},
        "left_out": {"type": "string"},
    },
    "required": ["city", "days", "unit", "where", "note", "maybe", "undeclared"],
}


def test_a_demanded_tool_is_called_with_what_its_schema_requires() -> None:
    called = answer("a", "small", ask=Ask(tool=Tool(name="weather", parameters=SCHEMA)))
    assert called.tool_call is not None
    assert [call.name for call in called.completion.tool_calls] == ["weather"]
    assert (called.text, called.tokens, called.finish_reason) == ("", (), "tool_calls")
    assert json.loads(called.tool_call.arguments) == {
        "city": "simulated",
        "days": 1,
        "unit": "C",
        "where": {"ids": []},
        "note": "simulated",
        "maybe": "simulated",
        "undeclared": "simulated",
    }


def test_a_truncated_tool_call_is_broken_json() -> None:
    called = answer("a", "small", ask=Ask(tool=Tool(name="weather", parameters=SCHEMA)), faults=Faults(truncate=1))
    assert called.tool_call is not None
    assert (called.finish_reason, called.correct) == ("length", False)
    with pytest.raises(json.JSONDecodeError):
        json.loads(called.tool_call.arguments)


def test_a_refusal_calls_no_tool() -> None:
    assert answer("a", "small", ask=Ask(tool=Tool(name="weather")), faults=Faults(refuse=1)).tool_call is None


TOOLS = [{"type": "function", "function": {"name": "first"}}, {"type": "function", "function": {"name": "second", "parameters": SCHEMA}}]


@pytest.mark.parametrize(
    ("tool_choice", "named"),
    [
        ("required", "first"),
        ({"type": "function", "function": {"name": "second"}}, "second"),
        ({"type": "function", "function": {"name": "third"}}, None),
        ("auto", None),
        ("none", None),
        (None, None),
    ],
)
def test_a_tool_is_called_only_when_it_must_be(tool_choice: object, named: str | None) -> None:
    tool = demanded_tool(TOOLS, tool_choice)
    assert (tool and tool.name) == named


def test_no_tool_can_be_demanded_where_none_is_offered() -> None:
    assert demanded_tool(None, "required") is None


def test_a_completion_is_the_answer_as_gates_see_it() -> None:
    whole = answer("a", "small")
    seen = whole.completion
    assert (seen.text, seen.finish_reason, seen.usage) == (whole.text, "stop", whole.usage)
    assert seen.tokens is not None
    assert "".join(token.token for token in seen.tokens) == whole.text
    assert all(token.top[0] == token.logprob for token in seen.tokens)


@pytest.mark.parametrize(
    ("prompt", "difficulty"),
    [
        ("List customers in the north region ordered by name", "simple"),
        ("What is the capital of France?", "simple"),
        ("Show the average balance per segment", "medium"),
        ("Top 10 customers with their loans joined", "medium"),
        ("word " * 90, "medium"),
        ("Rank customers by balance within each region", "complex"),
        ("Show month-over-month growth of payments", "complex"),
        ("Running total of transactions", "complex"),
        ("Prove that there are infinitely many primes", "complex"),
        ("word " * 500, "complex"),
    ],
)
def test_difficulty_follows_length_and_words(prompt: str, difficulty: str) -> None:
    assert difficulty_of(prompt) == difficulty
