"""Five dialects in, one request out; and nothing a client sends makes it raise."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.proxy.translate import ENDPOINTS, budget_left_usd, direct_only, to_caller, to_request, wants_logprobs
from litellm_cascade.vocabulary import Attachment, Caller, Endpoint, Turn

keys = st.sampled_from(
    [
        "model",
        "messages",
        "role",
        "content",
        "type",
        "text",
        "prompt",
        "input",
        "system",
        "contents",
        "parts",
        "tools",
        "function",
        "name",
        "image_url",
        "url",
        "source",
        "media_type",
        "n",
        "logprobs",
        "include",
        "stream",
        "temperature",
        "max_tokens",
        "response_format",
        "thinking",
        "cache_control",
        "previous_response_id",
        "file",
        "inlineData",
        "mimeType",
        "metadata",
        "litellm_metadata",
        "cascade",
        "quality",
        "urgency",
        "latency_budget_ms",
        "proxy_server_request",
        "headers",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(data=st.dictionaries(keys, json_values, max_size=8), call_type=st.sampled_from([*ENDPOINTS, "aembedding"]))
def test_no_request_is_too_odd_to_be_read(data, call_type):
    request = to_request(data, call_type, Caller(), "p")
    assert all(isinstance(turn.text, str) for turn in request.turns)
    assert request.envelope.endpoint is ENDPOINTS.get(call_type, Endpoint.OTHER)


def request(call_type, **data):
    return to_request({"model": "auto", "litellm_call_id": "id-1", **data}, call_type, Caller(), "balanced")


def test_a_chat_is_read_turn_by_turn():
    parts = [{"type": "text", "text": "what is"}, {"type": "text", "text": "this?"}]
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    read = request(
        "acompletion",
        messages=[{"role": "system", "content": "be brief"}, {"role": "user", "content": [*parts, picture]}],
        tools=[{"type": "function", "function": {"name": "weather"}}],
        response_format={"type": "json_object"},
        temperature=0.2,
        max_tokens=50,
        n=2,
        stream=True,
    )
    assert read.turns == (
        Turn(role="system", text="be brief"),
        Turn(role="user", text="what is\nthis?", attachments=(Attachment(modality="image", mime_type="image/png"),)),
    )
    assert (read.tools, read.response_format, read.temperature, read.max_output_tokens, read.choices) == (
        ("weather",),
        "json_object",
        0.2,
        50,
        2,
    )
    assert (read.envelope.endpoint, read.envelope.stream, read.envelope.request_id, read.envelope.policy) == (
        Endpoint.CHAT,
        True,
        "id-1",
        "balanced",
    )


def test_messages_are_read_with_their_blocks():
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}
    result = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "12 degrees"}]}
    read = request(
        "anthropic_messages",
        system="be kind",
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "read this"}, pdf]},
            {"role": "assistant", "content": [{"type": "tool_use", "name": "weather", "input": {}}]},
            {"role": "user", "content": [result]},
        ],
        tools=[{"name": "weather", "input_schema": {}}],
    )
    assert [turn.text for turn in read.turns] == ["be kind", "read this", "", "12 degrees"]
    assert read.turns[1].attachments == (Attachment(modality="pdf", mime_type="application/pdf"),)
    assert read.turns[2].tool_calls == 1
    assert read.tools == ("weather",)


def test_responses_input_is_read_as_text_or_as_items():
    assert request("aresponses", input="hello", instructions="be brief").turns == (
        Turn(role="system", text="be brief"),
        Turn(role="user", text="hello"),
    )
    items = [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "what is this?"}, {"type": "input_image", "image_url": "data:image/png;base64,A"}],
        },
        {"type": "function_call_output", "call_id": "1", "output": "12 degrees"},
    ]
    read = request("aresponses", input=items)
    assert [(turn.role, turn.text) for turn in read.turns] == [("user", "what is this?"), ("tool", "12 degrees")]
    assert read.turns[0].attachments[0].modality == "image"


def test_a_prompt_is_a_users_turn():
    assert request("atext_completion", prompt="once upon").turns == (Turn(role="user", text="once upon"),)
    assert request("atext_completion", prompt=["one", "two"]).turns == (Turn(role="user", text="one\ntwo"),)


def test_contents_are_read_with_their_inline_data():
    parts = [{"text": "what is this?"}, {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}]
    read = request("agenerate_content", contents=[{"role": "user", "parts": parts}], systemInstruction={"parts": [{"text": "be brief"}]})
    assert [turn.text for turn in read.turns] == ["be brief", "what is this?"]
    assert read.turns[1].attachments == (Attachment(modality="audio", mime_type="audio/wav"),)
    assert read.direct_only == "generate_content"


@pytest.mark.parametrize(
    ("endpoint", "data", "why"),
    [
        (Endpoint.OTHER, {"input": "hi"}, "endpoint"),
        (Endpoint.CHAT, {"messages": []}, None),
        (Endpoint.CHAT, {"audio": {"voice": "alloy"}}, "audio"),
        (Endpoint.COMPLETIONS, {"prompt": "hi", "logprobs": 2}, "logprobs"),
        (Endpoint.COMPLETIONS, {"prompt": "hi"}, None),
        (Endpoint.COMPLETIONS, {"prompt": ["hi"], "echo": False, "suffix": None}, None),
        (Endpoint.COMPLETIONS, {"prompt": ["hi", "you"]}, "prompts"),
        (Endpoint.COMPLETIONS, {"prompt": [[1, 2]]}, "prompts"),
        (Endpoint.COMPLETIONS, {"prompt": "hi", "suffix": "you"}, "suffix"),
        (Endpoint.MESSAGES, {"thinking": {"type": "enabled"}}, "thinking"),
        (Endpoint.MESSAGES, {"messages": [{"content": [{"type": "text", "cache_control": {}}]}]}, "cache_control"),
        (Endpoint.MESSAGES, {"tools": [{"name": "t", "cache_control": {"type": "ephemeral"}}]}, "cache_control"),
        (Endpoint.MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "built_in_tools"),
        (Endpoint.MESSAGES, {"messages": [{"content": [{"type": "image"}]}]}, "attachments"),
        (Endpoint.MESSAGES, {"tools": [{"name": "t", "input_schema": {}}]}, None),
        (Endpoint.RESPONSES, {"previous_response_id": "r"}, "previous_response_id"),
        (Endpoint.RESPONSES, {"background": True}, "background"),
        (Endpoint.RESPONSES, {"input": [{"content": [{"type": "input_image"}]}]}, "attachments"),
        (Endpoint.RESPONSES, {"input": "hi", "tools": [{"type": "function", "name": "t"}]}, None),
    ],
)
def test_what_only_a_native_path_keeps_is_recognised(endpoint, data, why):
    assert direct_only(data, endpoint) == why


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({}, False),
        ({"logprobs": None}, False),
        ({"logprobs": False}, False),
        ({"logprobs": True}, True),
        ({"logprobs": 0}, True),
        ({"logprobs": 5}, True),
        ({"include": ["message.output_text.logprobs"]}, True),
        ({"include": ["file_search_call.results"]}, False),
    ],
)
def test_a_wish_for_log_probabilities_is_recognised(data, wanted):
    assert wants_logprobs(data) is wanted


@pytest.mark.parametrize("data", [{"system": {"type": []}}, {"tools": [{"type": {}}]}, {"messages": [{"content": [{"type": []}]}]}])
@pytest.mark.parametrize("call_type", ["acompletion", "anthropic_messages", "aresponses"])
def test_a_type_that_is_no_text_is_read_over(call_type, data):
    assert request(call_type, **data).tools in ((), ("{}",), ("",))


def test_a_prompt_that_is_no_text_is_read_as_text():
    assert request("atext_completion", prompt=True).turns == (Turn(role="user", text="True"),)
    assert request("atext_completion", prompt=None).turns == (Turn(role="user", text=""),)


@pytest.mark.parametrize(
    ("sent", "read"), [(float("inf"), None), (float("nan"), None), (10**400, 10**15), (True, None), ("5", None), (5.0, 5)]
)
def test_a_number_that_is_out_of_all_bounds_is_read(sent, read):
    assert request("acompletion", max_tokens=sent, temperature=sent).max_output_tokens == read


BUDGETS = ("max_budget", "spend", "team_max_budget", "team_spend", "user_max_budget", "user_spend")


@pytest.mark.parametrize(
    ("known", "left"),
    [
        ({}, None),
        ({"spend": 5.0}, None),
        ({"max_budget": 10.0}, 10.0),
        ({"max_budget": 10.0, "spend": 4.0}, 6.0),
        ({"max_budget": 10.0, "spend": 40.0}, 0.0),
        ({"max_budget": 10.0, "spend": 4.0, "team_max_budget": 3.0, "team_spend": 1.0}, 2.0),
        ({"user_max_budget": 7.0, "user_spend": 1.0}, 6.0),
        ({"team_id": "t", "user_max_budget": 7.0, "user_spend": 1.0}, None),
        ({"max_budget": 0.0, "user_max_budget": 7.0}, 0.0),
    ],
)
def test_the_budget_that_ends_first_is_what_is_left(known, left):
    assert to_caller(SimpleNamespace(**known), {}).budget_left_usd == left


@given(st.dictionaries(st.sampled_from(BUDGETS), st.none() | st.floats(allow_nan=False) | st.booleans() | st.text(max_size=2)))
def test_a_budget_is_never_overdrawn(known):
    left = budget_left_usd(SimpleNamespace(**known))
    assert left is None or left >= 0.0


def test_the_caller_is_who_litellm_says():
    class Auth:
        api_key, key_alias, team_id, user_id, end_user_id = "hash", "alias", "team", None, ""
        metadata = {"tier": "gold"}  # noqa: RUF012

    assert to_caller(Auth(), {"tags": ["a", 1]}) == Caller(key_hash="hash", key_alias="alias", team="team", tier="gold", tags=("a", "1"))
    assert to_caller(None, {}) == Caller()


def test_a_tool_result_is_a_turn_of_the_tool_in_every_dialect():
    chat = request("acompletion", messages=[{"role": "assistant", "tool_calls": [{}, {}]}, {"role": "tool", "content": "sunny"}])
    old = request("acompletion", messages=[{"role": "function", "content": "sunny"}])
    block = {"type": "tool_result", "content": [{"type": "text", "text": "sunny"}]}
    messages = request("anthropic_messages", messages=[{"role": "user", "content": [block]}])
    items = [{"type": "reasoning"}, {"type": "function_call"}, {"type": "function_call_output", "output": "sunny"}]
    responses = request("aresponses", input=items)
    gemini = request(
        "agenerate_content", contents=[{"role": "model", "parts": [{"functionCall": {}}]}, {"parts": [{"functionResponse": {}}]}]
    )
    assert chat.turns == (Turn(role="assistant", text="", tool_calls=2), Turn(role="tool", text="sunny"))
    assert old.turns == messages.turns == (Turn(role="tool", text="sunny"),)
    assert responses.turns == (Turn(role="assistant", text="", tool_calls=1), Turn(role="tool", text="sunny"))
    assert gemini.turns == (Turn(role="model", text="", tool_calls=1), Turn(role="tool", text=""))
