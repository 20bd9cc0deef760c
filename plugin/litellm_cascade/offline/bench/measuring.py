"""The order of a measurement: start every proxy, load one at a time in rotating order, round after round; then all that once more.

Starting again matters as much as another round: two processes of the same program differ by several per cent for as long as they live.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import TypeVar

from litellm_cascade.offline.bench.load import SETTLE_S, Answers, Client, resident_mb
from litellm_cascade.offline.bench.model_server import ModelServer
from litellm_cascade.offline.bench.setups import SETUPS, Setup

Tell = Callable[[str], object]
Item = TypeVar("Item")
ANSWERS_PER_STREAM = 4
"""A stream of 20 tokens costs about as much as four whole answers, so that batches of either take the same time."""
FEWEST_STREAMS = 5
"""Linux counts processor time in steps of 10 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured: ``starts`` of every proxy, ``rounds`` after each, ``requests`` (and a quarter as many streams) in a round.

    ``warm_up`` requests are asked of each proxy before anything counts.
    """

    starts: int = 5
    rounds: int = 3
    requests: int = 100
    warm_up: int = 50
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One batch: processor milliseconds per request, and the milliseconds until an answer's last byte."""

    start: int
    round: int
    setup: str
    answers: Answers
    cpu_ms: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of one proxy: seconds until it was ready, and its resident memory (millions of bytes) after all its rounds."""

    start: int
    setup: str
    ready_s: float
    rss_mb: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was read."""

    readings: list[Reading]
    starts: list[Start]


class Bench:
    """Measures into ``folder``, where each proxy leaves its configuration and its log."""

    def __init__(self, extent: Extent, folder: Path, tell: Tell) -> None:
        self._extent = extent
        self._folder = folder
        self._tell = tell
        self._random = Random(extent.seed)
        self._models = ModelServer()
        self._collector = ModelServer()  # it takes in spans just as well
        self._measured = Measured([], [])

    def measure(self) -> Measured:
        """All starts with all their rounds."""
        with self._models, self._collector:
            for start in range(self._extent.starts):
                with ExitStack() as running:
                    self._measure_once(running, start)
        return self._measured

    def _measure_once(self, running: ExitStack, start: int) -> None:
        self._tell(f"start {start + 1} of {self._extent.starts}: {len(SETUPS)} proxies")
        started = [self._started(running, setup, start) for setup in _rotated(SETUPS, start)]
        for client, _ in started:
            self._warm_up(client)
        time.sleep(SETTLE_S)
        batches = list(product([client for client, _ in started], Answers))
        self._random.shuffle(batches)
        for number in range(self._extent.rounds):
            self._tell(f"  round {number + 1} of {self._extent.rounds}")
            for client, answers in _rotated(batches, number * len(batches) // self._extent.rounds):
                cost = client.batch(_requests(self._extent.requests, answers), answers)
                reading = Reading(start=start, round=number, setup=client.setup.name, answers=answers, **asdict(cost))
                self._measured.readings.append(reading)
        for client, ready_s in started:
            memory = resident_mb(client.proxy.pid)
            self._measured.starts.append(Start(start=start, setup=client.setup.name, ready_s=ready_s, rss_mb=memory))

    def _started(self, running: ExitStack, setup: Setup, start: int) -> tuple[Client, float]:
        """A proxy that runs, and the seconds until it was ready."""
        folder = self._folder / f"{start}-{setup.name}"
        proxy = setup.proxy(folder, model_url=self._models.url, collector_url=self._collector.url)
        began = time.monotonic()
        running.enter_context(proxy)
        return Client(setup, proxy, self._random), time.monotonic() - began

    def _warm_up(self, client: Client) -> None:
        for answers in Answers:
            for _ in range(_requests(self._extent.warm_up, answers)):
                client.ask(answers)


def _requests(number: int, answers: Answers) -> int:
    return max(FEWEST_STREAMS, number // ANSWERS_PER_STREAM) if answers is Answers.STREAMED else number


def _rotated(items: Sequence[Item], by: int) -> list[Item]:
    start = by % len(items)
    return [*items[start:], *items[:start]]
