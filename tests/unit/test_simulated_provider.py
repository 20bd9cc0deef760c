import asyncio
from typing import Any

import litellm
import pytest
from litellm.exceptions import MidStreamFallbackError
from litellm.utils import custom_llm_setup

from litellm_cascade.proxy.simulated_provider import simulated
from litellm_cascade.simulated.answers import Ask, answer

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
TEXT = "[simulated small] A short reply to your question, number 32."
FAST = "simulated/small?latency_ms=0"
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"properties": {}, "required": ["city"]}}}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "custom_provider_map", [{"provider": "simulated", "custom_handler": simulated}])
    monkeypatch.setattr(litellm, "_custom_providers", [])
    monkeypatch.setattr(litellm, "provider_list", list(litellm.provider_list))
    custom_llm_setup()


async def ask(model: str = FAST, **params: Any) -> Any:
    return await litellm.acompletion(model=model, messages=QUESTION, num_retries=0, **params)


async def chunks(model: str = FAST, **params: Any) -> list[Any]:
    return [chunk async for chunk in await ask(model, stream=True, **params)]


def logprobs(response: Any) -> Any:
    """LiteLLM leaves the field out where there are none."""
    return response.model_dump()["choices"][0].get("logprobs", {}).get("content")


async def test_a_whole_answer_has_text_reason_and_usage() -> None:
    response = await ask()
    choice = response.choices[0]
    assert (choice.message.content, choice.finish_reason, logprobs(response)) == (TEXT, "stop", None)
    assert (response.usage.prompt_tokens, response.usage.completion_tokens, response.usage.total_tokens) == (8, 14, 22)
    assert response.model == "simulated/small"


async def test_log_probabilities_come_as_openai_has_them() -> None:
    response = await ask(logprobs=True, top_logprobs=3)
    content = logprobs(response)
    told = answer(QUESTION, "small", ask=Ask(top=3)).tokens
    assert "".join(entry["token"] for entry in content) == TEXT
    assert [entry["logprob"] for entry in content] == [token.logprob for token in told]
    assert [tuple((top["token"], top["logprob"]) for top in entry["top_logprobs"]) for entry in content] == [token.top for token in told]
    assert bytes(content[1]["bytes"]).decode() == "simulated"


async def test_alternatives_come_only_when_they_are_asked_for() -> None:
    response = await ask(logprobs=True)
    assert [entry["top_logprobs"] for entry in logprobs(response)] == [[]] * 14


async def test_a_stream_says_the_same_one_token_at_a_time() -> None:
    whole = await ask(logprobs=True, top_logprobs=2)
    streamed = await chunks(logprobs=True, top_logprobs=2)
    said = [chunk for chunk in streamed if chunk.choices[0].delta.content]
    assert [chunk.choices[0].delta.content for chunk in said] == [entry["token"] for entry in logprobs(whole)]
    assert [entry for chunk in said for entry in logprobs(chunk)] == logprobs(whole)
    assert [chunk.choices[0].finish_reason for chunk in streamed if chunk.choices[0].finish_reason] == ["stop"]
    assert len({chunk.id for chunk in streamed}) == 1


async def test_a_stream_tells_its_usage_only_when_asked() -> None:
    silent, telling = await chunks(), await chunks(stream_options={"include_usage": True})
    assert [chunk for chunk in silent if getattr(chunk, "usage", None)] == []
    usages = [chunk.usage for chunk in telling if getattr(chunk, "usage", None)]
    assert [(usage.prompt_tokens, usage.completion_tokens) for usage in usages] == [(8, 14)]


async def test_max_tokens_cuts_the_answer_off() -> None:
    response = await ask(max_tokens=4)
    assert (response.choices[0].message.content, response.choices[0].finish_reason) == ("[simulated small]", "length")


async def test_several_choices_differ_and_the_prompt_counts_once() -> None:
    response = await ask(n=3)
    assert len({choice.message.content for choice in response.choices}) == 3
    assert [choice.index for choice in response.choices] == [0, 1, 2]
    assert response.usage.prompt_tokens == 8


async def test_several_choices_stream_side_by_side() -> None:
    whole, streamed = await ask(n=2), await chunks(n=2)
    for index in (0, 1):
        parts = [choice.delta.content or "" for chunk in streamed for choice in chunk.choices if choice.index == index]
        assert "".join(parts) == whole.choices[index].message.content


async def test_a_request_with_a_seed_of_its_own_gets_another_answer() -> None:
    one, other = await ask(logprobs=True), await ask(logprobs=True, seed=5)
    assert logprobs(one) != logprobs(other)


async def test_a_demanded_tool_is_called() -> None:
    response = await ask(tools=[TOOL], tool_choice="required")
    call = response.choices[0].message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "simulated"}')
    assert (response.choices[0].message.content, response.choices[0].finish_reason) == (None, "tool_calls")


async def test_a_demanded_tool_is_called_in_a_stream() -> None:
    streamed = await chunks(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "weather"}})
    calls = [chunk.choices[0].delta.tool_calls[0] for chunk in streamed if chunk.choices[0].delta.tool_calls]
    assert [(call.function.name, call.function.arguments) for call in calls] == [("weather", '{"city": "simulated"}')]
    assert streamed[-1].choices[0].finish_reason == "tool_calls"


async def test_json_is_answered_with_json() -> None:
    response = await ask(response_format={"type": "json_object"})
    assert response.choices[0].message.content == '{"simulated": "small", "kind": "prose", "result": 32}'


async def test_log_probabilities_can_be_left_out() -> None:
    response = await ask(f"{FAST}&omit_logprobs=1", logprobs=True)
    assert logprobs(response) is None


async def test_a_failing_deployment_is_a_server_error() -> None:
    with pytest.raises(litellm.InternalServerError, match="fails on demand"):
        await ask(f"{FAST}&fail=1")


async def test_a_stream_can_fail_before_its_first_token() -> None:
    with pytest.raises(MidStreamFallbackError, match="fails on demand"):
        await chunks(f"{FAST}&fail=1")


async def test_a_stream_can_fail_in_its_midst() -> None:
    stream = await ask(f"{FAST}&fail=1&after=4", stream=True)
    assert "".join([(await anext(stream)).choices[0].delta.content for _ in range(4)]) == "[simulated small]"
    with pytest.raises(MidStreamFallbackError, match="fails on demand"):
        await anext(stream)


async def test_a_hanging_deployment_waits_until_it_is_cancelled() -> None:
    waiting = asyncio.create_task(ask(f"{FAST}&hang=1"))
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_hanging_deployment_runs_into_the_timeout_of_the_request() -> None:
    with pytest.raises(litellm.Timeout, match="hangs on demand"):
        await ask(f"{FAST}&hang=1", timeout=0.01)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_mistake_in_the_name_is_a_bad_request(stream: bool) -> None:
    with pytest.raises(litellm.BadRequestError, match=r"simulated/small\?fial=1: 'fial' is not a setting; use fail,"):
        await ask("simulated/small?fial=1", stream=stream)
