"""For ``make bench-overhead``: the floor under a cascade that asks its rungs through LiteLLM's router. Asks ``small``, decides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from litellm import CustomLLM
from litellm.litellm_core_utils.internal_call_metadata import forwarded_internal_call_metadata
from litellm.proxy import proxy_server
from litellm.types.utils import ModelResponse

ALIAS = "small"
LOGPROBS = {"logprobs": True}


class HandOn(CustomLLM):  # type: ignore[misc] # LiteLLM is not typed
    """The inner call is billed once, and asked for what a judge would need; beyond that there is nothing to leave out."""

    async def acompletion(
        self, *, messages: list[Any], litellm_params: Mapping[str, Any], optional_params: Mapping[str, Any], **_: Any
    ) -> ModelResponse:
        """The whole answer, in a response of its own, without the log-probabilities."""
        inner = await _asked(messages, litellm_params, **_length(optional_params))
        for choice in inner.choices:
            choice.logprobs = None
        response = ModelResponse(id=inner.id, created=inner.created, model=inner.model, choices=inner.choices)
        response.usage = inner.usage
        return response

    def astreaming(self, *, messages: list[Any], litellm_params: Mapping[str, Any], **_: Any) -> AsyncIterator[Any]:
        """The chunks, without the log-probabilities."""
        return _streamed(messages, litellm_params)


async def _streamed(messages: list[Any], litellm_params: Mapping[str, Any]) -> AsyncIterator[Any]:
    async for chunk in await _asked(messages, litellm_params, stream=True, stream_options={"include_usage": True}):
        copied = chunk.model_copy(update={"choices": [choice.model_copy(update={"logprobs": None}) for choice in chunk.choices]})
        yield copied


def _length(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"max_tokens": parameters["max_tokens"]} if "max_tokens" in parameters else {}


async def _asked(messages: list[Any], litellm_params: Mapping[str, Any], **more: Any) -> Any:
    metadata = forwarded_internal_call_metadata(litellm_params.get("metadata") or {}, "hand_on")
    return await proxy_server.llm_router.acompletion(model=ALIAS, messages=messages, metadata=metadata, **LOGPROBS, **more)


provider = HandOn()
