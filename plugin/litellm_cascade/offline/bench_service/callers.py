"""Callers that never pause: each keeps a connection, and asks again as soon as it is answered.

They speak just enough HTTP for that, because a client of the usual kind costs more processor time than the service that is measured.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Final, cast

import numpy as np

HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"
PROMPT: Final = "Summarise the plot of a well-known play in three sentences, and name the character who changes most. " * 5
"""About 100 tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a batch of calls came to."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    refused: int  # answered with another status than 200


@dataclass(slots=True)
class _Counted:
    until: float
    took_s: list[float] = field(default_factory=list)
    refused: int = 0


async def load(host: str, port: int, model: str, *, callers: int, seconds: float) -> Load:
    """Ask from so many connections for so long. Raises ``OSError`` when the service does not answer."""
    began = time.perf_counter()
    counted = _Counted(began + seconds)
    asked = _request(host, port, model)
    loop = asyncio.get_running_loop()
    ended = [loop.create_future() for _ in range(callers)]
    for one in ended:
        await loop.create_connection(lambda one=one: _Caller(asked, counted, one), host, port)  # type: ignore[misc]
    await asyncio.gather(*ended)
    p50, p99 = np.percentile(counted.took_s, (50, 99)) * 1e3 if counted.took_s else (float("nan"), float("nan"))
    rate = len(counted.took_s) / (time.perf_counter() - began)
    return Load(requests_per_s=rate, p50_ms=float(p50), p99_ms=float(p99), refused=counted.refused)


def _request(host: str, port: int, model: str) -> bytes:
    body = json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [PROMPT]}]}).encode()
    head = f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + HEAD_END + body


class _Caller(asyncio.Protocol):
    def __init__(self, asked: bytes, counted: _Counted, ended: asyncio.Future[None]) -> None:
        self._asked = asked
        self._counted = counted
        self._ended = ended
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(HEAD_END)
        if found and len(rest) >= _length(head):
            self._answered(head)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_exception(exc or ConnectionError("the service closed the connection"))

    def _ask(self) -> None:
        self._received, self._began = b"", time.perf_counter()
        self._transport.write(self._asked)

    def _answered(self, head: bytes) -> None:
        now = time.perf_counter()
        if b" 200 " in head[:16]:
            self._counted.took_s.append(now - self._began)
        else:
            self._counted.refused += 1
        if now < self._counted.until:
            self._ask()
        else:
            self._ended.set_result(None)
            self._transport.close()


def _length(head: bytes) -> int:
    return int(head.lower().partition(LENGTH)[2].partition(b"\r\n")[0])
