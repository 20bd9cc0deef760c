"""Registers the simulated deployments with LiteLLM as ``simulated/small``, ``simulated/sql`` and ``simulated/large``.

    litellm_settings:
      custom_provider_map:
        - {provider: simulated, custom_handler: litellm_cascade.proxy.simulated_provider.simulated}

Everything that is simulated is in ``litellm_cascade.simulated``; here it is only put into LiteLLM's types.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any
from uuid import uuid4

from litellm.llms.custom_llm import CustomLLM, CustomLLMError
from litellm.types.utils import Choices, Delta, Message, ModelResponse, ModelResponseStream, StreamingChoices, Usage

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.simulated.answers import Ask, SimulatedAnswer, SimulatedToken, answer
from litellm_cascade.simulated.deployment import Deployment, parse_deployment
from litellm_cascade.simulated.tools import demanded_tool
from litellm_cascade.vocabulary import ToolCall

UNTIL_FIRST_TOKEN = 1 / 3
"""The share of an answer's latency before its first token; the other tokens come evenly in the rest."""

MOST_CHOICES = 128
"""OpenAI's bound on ``n``."""


class SimulatedProvider(CustomLLM):  # type: ignore[misc]  # LiteLLM is not checked
    """Answers from simulated deployments, whole or streamed; the synchronous calls are left out, as the proxy makes none."""

    async def acompletion(
        self,
        *,
        model: str,
        messages: list[Any],
        model_response: ModelResponse,
        optional_params: dict[str, Any],
        timeout: Any = None,  # noqa: ASYNC109  # LiteLLM's name
        **_: Any,
    ) -> ModelResponse:
        deployment = _deployment(model)
        answers = _answers(deployment, messages, optional_params)
        await _misbehave(answers[0], _seconds(timeout))
        await _sleep(max(one.latency_s for one in answers))
        model_response.choices = [_choice(index, one, optional_params, deployment) for index, one in enumerate(answers)]
        model_response.model = f"simulated/{deployment.role}"
        model_response.usage = _usage(answers)
        return model_response

    def astreaming(
        self, *, model: str, messages: list[Any], optional_params: dict[str, Any], timeout: Any = None, **_: Any
    ) -> AsyncIterator[ModelResponseStream]:
        """A plain function, so that a mistake in the model's name is told before the stream begins."""
        deployment = _deployment(model)
        return _stream(deployment, _answers(deployment, messages, optional_params), optional_params, _seconds(timeout))


simulated = SimulatedProvider()


def _deployment(model: str) -> Deployment:
    try:
        return parse_deployment(model)
    except ConfigurationError as error:
        raise CustomLLMError(status_code=400, message=str(error)) from error


def _answers(deployment: Deployment, messages: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> list[SimulatedAnswer]:
    """``n`` answers. A request's own ``seed`` moves the deployment's."""
    most = params.get("max_completion_tokens") or params.get("max_tokens")
    ask = Ask(
        max_tokens=int(most) if most else None,
        top=max(1, int(params.get("top_logprobs") or 1)),
        as_json=(params.get("response_format") or {}).get("type", "text") != "text",
        tool=demanded_tool(params.get("tools"), params.get("tool_choice")),
    )
    seed = deployment.seed + int(params.get("seed") or 0)
    return [
        answer(messages, deployment.role, seed, choice=index, ask=ask, faults=deployment.faults, latency_ms=deployment.latency_ms)
        for index in range(min(int(params.get("n") or 1), MOST_CHOICES))
    ]


def _seconds(timeout: Any) -> float | None:
    """LiteLLM's timeout, when it is a plain number."""
    return float(timeout) if isinstance(timeout, int | float) else None


async def _misbehave(first: SimulatedAnswer, within_s: float | None) -> None:
    """Fails, or waits until it is cancelled or the request's timeout is over, if that is this answer's fault."""
    if first.fault == "fail":
        raise CustomLLMError(status_code=500, message="This simulated deployment fails on demand (fail=... in its model name).")
    if first.fault == "hang":
        await _hang(within_s)


async def _hang(within_s: float | None) -> None:
    try:
        async with asyncio.timeout(within_s):
            await asyncio.Event().wait()
    except TimeoutError as error:
        raise CustomLLMError(status_code=408, message="This simulated deployment hangs on demand (hang=... in its model name).") from error


async def _sleep(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


async def _stream(
    deployment: Deployment, answers: list[SimulatedAnswer], params: Mapping[str, Any], within_s: float | None
) -> AsyncIterator[ModelResponseStream]:
    shared = {"id": f"chatcmpl-{uuid4()}", "model": f"simulated/{deployment.role}"}
    pace = max(one.latency_s * (1 - UNTIL_FIRST_TOKEN) / max(len(one.tokens), 1) for one in answers)
    if deployment.after == 0:
        await _misbehave(answers[0], within_s)
    await _sleep(max(one.latency_s for one in answers) * UNTIL_FIRST_TOKEN)
    for sent, choice in enumerate(_content_choices(answers, params, deployment)):
        if sent == deployment.after > 0:
            await _misbehave(answers[0], within_s)
        yield ModelResponseStream(choices=[choice], **shared)
        await _sleep(pace)
    yield ModelResponseStream(choices=[StreamingChoices(delta=Delta())], usage=_usage(answers), **shared)  # LiteLLM hides it unless asked
    yield ModelResponseStream(choices=[StreamingChoices(delta=Delta(), finish_reason=answers[0].finish_reason)], **shared)


def _content_choices(answers: Sequence[SimulatedAnswer], params: Mapping[str, Any], deployment: Deployment) -> Iterator[StreamingChoices]:
    """Every answer's tokens, one after the other in turn: LiteLLM ends a stream at its first finish reason."""
    for index, one in enumerate(answers):
        if one.tool_call:
            yield StreamingChoices(index=index, delta=Delta(role="assistant", tool_calls=[_tool_call(one.tool_call)]))
    for step, tokens in enumerate(zip_longest(*(one.tokens for one in answers))):
        for index, token in enumerate(tokens):
            if token is not None:
                delta = Delta(content=token.text, role="assistant" if step == 0 else None)
                yield StreamingChoices(index=index, delta=delta, logprobs=_logprobs([token], params, deployment))


def _choice(index: int, one: SimulatedAnswer, params: Mapping[str, Any], deployment: Deployment) -> Choices:
    calls = [_tool_call(one.tool_call)] if one.tool_call else None
    message = Message(role="assistant", content=None if calls else one.text, tool_calls=calls)
    return Choices(index=index, finish_reason=one.finish_reason, message=message, logprobs=_logprobs(one.tokens, params, deployment))


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {"id": f"call_{uuid4().hex[:24]}", "type": "function", "index": 0, "function": {"name": call.name, "arguments": call.arguments}}


def _usage(answers: Sequence[SimulatedAnswer]) -> Usage:
    """The prompt counts once, however many answers there are."""
    sent, written = answers[0].usage.input_tokens, sum(one.usage.output_tokens for one in answers)
    return Usage(prompt_tokens=sent, completion_tokens=written, total_tokens=sent + written)


def _logprobs(tokens: Sequence[SimulatedToken], params: Mapping[str, Any], deployment: Deployment) -> dict[str, Any] | None:
    """As OpenAI has them, when they were asked for."""
    if not tokens or deployment.omit_logprobs or not params.get("logprobs"):
        return None
    asked = bool(params.get("top_logprobs"))
    return {"content": [{**_entry(one.text, one.logprob), "top_logprobs": [_entry(*pair) for pair in one.top if asked]} for one in tokens]}


def _entry(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
