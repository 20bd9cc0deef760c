"""Tool calls and their results, in three dialects."""

from types import SimpleNamespace

import pytest

from litellm_cascade.proxy.dialogue import (
    MOST_MARKS,
    answered,
    calls_made,
    has_an_answer,
    results_brought,
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
