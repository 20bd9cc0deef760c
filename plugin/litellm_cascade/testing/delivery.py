"""Sending a reply over the wire, slowly, brokenly or not at all, while watching whether the client is still there."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from litellm_cascade.testing import dialects
from litellm_cascade.testing.chat import Event
from litellm_cascade.testing.replies import Body, Reply, Seen

_NONE: Mapping[str, str] = {}


class ConnectionDroppedError(Exception):
    """Raised into the server, which closes the connection without finishing the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a route writes its answers. ``closing`` is what follows the last event of a stream; ``refusal`` says why a body gets a 400."""

    whole: Callable[[Reply, Body], dict[str, Any]]
    events: Callable[[Reply, Body], Iterator[Event]]
    closing: bytes = b""
    refusal: Callable[[Body], str | None] = dialects.refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An ASGI response. ``changed`` is called whenever ``seen`` has changed; ``shutdown`` ends what would hang."""

    reply: Reply
    seen: Seen
    format: Format
    changed: Callable[[], None]
    shutdown: asyncio.Event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until done, until the client leaves, or until the server closes, whichever comes first."""
        del scope
        answering = asyncio.ensure_future(self._answer(send))
        leaving = asyncio.ensure_future(_left(receive))
        closing = asyncio.ensure_future(self.shutdown.wait())
        tasks = (answering, leaving, closing)
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        answered, left = answering.done(), leaving.done()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        broken = answering.exception() if answered else None
        self._close(finished=answered and not broken, disconnected=left and not answered)
        if broken:
            raise broken

    def _close(self, *, finished: bool, disconnected: bool) -> None:
        self.seen.ended_at = time.monotonic()  # before the two that tests wait for
        self.seen.finished, self.seen.disconnected = finished, disconnected
        self.changed()

    async def _answer(self, send: Send) -> None:
        reply, objection = self.reply, self.format.refusal(self.seen.body)
        await asyncio.sleep(reply.delay_s)
        if reply.hang:
            await _forever()
        if objection or reply.status != 200:  # noqa: PLR2004
            await self._refuse(send, 400 if objection else reply.status, objection or reply.error)
        elif self.seen.stream:
            await self._stream(send)
        else:
            await self._whole(send)

    async def _refuse(self, send: Send, status: int, error: str | Mapping[str, Any]) -> None:
        kind = "invalid_request_error" if status == 400 else "fake_error"  # noqa: PLR2004
        body = error if isinstance(error, Mapping) else {"error": {"message": error or "scripted", "type": kind, "code": status}}
        await self._json(send, status, body)

    async def _whole(self, send: Send) -> None:
        await asyncio.sleep(self.reply.per_token_delay_s * self.reply.output_tokens)
        await self._json(send, 200, self.format.whole(self.reply, self.seen.body))
        self.seen.tokens_sent = self.reply.output_tokens

    async def _json(self, send: Send, status: int, payload: Mapping[str, Any]) -> None:
        body = json.dumps(payload).encode()
        await self._start(send, status, "application/json", {"content-length": str(len(body))})
        if self.reply.break_after is not None:
            await send(_chunk(body[: len(body) // 2]))
            raise ConnectionDroppedError
        await send(_chunk(body, last=True))

    async def _stream(self, send: Send) -> None:
        await self._start(send, 200, "text/event-stream")
        for event in self.format.events(self.reply, self.seen.body):
            await self._before(event)
            await send(_chunk(b"data: " + json.dumps(event.payload).encode() + b"\n\n"))
            self.seen.tokens_sent += event.tokens
            self.changed()
        await send(_chunk(self.format.closing, last=True))

    async def _before(self, event: Event) -> None:
        if not event.tokens:
            return
        if self.reply.break_after == self.seen.tokens_sent:
            raise ConnectionDroppedError
        if self.reply.hang_after == self.seen.tokens_sent:
            await _forever()
        await asyncio.sleep(self.reply.per_token_delay_s)

    async def _start(self, send: Send, status: int, kind: str, more: Mapping[str, str] = _NONE) -> None:
        headers = {"content-type": kind, **more, **self.reply.headers}
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})


def _chunk(body: bytes, *, last: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": not last}


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _forever() -> None:
    await asyncio.Event().wait()
