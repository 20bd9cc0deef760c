"""The order of a measurement: all proxies alive at once, loaded one at a time in rotating order; then pairs of fresh starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import TypeVar

from litellm_cascade.offline.bench.load import Client, resident_mb
from litellm_cascade.offline.bench.model_server import ModelServer
from litellm_cascade.offline.bench.setups import CONFIDENT, PLAIN, SETUPS, Setup

Tell = Callable[[str], object]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured. ``warm_up`` requests are asked of each setup, whole and streamed, before anything counts."""

    rounds: int = 9
    requests: int = 100
    starts: int = 5
    warm_up: int = 50
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One batch: processor milliseconds per request, and the median milliseconds until an answer's last byte."""

    round: int
    setup: str
    stream: bool
    cpu_ms: float
    p50_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of a proxy: seconds until it was ready, and its resident memory (millions of bytes) after a load of ``warm_up``."""

    pair: int
    setup: str
    ready_s: float
    rss_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that was read."""

    readings: tuple[Reading, ...]
    starts: tuple[Start, ...]


class Bench:
    """Measures into ``folder``, where each proxy leaves its configuration and its log."""

    def __init__(self, extent: Extent, folder: Path, tell: Tell) -> None:
        self._extent = extent
        self._folder = folder
        self._tell = tell
        self._random = Random(extent.seed)
        self._models = ModelServer()
        self._collector = ModelServer()  # it takes in spans just as well

    def measure(self) -> Measured:
        """Rounds, then starts."""
        with self._models, self._collector:
            return Measured(readings=tuple(self._rounds()), starts=tuple(self._starts()))

    def _rounds(self) -> Iterator[Reading]:
        with ExitStack() as running:
            clients = [self._client(running, setup) for setup in SETUPS]
            for client in clients:
                self._warm_up(client)
            batches = list(product(clients, (False, True)))
            self._random.shuffle(batches)
            for number in range(self._extent.rounds):
                self._tell(f"round {number + 1} of {self._extent.rounds}")
                for client, stream in _rotated(batches, number):
                    cost = client.batch(self._extent.requests, stream=stream)
                    yield Reading(round=number, setup=client.setup.name, stream=stream, cpu_ms=cost.cpu_ms, p50_ms=cost.p50_ms)

    def _starts(self) -> Iterator[Start]:
        for pair in range(self._extent.starts):
            self._tell(f"start {pair + 1} of {self._extent.starts}")
            for setup in _rotated((PLAIN, CONFIDENT), pair):
                yield self._start(setup, pair)

    def _start(self, setup: Setup, pair: int) -> Start:
        with ExitStack() as running:
            began = time.monotonic()
            client = self._client(running, setup, f"start-{pair}-{setup.name}")
            ready_s = time.monotonic() - began
            self._warm_up(client)
            return Start(pair=pair, setup=setup.name, ready_s=ready_s, rss_mb=resident_mb(client.proxy.pid))

    def _client(self, running: ExitStack, setup: Setup, folder: str | None = None) -> Client:
        self._tell(f"starting: {setup.label}")
        proxy = setup.proxy(self._folder / (folder or setup.name), model_url=self._models.url, collector_url=self._collector.url)
        return Client(setup, running.enter_context(proxy), self._random)

    def _warm_up(self, client: Client) -> None:
        for stream in (False, True):
            client.batch(self._extent.warm_up, stream=stream)


def _rotated(items: Sequence[Item], by: int) -> list[Item]:
    start = by % len(items)
    return [*items[start:], *items[:start]]
