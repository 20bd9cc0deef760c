"""One rung of a streamed answer while it is being asked: what it has said, and what of that is still held back.

Knows nothing of LiteLLM: the edge provides ``StreamUpstream`` and gets its own payloads back, in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from litellm_cascade.escalation.consulting import Consultant
from litellm_cascade.escalation.record import Ask
from litellm_cascade.escalation.tool_calls import ToolPiece, assembled
from litellm_cascade.vocabulary import Completion, TokenLogprob, Usage


@dataclass(frozen=True, slots=True)
class Piece:
    """One chunk: what it adds to the answer, and the edge's own ``payload`` that will be handed on."""

    payload: Any
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolPiece, ...] = ()
    refused: bool = False
    tokens: tuple[TokenLogprob, ...] = ()
    pieces_of_output: int = 0  # what counts against the hold when the provider sends no log-probabilities: 1 for a chunk with output
    finish_reason: str | None = None
    usage: Usage | None = None


class AnswerStream(Protocol):
    """One rung's open stream."""

    def __aiter__(self) -> AsyncIterator[Piece]: ...
    async def abandon(self) -> None:
        """Close the stream and have the provider's part of it billed. Called at most once, and not on a stream that was read to its end."""

    def together(self, held: Iterable[Piece]) -> Iterable[Piece]:
        """The same in as few pieces as the host can hand on at once."""
        return held


class StreamUpstream(Consultant, Protocol):
    """What the edge provides."""

    async def open(self, ask: Ask) -> AnswerStream: ...
    def ended(self, rung: int) -> None:
        """The rung's stream is over or abandoned; called once for each rung that was asked, also when it failed."""


class Said:
    """What the pieces so far say together."""

    def __init__(self) -> None:
        self.outputs = 0
        self.finish_reason: str | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._tool_calls: list[ToolPiece] = []
        self._refused = False
        self._tokens: list[TokenLogprob] = []

    @property
    def has_begun(self) -> bool:
        """True from the first output on, or the end."""
        return self.outputs > 0 or self.finish_reason is not None

    @property
    def tokens(self) -> int:
        """How many came with a log-probability."""
        return len(self._tokens)

    def add(self, piece: Piece) -> None:
        """One more."""
        self._text.append(piece.text)
        self._reasoning.append(piece.reasoning)
        self._tool_calls.extend(piece.tool_calls)
        self._refused = self._refused or piece.refused
        self._tokens.extend(piece.tokens)
        self.outputs += len(piece.tokens) or piece.pieces_of_output
        self.finish_reason = piece.finish_reason or self.finish_reason

    def completion(self) -> Completion:
        """As an answer that can be judged."""
        return Completion(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=assembled(self._tool_calls),
            refused=self._refused,
            tokens=tuple(self._tokens) if self._tokens else None,
            finish_reason=self.finish_reason,
        )


class Rung:
    """Opened at once, and read until its first output; ``hold`` reads on. Every rung must be stopped."""

    def __init__(self, ask: Ask, upstream: StreamUpstream) -> None:
        self.number = ask.rung
        self.said = Said()
        self.exhausted = False  # read to its end
        self.released = False
        self.begun_at: float | None = None  # in the loop's time
        self._held: deque[Piece] = deque()
        self._stream: AnswerStream | None = None
        self._rest = self._pieces(upstream, ask)
        self._reading = asyncio.create_task(self._read(_has_begun))

    @property
    def is_complete(self) -> bool:
        """True when there is nothing more to say."""
        return self.exhausted or self.said.finish_reason is not None

    async def begun(self, within_s: float | None) -> bool:
        """Whether there is a first output within that time from now. Raises what the stream raises."""
        return await self._read_within(within_s)

    async def hold(self, enough: Callable[[Said], bool], within_s: float) -> bool:
        """Once begun: hold pieces until there are enough, or the stream ends; False when that takes longer. Raises like ``begun``."""
        if self.exhausted or enough(self.said):
            return True
        self._reading = asyncio.create_task(self._read(enough))
        return await self._read_within(within_s)

    async def released_pieces(self) -> AsyncGenerator[Piece, None]:
        """What was held, and then the rest as it comes. One piece is read ahead at most, so that a slow client slows the provider."""
        for piece in self._together():
            yield piece
        await self._reading  # it ends with the piece that was on its way at the release
        while self._held:
            yield self._held.popleft()
        async for piece in self._rest:
            yield piece

    def _together(self) -> Iterable[Piece]:
        held = list(self._held)
        self._held.clear()
        return self._stream.together(held) if self._stream is not None else held

    async def stop(self) -> None:
        """Read no more, and have what is still open abandoned."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._rest.aclose()
        if self._stream is not None and not self.exhausted:
            await self._stream.abandon()

    async def _read_within(self, seconds: float | None) -> bool:
        await asyncio.wait({self._reading}, timeout=seconds)
        if not self._reading.done():
            return False
        self._reading.result()
        return True

    async def _pieces(self, upstream: StreamUpstream, ask: Ask) -> AsyncGenerator[Piece, None]:
        self._stream = await upstream.open(ask)
        pieces = self._stream.__aiter__()
        try:
            async for piece in pieces:
                yield piece
            self.exhausted = True
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()  # else it would be closed by the garbage collector, at a time of its own

    async def _read(self, enough: Callable[[Said], bool]) -> None:
        async for piece in self._rest:
            self._held.append(piece)
            self.said.add(piece)
            if self.begun_at is None and self.said.has_begun:
                self.begun_at = asyncio.get_running_loop().time()
            if self.released or enough(self.said):
                return


def _has_begun(said: Said) -> bool:
    return said.has_begun
