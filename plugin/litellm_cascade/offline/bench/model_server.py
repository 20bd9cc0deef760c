"""A model server that costs next to nothing, in a process of its own: answers are written once and kept, connections are kept alive.

``python -m litellm_cascade.offline.bench.model_server`` prints its port and runs until its standard input ends. It answers
/v1/chat/completions, whole and streamed, with as many tokens as ``max_tokens`` allows and log-probabilities where they are asked for, and
takes in OpenTelemetry's exports as well.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from litellm_cascade.testing import chat
from litellm_cascade.testing.lifetime import Lifetime
from litellm_cascade.testing.replies import Reply

SMALL_SURE, SMALL_UNSURE, LARGE = "small-sure", "small-unsure", "large"
LOGPROBS: Mapping[str, float] = {SMALL_SURE: -0.05, SMALL_UNSURE: -2.5, LARGE: -0.05}
TOKENS = 20
"""Of an answer, where the request does not say."""
TOKEN_EVERY_S = 0.002
"""Streams come token by token, as from a real server; at once, they would reach the proxy in one piece."""
MODULE = "litellm_cascade.offline.bench.model_server"


def marker(model: str) -> str:
    """The first word of ``model``'s answers, by which they are told apart."""
    return f"From-{model}"


class ModelServer(Lifetime):
    """The server as its parent sees it."""

    def __init__(self) -> None:
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process and learn its port."""
        command = [sys.executable, "-m", MODULE]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
        port = self._process.stdout.readline().strip() if self._process.stdout is not None else ""
        self.url = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()  # which closes its standard input


# --- inside the process ------------------------------------------------------------------------------------------------------------


class Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A proxy has connected."""
        self._transport: Any = transport
        self._received = b""
        self._pending: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Answer once the request is complete."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        self._received = b""
        if b"chat/completions" in head.partition(b"\r\n")[0]:
            self._send(_pieces(*_asked(json.loads(body))))
        else:
            self._transport.write(_whole(b"", b"application/x-protobuf"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The proxy has left; say no more."""
        del exc
        if self._pending is not None:
            self._pending.cancel()

    def _send(self, pieces: Sequence[bytes]) -> None:
        self._transport.write(pieces[0])
        if len(pieces) > 1:
            self._pending = asyncio.get_running_loop().call_later(TOKEN_EVERY_S, self._send, pieces[1:])


def _content_length(head: bytes) -> int:
    lengths = (line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(next(lengths, b"0"))


Asked = tuple[str, bool, int, bool, int]


def _asked(body: Mapping[str, Any]) -> Asked:
    """The little that answers depend on: model, streamed, alternatives to each token (-1: no log-probabilities), usage, tokens."""
    alternatives = int(body.get("top_logprobs") or 0) if body.get("logprobs") else -1
    return body["model"], bool(body.get("stream")), alternatives, chat.wants_usage(body), body.get("max_tokens") or TOKENS


@lru_cache
def _pieces(model: str, stream: bool, alternatives: int, usage: bool, tokens: int) -> tuple[bytes, ...]:
    body: dict[str, Any] = {"model": model, "stream_options": {"include_usage": usage}}
    if alternatives >= 0:
        body |= {"logprobs": True, "top_logprobs": alternatives}
    words = [marker(model), *(f" word{number}" for number in range(1, tokens))]
    reply = Reply(tokens=[(word, LOGPROBS[model]) for word in words])
    if not stream:
        return (_whole(json.dumps(chat.whole(reply, body)).encode(), b"application/json"),)
    events = [json.dumps(event.payload).encode() for event in chat.events(reply, body)]
    first, *rest = [_chunk(b"data: " + event + b"\n\n") for event in (*events, b"[DONE]")]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + first, *rest[:-1], rest[-1] + b"0\r\n\r\n"


def _whole(body: bytes, media_type: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (media_type, len(body), body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
