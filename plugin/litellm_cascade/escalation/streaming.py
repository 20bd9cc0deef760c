"""A cascade over streams that never shows rejected text.

The first tokens of a rung are held and judged. Accepted, they are released and the rest passes through. Rejected, the next rung is
opened; only when that has something better is the held stream abandoned (closed and billed), so that a next rung which fails or hangs
costs nothing: the held answer is released instead. Nobody waits for a stream that is being abandoned, except the end of the request.

Knows nothing of LiteLLM: the edge provides ``StreamUpstream`` and gets its own payloads back, in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from litellm_cascade.errors import LateError
from litellm_cascade.escalation.run import Ask, CascadeRun, Fail, Serve, Step
from litellm_cascade.escalation.tool_calls import ToolPiece, assembled
from litellm_cascade.vocabulary import Completion, Gate, TokenLogprob, Usage

MILLISECOND = 1e-3

_log = logging.getLogger(__name__)


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


class StreamUpstream(Protocol):
    """What the edge provides."""

    async def open(self, rung: int, alias: str) -> AnswerStream: ...
    def ended(self, rung: int) -> None:
        """The rung's stream is over or abandoned; called once for each rung that was asked, also when it failed."""


class _Rung:
    """A rung that is being asked: its stream, and what that has said so far."""

    def __init__(self, number: int, upstream: StreamUpstream, alias: str) -> None:
        self.number = number
        self.held: deque[Piece] = deque()
        self.outputs = 0
        self.finish_reason: str | None = None
        self.exhausted = False  # read to its end
        self.released = False
        self.rest = self._pieces(upstream, alias)
        self._stream: AnswerStream | None = None
        self._text: list[str] = []
        self._tool_calls: list[ToolPiece] = []
        self._refused = False
        self._tokens: list[TokenLogprob] = []
        self._reading: asyncio.Task[None]  # set by ``hold``, the first thing that is wanted of a rung

    async def hold(self, enough: Callable[[_Rung], bool], within_s: float | None) -> bool:
        """Hold pieces until there are enough, or the stream ends; False when that takes longer. Raises what the stream raises."""
        self._reading = asyncio.create_task(self._read(enough))
        await asyncio.wait({self._reading}, timeout=within_s)
        if not self._reading.done():
            return False
        self._reading.result()
        return True

    def completion(self) -> Completion:
        return Completion(
            text="".join(self._text),
            tool_calls=assembled(self._tool_calls),
            refused=self._refused,
            tokens=tuple(self._tokens) if self._tokens else None,
            finish_reason=self.finish_reason,
        )

    async def released_pieces(self) -> AsyncGenerator[Piece, None]:
        """What was held, and then the rest as it comes. One piece is read ahead at most, so that a slow client slows the provider."""
        while self.held:
            yield self.held.popleft()
        await self._reading  # it ends with the piece that was on its way at the release
        while self.held:
            yield self.held.popleft()
        async for piece in self.rest:
            yield piece

    async def stop(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.rest.aclose()
        if self._stream is not None and not self.exhausted:
            await self._stream.abandon()

    async def _pieces(self, upstream: StreamUpstream, alias: str) -> AsyncGenerator[Piece, None]:
        self._stream = await upstream.open(self.number, alias)
        pieces = self._stream.__aiter__()
        try:
            async for piece in pieces:
                yield piece
            self.exhausted = True
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()  # else it would be closed by the garbage collector, at a time of its own

    async def _read(self, enough: Callable[[_Rung], bool]) -> None:
        async for piece in self.rest:
            self._add(piece)
            if self.released or enough(self):
                return

    def _add(self, piece: Piece) -> None:
        self.held.append(piece)
        self._text.append(piece.text)
        self._tool_calls.extend(piece.tool_calls)
        self._refused = self._refused or piece.refused
        self._tokens.extend(piece.tokens)
        self.outputs += len(piece.tokens) or piece.pieces_of_output
        self.finish_reason = piece.finish_reason or self.finish_reason


class StreamedCascade:
    """Iterate for the payloads of the answer. ``settle`` may be awaited before: it returns when the first text may be shown."""

    def __init__(self, run: CascadeRun, upstream: StreamUpstream, on_end: Callable[[bool], None] = lambda _: None) -> None:
        """``on_end`` is called once, with False when the client left before the end."""
        self.run = run
        self._upstream = upstream
        self._on_end = on_end
        self._open: dict[int, _Rung] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._settling: asyncio.Task[_Rung] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._ended = False  # by itself: the client has seen the last piece, or an error
        self._stream = self._payloads()

    async def settle(self) -> None:
        """Judge rungs until one is served. Raises what the last rung raised when none answered."""
        await self._settled()

    def __aiter__(self) -> StreamedCascade:
        return self

    async def __anext__(self) -> Any:
        return await self._stream.__anext__()

    async def aclose(self) -> None:
        """Close every open rung, also when nothing was read yet."""
        await self._stream.aclose()
        await self._close()

    async def _settled(self) -> _Rung:
        if self._settling is None:
            if self._closing is not None:
                raise RuntimeError("this stream was closed before it was settled")
            self._settling = asyncio.create_task(self._climb())
        return await asyncio.shield(self._settling)

    async def _payloads(self) -> AsyncGenerator[Any, None]:
        served: _Rung | None = None
        try:
            served = await self._settled()
            async with aclosing(served.released_pieces()) as pieces:
                async for piece in pieces:
                    self._ended = self._ended or piece.finish_reason is not None
                    yield piece.payload
            self._ended = True
        except Exception as error:
            self._ended = True
            if served is not None:
                self.run.broke(error)
            raise
        finally:
            await self._close()

    # --- climbing ------------------------------------------------------------------------------------------------------------------

    async def _climb(self) -> _Rung:
        step: Step = self.run.start()
        while isinstance(step, Ask):
            step = await self._ask(step)
            self._abandon_all_but(step.rung if isinstance(step, Serve) else self.run.fallback)
        if isinstance(step, Fail):
            self._ended = True
            raise step.error
        served = self._open[step.rung]
        served.released = True
        return served

    async def _ask(self, step: Ask) -> Step:
        rung = self._open[step.rung] = _Rung(step.rung, self._upstream, step.alias)
        try:
            await self._hold(rung)
        except Exception as error:  # noqa: BLE001 - whatever a provider raises is the run's to judge
            return self.run.failed(error)
        if self._judges == "off":
            return self.run.accepted_unjudged()
        return self.run.answered(rung.completion(), complete=rung.exhausted or rung.finish_reason is not None)

    async def _hold(self, rung: _Rung) -> None:
        gate = self.run.gate
        if not await rung.hold(_has_begun, gate.first_chunk_within_ms * MILLISECOND if gate is not None else None):
            raise LateError
        if gate is None or self._judges in {"nothing", "off"}:
            return
        enough = _enough_for(gate)
        if not rung.exhausted and not enough(rung):
            await rung.hold(enough, _hold_seconds(gate))

    @property
    def _judges(self) -> str:
        """How this rung is judged: ``prefix``, ``full``, ``off``, or ``nothing`` where the run does not judge it."""
        gate = self.run.gate
        return "nothing" if gate is None or not self.run.judges else gate.stream.judge

    # --- closing -------------------------------------------------------------------------------------------------------------------

    def _abandon_all_but(self, kept: int | None) -> None:
        for number in [number for number in self._open if number != kept]:
            self._ending.add(asyncio.create_task(self._end(self._open.pop(number))))

    async def _end(self, rung: _Rung) -> None:
        try:
            try:
                await rung.stop()
            finally:
                self._upstream.ended(rung.number)
        except Exception:  # noqa: BLE001 - a stream that cannot be closed or billed must not cost the answer of another
            _log.warning("the stream of rung %d could not be closed", rung.number, exc_info=True)

    async def _close(self) -> None:
        # A task of its own, because a request that is cancelled may be so again and again while it waits for this.
        if self._closing is None:
            self._closing = asyncio.create_task(self._close_once())
        await asyncio.shield(self._closing)

    async def _close_once(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)
        self._abandon_all_but(None)
        await asyncio.gather(*self._ending)
        self._on_end(self._ended)


def _has_begun(rung: _Rung) -> bool:
    return rung.outputs > 0 or rung.finish_reason is not None


def _enough_for(gate: Gate) -> Callable[[_Rung], bool]:
    if gate.stream.judge == "full":
        return lambda _: False
    return lambda rung: rung.outputs >= gate.stream.tokens


def _hold_seconds(gate: Gate) -> float:
    within_ms = gate.whole_within_ms if gate.stream.judge == "full" else gate.stream.within_ms
    return within_ms * MILLISECOND
