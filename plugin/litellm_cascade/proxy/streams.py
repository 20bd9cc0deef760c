"""One rung's stream: LiteLLM's chunks become pieces in, and come out in the order that LiteLLM's own stream wrapper expects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import fsum
from typing import Any

import litellm
from litellm import ModelResponse
from litellm._logging import verbose_proxy_logger

from litellm_cascade.errors import BrokenAnswerError
from litellm_cascade.escalation import Answer, Piece, Said
from litellm_cascade.proxy.answers import dressed, to_piece, to_usage
from litellm_cascade.proxy.joining import together
from litellm_cascade.vocabulary import TokenLogprob, Usage


@dataclass(slots=True)
class Consumption:
    """What a rung has consumed, as far as is known. Filled in as the stream goes."""

    usage: Usage | None = None
    cost_usd: float | None = None


def consumption_of(response: Any) -> Consumption:
    """Of a whole answer, as LiteLLM counts and prices it."""
    cost = (getattr(response, "_hidden_params", None) or {}).get("response_cost")
    return Consumption(usage=to_usage(getattr(response, "usage", None)), cost_usd=float(cost) if isinstance(cost, (int, float)) else None)


def total(parts: Sequence[Consumption]) -> Consumption:
    """Everything together; None where nothing is known of any part."""
    usages = [part.usage for part in parts if part.usage is not None]
    costs = [part.cost_usd for part in parts if part.cost_usd is not None]
    tokens_in, tokens_out = sum(usage.input_tokens for usage in usages), sum(usage.output_tokens for usage in usages)
    return Consumption(
        usage=Usage(input_tokens=tokens_in, output_tokens=tokens_out) if usages else None, cost_usd=fsum(costs) if costs else None
    )


class RungStream:
    """Iterate once. ``alternatives`` and ``model_id``: as for ``to_piece``. ``came`` is told the first tokens with log-probabilities, or at
    the end of a text that there were none. ``abandon`` closes the provider's stream and bills what it has produced.
    """

    def __init__(
        self,
        response: Any,
        messages: list[Any],
        *,
        alternatives: int | None,
        model_id: str | None,
        came: Callable[[Sequence[TokenLogprob]], object],
    ) -> None:
        self._response = response
        self._messages = messages
        self._read = partial(to_piece, alternatives=alternatives, model_id=model_id)
        self._came = came
        self.consumption = Consumption()
        self._counted: Any = None  # LiteLLM's own usage object
        self._billed = False

    together = staticmethod(together)

    async def __aiter__(self) -> AsyncIterator[Piece]:
        # LiteLLM's outer wrapper ends with the finish chunk and would never see a usage chunk behind it, so the two change places.
        finish: Piece | None = None
        scored = spoken = False
        async for chunk in self._response:
            piece = self._read(chunk)
            if piece.tokens and not scored:
                self._came(piece.tokens)
            scored, spoken = scored or bool(piece.tokens), spoken or bool(piece.text)
            if piece.usage is not None:
                self.consumption.usage, self._counted = piece.usage, chunk.usage
            if piece.finish_reason is not None and piece.usage is None:
                finish = piece
            else:
                yield piece
        self._billed = True  # by LiteLLM, which has seen the end
        if spoken and not scored:
            self._came(())
        if finish is not None:
            yield finish

    async def abandon(self) -> None:
        """Close the stream; an abandoned stream fires no callbacks, so its bill is sent here."""
        try:
            await self._response.aclose()
        finally:
            await self._bill()

    def price(self) -> None:
        """Work out what the stream cost, for those who look at it now: LiteLLM itself does so only after the end."""
        if self._counted is not None:
            answer = ModelResponse(model=self._response.model, usage=self._counted)
            self.consumption.cost_usd = self._response.logging_obj.response_cost_calculator(result=answer)

    def whole(self) -> Any:
        """What has come, as one answer of LiteLLM's; None when that cannot be made of it."""
        chunks = getattr(self._response, "chunks", None)
        if not chunks:
            return None
        try:
            answer = litellm.stream_chunk_builder(chunks=chunks, messages=self._messages, logging_obj=self._response.logging_obj)
            if answer is not None:
                answer.model = self._response.model
        except Exception:  # noqa: BLE001 - assembling is LiteLLM's; a bill that cannot be made must not break the answer
            verbose_proxy_logger.warning("cascade: the stream of %s could not be put together", self._response.model)
            return None
        return answer

    async def _bill(self) -> None:
        partial = None if self._billed else self.whole()
        if partial is None:
            return
        self._billed = True
        self.consumption.usage, self._counted = to_usage(partial.usage), partial.usage
        await self._response.logging_obj.dispatch_success_handlers(
            partial, cache_hit=False, start_time=None, end_time=None, prefer_async_handlers=True
        )


async def joined(stream: RungStream) -> Answer:
    """A stream as a whole answer. Left early, it is closed and billed like any other stream."""
    said = Said()
    try:
        async for piece in stream:
            said.add(piece)
    except BaseException:
        # Shielded: whoever leaves a call may do so again while it is being billed.
        await asyncio.shield(asyncio.ensure_future(stream.abandon()))
        raise
    response = stream.whole()
    if response is None:
        raise BrokenAnswerError
    return Answer(dressed(response, alternatives=None), said.completion())
