"""A cascade over streams that never shows rejected text.

The first tokens of a rung are held and judged. Accepted, they are released and the rest passes through. Rejected, the next rung is
opened; only when its first piece is there is the held stream abandoned (closed and billed), so that a next rung which fails or hangs
costs nothing: the held answer is released instead.

Knows nothing of LiteLLM: the edge provides ``StreamUpstream`` and gets its own payloads back, in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from litellm_cascade.escalation.run import Ask, CascadeRun, Fail, Serve, Step
from litellm_cascade.vocabulary import Completion, Gate, TokenLogprob, Usage

MILLISECOND = 1e-3


@dataclass(frozen=True, slots=True)
class Piece:
    """One chunk: what it adds to the answer, and the edge's own ``payload`` that will be handed on."""

    payload: Any
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[str, ...] = ()
    tokens: tuple[TokenLogprob, ...] = ()
    pieces_of_output: int = 0  # what counts against the hold when the provider sends no log-probabilities: 1 for a chunk with output
    finish_reason: str | None = None
    usage: Usage | None = None


class AnswerStream(Protocol):
    """One rung's open stream."""

    def __aiter__(self) -> AsyncIterator[Piece]: ...
    async def abandon(self) -> None:
        """Close the stream and have the provider's part of it billed."""


class StreamUpstream(Protocol):
    """What the edge provides."""

    async def open(self, rung: int, alias: str) -> AnswerStream: ...
    def ended(self, rung: int) -> None:
        """The rung's stream is over or abandoned; called once for each rung that was asked, also when it failed."""


@dataclass(slots=True)
class _Rung:
    """A stream that is being held, with what it has said so far."""

    number: int
    stream: AnswerStream
    pieces: AsyncIterator[Piece]
    held: deque[Piece] = field(default_factory=deque)
    text: list[str] = field(default_factory=list)
    tool_calls: list[str] = field(default_factory=list)
    tokens: list[TokenLogprob] = field(default_factory=list)
    outputs: int = 0
    finish_reason: str | None = None
    exhausted: bool = False
    released: bool = False
    pump: asyncio.Task[None] | None = None

    def add(self, piece: Piece) -> None:
        self.held.append(piece)
        self.text.append(piece.text)
        self.tool_calls.extend(piece.tool_calls)
        self.tokens.extend(piece.tokens)
        self.outputs += len(piece.tokens) or piece.pieces_of_output
        self.finish_reason = piece.finish_reason or self.finish_reason

    def completion(self) -> Completion:
        return Completion(
            text="".join(self.text),
            tool_calls=tuple(self.tool_calls),
            tokens=tuple(self.tokens) if self.tokens else None,
            finish_reason=self.finish_reason,
        )

    async def read(self, enough: Callable[[_Rung], bool]) -> None:
        """Hold pieces until there are enough. Stops reading once released, so that a slow client slows the provider, not our memory."""
        async for piece in self.pieces:
            self.add(piece)
            if self.released or enough(self):
                return
        self.exhausted = True

    async def stop(self) -> None:
        if self.pump is not None and not self.pump.done():
            self.pump.cancel()
            await asyncio.wait({self.pump})
        await self.stream.abandon()


