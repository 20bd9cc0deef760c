"""Upstreams that tell what their rungs say, for the requests whose policy asks to keep it. They change nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable

from litellm_cascade.escalation.record import Ask
from litellm_cascade.escalation.rung import AnswerStream, Piece, StreamUpstream
from litellm_cascade.escalation.whole import Answer, WholeUpstream

Heard = Callable[[int, str], None]
"""Told the rung, and what it said next."""


class OverheardWhole:
    """A ``WholeUpstream``."""

    def __init__(self, upstream: WholeUpstream, heard: Heard) -> None:
        self._heard = heard
        self._upstream = upstream
        self.consult = upstream.consult
        self.ended = upstream.ended

    async def ask(self, ask: Ask) -> Answer:
        """The rung's answer."""
        answer = await self._upstream.ask(ask)
        self._heard(ask.rung, answer.completion.text)
        return answer


class OverheardStreams:
    """A ``StreamUpstream``."""

    def __init__(self, upstream: StreamUpstream, heard: Heard) -> None:
        self._heard = heard
        self._upstream = upstream
        self.consult = upstream.consult
        self.ended = upstream.ended

    async def open(self, ask: Ask) -> AnswerStream:
        """The rung's stream."""
        return _OverheardStream(await self._upstream.open(ask), lambda text: self._heard(ask.rung, text))


class _OverheardStream:
    def __init__(self, stream: AnswerStream, heard: Callable[[str], None]) -> None:
        self._stream = stream
        self._heard = heard
        self.abandon = stream.abandon
        self.together = stream.together

    async def __aiter__(self) -> AsyncIterator[Piece]:
        pieces = self._stream.__aiter__()
        try:
            async for piece in pieces:
                self._heard(piece.text)
                yield piece
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()  # else the garbage collector would, at a time of its own
