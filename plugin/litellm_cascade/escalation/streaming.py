"""A streamed answer of several rungs that never shows rejected text.

What to ask and what to release is settled by a subclass: ``StreamedCascade`` climbs a ladder, ``StreamedEnsemble`` picks one of several
answers. Here the settled rung is handed on, and every stream that was opened is closed and billed. Nobody waits for a stream that is
being abandoned, except the end of the request.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from typing import Any

from litellm_cascade.escalation.deadline import MILLISECOND
from litellm_cascade.escalation.record import Ask, Run
from litellm_cascade.escalation.regret import LateRegret
from litellm_cascade.escalation.rung import Rung, StreamUpstream

UNREAD_SECONDS = 10.0
"""A settled stream of which nobody has begun to read after this long has lost its client: some hosts let go of such a stream unclosed."""

_log = logging.getLogger(__name__)


class StreamedAnswer(ABC):
    """Iterate for the payloads of the answer. ``settle`` may be awaited before: it returns when the first text may be shown."""

    def __init__(
        self, run: Run, upstream: StreamUpstream, on_end: Callable[[bool], None] = lambda _: None, *, unread_s: float = UNREAD_SECONDS
    ) -> None:
        """``on_end`` is called once, with False when the client left before the end."""
        self._unread_s = unread_s
        self._run = run
        self._upstream = upstream
        self._on_end = on_end
        self._open: dict[int, Rung] = {}
        self._regret: LateRegret | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._settling: asyncio.Task[Rung] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._is_read = False
        self._ended = False  # by itself: the client has seen the last piece, or an error
        self._stream = self._payloads()

    async def settle(self) -> None:
        """Judge rungs until one is served. Raises what the last rung raised when none answered."""
        await self._settled()

    def __aiter__(self) -> StreamedAnswer:
        return self

    async def __anext__(self) -> Any:
        self._is_read = True
        return await self._stream.__anext__()

    async def aclose(self) -> None:
        """Close every open rung, also when nothing was read yet."""
        await self._stream.aclose()
        await self._close()

    @abstractmethod
    async def _chosen(self) -> int:
        """The rung to show. Raises what the last rung raised when there is none."""

    # --- showing -------------------------------------------------------------------------------------------------------------------

    async def _settled(self) -> Rung:
        if self._settling is None:
            if self._closing is not None:
                raise RuntimeError("this stream was closed before it was settled")
            self._settling = asyncio.create_task(self._settle_once())
        return await asyncio.shield(self._settling)

    async def _settle_once(self) -> Rung:
        clock = asyncio.get_running_loop().time
        asked_at = clock()
        try:
            chosen = self._open[await self._chosen()]
        except Exception:
            self._ended = True
            raise
        chosen.released = True
        if not self._is_read:
            self._unread = asyncio.get_running_loop().call_later(self._unread_s, self._close_unread)
        self._run.shown_after((clock() - asked_at) / MILLISECOND)
        return chosen

    async def _settled_and_open(self) -> Rung:
        settled = await self._settled()
        if self._closing is not None:
            raise RuntimeError("this stream was closed because nobody had read it")
        return settled

    async def _payloads(self) -> AsyncGenerator[Any, None]:
        served: Rung | None = None
        try:
            served = await self._settled_and_open()
            async with aclosing(served.released_pieces()) as pieces:
                async for piece in pieces:
                    self._ended = self._ended or piece.finish_reason is not None
                    if self._regret is not None:
                        self._regret.passed(piece.tokens)
                    yield piece.payload
            self._ended = True
        except Exception as error:
            self._ended = True
            if served is not None:
                self._run.broke(error)
            raise
        finally:
            self._note_regret(served)
            await self._close()

    def _note_regret(self, served: Rung | None) -> None:
        if served is not None and self._regret is not None and self._regret.lowest is not None:
            self._run.regretted(served.number, self._regret.lowest)

    # --- opening and closing -------------------------------------------------------------------------------------------------------

    def _start(self, ask: Ask) -> Rung:
        """The rung, asked now if it was not before."""
        if ask.rung not in self._open:
            self._open[ask.rung] = Rung(ask, self._upstream)
        return self._open[ask.rung]

    def _abandon_all_but(self, kept: Collection[int | None]) -> None:
        for number in [number for number in self._open if number not in kept]:
            self._ending.add(asyncio.create_task(self._end(self._open.pop(number))))

    async def _end(self, rung: Rung) -> None:
        try:
            try:
                await rung.stop()
            finally:
                self._upstream.ended(rung.number)
        except Exception as error:  # noqa: BLE001 - a stream that cannot be closed or billed must not cost the answer of another
            _log.warning("the stream of rung %d could not be closed: %s", rung.number, type(error).__name__)  # its message may quote it

    async def _close(self) -> None:
        # A task of its own, because a request that is cancelled may be so again and again while it waits for this.
        await asyncio.shield(self._begin_to_close())

    def _begin_to_close(self) -> asyncio.Task[None]:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close_once())
        return self._closing

    def _close_unread(self) -> None:
        if not self._is_read:
            self._begin_to_close()

    async def _close_once(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)
        self._abandon_all_but(())
        await asyncio.gather(*self._ending)
        self._on_end(self._ended)
