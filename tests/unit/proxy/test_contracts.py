"""What an answer must satisfy, read from each dialect; and nothing a client sends makes it raise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.proxy.contracts import LONGEST_NAME, to_contract
from litellm_cascade.proxy.translate import to_request
from litellm_cascade.vocabulary import AnswerContract, Caller, Tool

SCHEMA = {"type": "object"}
KEYS = st.sampled_from(["tools", "tool_choice", "response_format", "text", "format", "type", "function", "name", "json_schema", "schema"])
WORDS = st.sampled_from(["function", "json_schema", "required", "any", "tool", "custom", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


def contract(**data):
    return to_contract(data, choices=1)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_no_request_is_too_odd_to_be_read(data):
    read = to_contract(data, choices=2)
    assert read.choices == 2
    assert all(isinstance(tool.name, str) for tool in read.tools)
    assert read.must_call or read.must_call_tool is None


@pytest.mark.parametrize(
    ("data", "json", "schema"),
    [
        ({}, None, None),
        ({"response_format": {"type": "text"}}, None, None),
        ({"response_format": {"type": "json_object"}}, "json_object", None),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}, "json_schema", SCHEMA),
        ({"text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}}, "json_schema", SCHEMA),
        ({"text": "hello"}, None, None),
        ({"response_format": {}}, None, None),
        ({"response_format": dict}, "json_schema", None),
    ],
)
def test_the_response_format_is_read(data, json, schema):
    assert contract(**data) == AnswerContract(json=json, schema=schema)


WEATHER = Tool(name="weather", parameters=SCHEMA)


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}},
        {"type": "function", "name": "weather", "parameters": SCHEMA},
        {"name": "weather", "input_schema": SCHEMA},
        {"type": "custom", "name": "weather", "input_schema": SCHEMA},
    ],
    ids=["chat", "responses", "messages", "messages, typed"],
)
def test_functions_are_read_in_every_dialect(tool):
    assert contract(tools=[tool]) == AnswerContract(tools=(WEATHER,))


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search_preview"},
        {"type": "custom", "custom": {"name": "free"}},
        {"name": "x" * (LONGEST_NAME + 1), "input_schema": SCHEMA},
        {"type": "function", "function": {"name": 5}},
    ],
    ids=["built in", "free text", "a name that is cut on its way", "no name"],
)
def test_with_other_tools_the_offer_is_not_known(tool):
    read = contract(tools=[{"name": "weather", "input_schema": SCHEMA}, tool])
    assert (read.tools, read.knows_all_tools) == ((WEATHER,), False)


@pytest.mark.parametrize(
    ("choice", "demand"),
    [
        (None, (False, None)),
        ("auto", (False, None)),
        ("none", (False, None)),
        ("function", (False, None)),
        ("required", (True, None)),
        ({"type": "any"}, (True, None)),
        ({"type": "auto"}, (False, None)),
        ({"type": "tool", "name": "weather"}, (True, "weather")),
        ({"type": "function", "name": "weather"}, (True, "weather")),
        ({"type": "function", "function": {"name": "weather"}}, (True, "weather")),
        ({"type": "function"}, (False, None)),
    ],
)
def test_the_demand_for_a_call_is_read(choice, demand):
    read = contract(tool_choice=choice)
    assert (read.must_call, read.must_call_tool) == demand


def test_a_request_has_its_contract():
    data = {"model": "auto", "n": 2, "response_format": {"type": "json_object"}}
    assert to_request(data, "acompletion", Caller(), "p").contract == AnswerContract(json="json_object", choices=2)
