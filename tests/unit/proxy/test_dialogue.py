"""Tool calls, their results, and thoughts, in three dialects; and what is left of a request without foreign thoughts."""

from types import SimpleNamespace

import pytest

from litellm_cascade.proxy.dialogue import (
    MOST_MARKS,
    answered,
    calls_made,
    has_an_answer,
    marks_of,
    own_turns,
    results_brought,
    thoughts_in,
    without_foreign,
)


def result(call):
    return {"role": "tool", "tool_call_id": call}


def tool_result(*calls):
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call} for call in calls] + [{"type": "text", "text": "so?"}]}


@pytest.mark.parametrize(
    ("data", "calls"),
    [
        ({"messages": [{"role": "user"}, result("old"), {"role": "assistant"}, result("a"), result("b")]}, ["b", "a"]),
        ({"messages": [result("a"), {"role": "user", "content": "thanks"}]}, []),
        ({"messages": [{"role": "assistant"}, tool_result("a", "b")]}, ["a", "b"]),
        ({"input": [{"type": "function_call", "call_id": "a"}, {"type": "function_call_output", "call_id": "a"}]}, ["a"]),
        ({"input": [{"type": "custom_tool_call_output", "call_id": "a"}]}, ["a"]),
        ({"input": "hello"}, []),
        ({"prompt": "hello"}, []),
        ({"messages": [result(None)]}, [""]),
        ({"messages": [result("a")] * 1000}, ["a"] * MOST_MARKS),
    ],
)
def test_the_results_that_a_request_ends_with(data, calls):
    assert results_brought(data) == calls


@pytest.mark.parametrize(
    ("data", "has"),
    [
        ({"messages": [{"role": "user"}]}, False),
        ({"messages": [{"role": "user"}, {"role": "assistant"}]}, True),
        ({"input": [{"type": "function_call"}]}, True),
        ({}, False),
    ],
)
def test_a_request_with_an_answer_in_it_is_no_first_one(data, has):
    assert has_an_answer(data) is has


@pytest.mark.parametrize(
    ("response", "calls"),
    [
        ({"type": "message", "content": [{"type": "text"}, {"type": "tool_use", "id": "a"}]}, ["a"]),
        (SimpleNamespace(choices=[SimpleNamespace(message={"tool_calls": [{"id": "a"}, {"id": None}]})]), ["a"]),
        (SimpleNamespace(output=[{"type": "function_call", "call_id": "a", "id": "fc"}, {"type": "message"}]), ["a"]),
        (SimpleNamespace(output=[SimpleNamespace(model_dump=lambda: {"type": "function_call", "call_id": "a"})]), ["a"]),
        (SimpleNamespace(output=[object(), SimpleNamespace(model_dump=lambda: 7)]), []),
        ({"type": "error"}, []),
        (object(), []),
        (None, []),
    ],
)
def test_the_calls_an_answer_makes(response, calls):
    assert calls_made(answered(response)) == calls


SIGNED = {"type": "thinking", "thinking": "hm", "signature": "proof"}
HIDDEN = {"type": "redacted_thinking", "data": "hidden"}


@pytest.mark.parametrize(
    ("turn", "marks"),
    [
        ({"content": [SIGNED, HIDDEN, {"type": "text", "text": "yes"}]}, ["proof", "hidden"]),
        ({"content": [{"type": "thinking", "thinking": "hm", "signature": None}]}, ["hm"]),
        ({"content": "yes", "thinking_blocks": [SIGNED], "reasoning_content": "hm"}, ["proof", "hm"]),
        ({"type": "reasoning", "id": "rs_1", "encrypted_content": "sealed"}, ["sealed"]),
        ({"type": "reasoning", "id": "rs_1"}, ["rs_1"]),
        ({"type": "reasoning"}, [""]),
        ({"content": "yes"}, []),
    ],
)
def test_a_thought_is_known_by_its_proof(turn, marks):
    assert list(marks_of(turn)) == marks


def test_the_newest_thoughts_come_first_and_are_bounded():
    turns = [{"content": [{"type": "thinking", "signature": str(place)}]} for place in range(1000)]
    assert thoughts_in({"messages": turns}) == [str(place) for place in range(999, 999 - MOST_MARKS, -1)]


def test_foreign_thoughts_go_and_all_else_stays_as_it_is():
    foreign = {"type": "thinking", "thinking": "ours", "signature": "foreign"}
    text, call = {"type": "text", "text": "yes"}, {"id": "a"}
    plain = {"role": "user", "content": "hello"}
    turns = [
        plain,
        {"role": "assistant", "content": [foreign, SIGNED, text]},
        {"role": "assistant", "content": "yes", "thinking_blocks": [foreign], "reasoning_content": "theirs"},
        {"role": "assistant", "content": "yes", "thinking_blocks": [foreign, SIGNED], "reasoning_content": "proof"},
        {"role": "assistant", "content": [foreign]},
        {"role": "assistant", "content": [foreign], "tool_calls": [call]},
        {"type": "reasoning", "encrypted_content": "foreign"},
        {"type": "reasoning", "encrypted_content": "proof"},
        7,
    ]
    left = own_turns(turns, lambda mark: mark == "proof")
    assert left == [
        plain,
        {"role": "assistant", "content": [SIGNED, text]},
        {"role": "assistant", "content": "yes"},
        {"role": "assistant", "content": "yes", "thinking_blocks": [SIGNED], "reasoning_content": "proof"},
        {"role": "assistant", "content": [], "tool_calls": [call]},
        {"type": "reasoning", "encrypted_content": "proof"},
        7,
    ]
    assert left[0] is plain
    assert turns[1]["content"] == [foreign, SIGNED, text], "the client's own data is not changed"


def test_a_request_is_given_new_turns():
    data = {"messages": [{"content": [SIGNED, {"type": "text"}]}], "input": "hello"}
    without_foreign(data, set().__contains__)
    assert data == {"messages": [{"content": [{"type": "text"}]}], "input": "hello"}