class StreamedCascade:
    """Iterate for the payloads of the answer. ``settle`` may be awaited before: it returns when the first text may be shown."""

    def __init__(self, run: CascadeRun, upstream: StreamUpstream, on_end: Callable[[bool], None] = lambda _: None) -> None:
        """``on_end`` is called once, with False when the client left before the end."""
        self.run = run
        self._upstream = upstream
        self._on_end: Callable[[bool], None] | None = on_end
        self._settling: asyncio.Task[_Rung] | None = None
        self._kept: _Rung | None = None  # the best earlier answer, held open while the next rung has not begun
        self._open: set[int] = set()
        self._stream = self._payloads()

    async def settle(self) -> None:
        """Judge rungs until one is served. Raises what the last rung raised when none answered."""
        await asyncio.shield(self._settle_once())

    def __aiter__(self) -> StreamedCascade:
        return self

    async def __anext__(self) -> Any:
        return await self._stream.__anext__()

    async def aclose(self) -> None:
        """Close every open rung, also when nothing was read yet."""
        await self._stream.aclose()
        await self._close(None)

    def _settle_once(self) -> asyncio.Task[_Rung]:
        if self._settling is None:
            self._settling = asyncio.create_task(self._climb(self.run.start()))
        return self._settling

    async def _payloads(self) -> AsyncGenerator[Any, None]:
        served: _Rung | None = None
        try:
            served = await asyncio.shield(self._settle_once())
            async for piece in _released(served):
                yield piece.payload
            served.exhausted = True
        finally:
            await self._close(served)

    async def _close(self, served: _Rung | None) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is None:
            return
        if served is None:  # the client left while we were still judging, or before it read anything
            served = await self._stop_settling()
        finished = served.exhausted if served is not None else self._has_failed()
        if served is not None and not served.exhausted:
            await served.stop()
        await self._drop_kept()
        for rung in sorted(self._open):
            self._upstream.ended(rung)
        self._open.clear()
        on_end(finished)

    def _has_failed(self) -> bool:
        """Did every rung fail? Then the stream ended by itself, though without an answer."""
        settling = self._settling
        return settling is not None and settling.done() and not settling.cancelled() and settling.exception() is not None

    async def _stop_settling(self) -> _Rung | None:
        if self._settling is None:
            return None
        self._settling.cancel()
        await asyncio.wait({self._settling})
        return None if self._settling.cancelled() or self._has_failed() else self._settling.result()

    # --- climbing ------------------------------------------------------------------------------------------------------------------

    async def _climb(self, step: Step) -> _Rung:
        current: _Rung | None = None
        try:
            while isinstance(step, Ask):
                current, step = await self._ask(step)
        except asyncio.CancelledError:
            await self._drop_kept()
            raise
        if isinstance(step, Fail):
            raise step.error
        return self._serve(step, current)

    def _serve(self, step: Serve, current: _Rung | None) -> _Rung:
        served = current if current is not None and current.number == step.rung else self._kept
        assert served is not None, "the run serves only rungs that answered"  # noqa: S101 - states an invariant of CascadeRun
        self._kept = None
        served.released = True
        return served

    async def _ask(self, step: Ask) -> tuple[_Rung | None, Step]:
        self._open.add(step.rung)
        rung: _Rung | None = None
        try:
            rung = await self._begin(step)
            await self._hold(rung)
        except asyncio.CancelledError:
            await self._drop(rung, step.rung)
            raise
        except Exception as error:  # noqa: BLE001 - whatever a provider raises is the run's to judge
            await self._drop(rung, step.rung)
            return None, self.run.failed(error)
        return rung, await self._judged(rung)

    async def _judged(self, rung: _Rung) -> Step:
        if self._unjudged():
            return self.run.accepted_unjudged()
        step = self.run.answered(rung.completion(), complete=rung.exhausted)
        if isinstance(step, Serve):
            await self._drop_kept()
        elif self.run.fallback == rung.number:
            await self._drop_kept()
            self._kept = rung
        else:  # nothing in it worth going back to
            await self._drop(rung, rung.number)
        return step

    def _unjudged(self) -> bool:
        return self.run.gate is not None and not self.run.on_last_rung and self.run.gate.stream.judge == "off"

    async def _begin(self, step: Ask) -> _Rung:
        gate = self.run.gate
        deadline = gate.first_chunk_within_ms * MILLISECOND if gate is not None else None
        return await asyncio.wait_for(self._first_piece(step), deadline)

    async def _first_piece(self, step: Ask) -> _Rung:
        stream = await self._upstream.open(step.rung, step.alias)
        rung = _Rung(step.rung, stream, stream.__aiter__())
        try:
            await rung.read(_has_begun)
        except BaseException:
            await stream.abandon()
            raise
        return rung

    async def _hold(self, rung: _Rung) -> None:
        gate = self.run.gate
        if gate is None or self.run.on_last_rung or rung.exhausted or self._unjudged():
            return
        rung.pump = asyncio.create_task(rung.read(_enough_for(gate)))
        await asyncio.wait({rung.pump}, timeout=_hold_seconds(gate))
        if rung.pump.done():
            rung.pump.result()

    async def _drop_kept(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            await self._drop(kept, kept.number)

    async def _drop(self, rung: _Rung | None, number: int) -> None:
        if rung is not None:
            await rung.stop()
        self._open.discard(number)
        self._upstream.ended(number)


async def _released(rung: _Rung) -> AsyncIterator[Piece]:
    while rung.held:
        yield rung.held.popleft()
    if rung.pump is not None:
        await rung.pump  # it ends with the piece that was on its way at the release
        while rung.held:
            yield rung.held.popleft()
    if not rung.exhausted:
        async for piece in rung.pieces:
            yield piece


def _has_begun(rung: _Rung) -> bool:
    return rung.outputs > 0 or rung.finish_reason is not None


def _enough_for(gate: Gate) -> Callable[[_Rung], bool]:
    if gate.stream.judge == "full":
        return lambda _: False
    return lambda rung: rung.outputs >= gate.stream.tokens


def _hold_seconds(gate: Gate) -> float:
    within_ms = gate.whole_within_ms if gate.stream.judge == "full" else gate.stream.within_ms
    return within_ms * MILLISECOND
