"""Runs the route on uvicorn: listens at once, is ready when the model is warm, and ends when everything it accepted is answered."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from types import FrameType
from typing import Final

import uvicorn

from litellm_cascade.classifiers.batching import Batcher
from litellm_cascade.classifiers.servable import Servable
from litellm_cascade.errors import ClassifierError
from litellm_cascade.service.app import State, application
from litellm_cascade.service.metrics import Metrics

KEEP_ALIVE_S: Final = 75
"""Longer than our client keeps an idle connection."""
BACKLOG: Final = 2_048
FINISH_WITHIN_S: Final = 30
WARM_UP: Final = "Is this service ready?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the batcher may put together and keep waiting, and how long the service goes on answering after it was told to end."""

    most_tokens: int = 16_384
    most_prompts: int | None = None  # None: what is best for the classifier
    outstanding: int = 1_024
    drain_s: float = 2.0


def batcher_of(served: Servable, bounds: Bounds, metrics: Metrics) -> Batcher:
    """What puts the service's prompts together, and tells its metrics."""
    return Batcher(
        served.name,
        served.engine,
        most_tokens=bounds.most_tokens,
        most_prompts=bounds.most_prompts or served.most_prompts,
        outstanding=bounds.outstanding,
        on_batch=metrics.computed,
    )


class ClassifierServer(uvicorn.Server):
    """A server for one model. ``load`` blocks until the weights are there; what it raises ends the server and is left in ``failure``.

    On SIGTERM it says at once that it is not ready, so that balancers look elsewhere, answers what still comes for ``drain_s`` seconds
    with connections that close behind the answer, and then ends; a second signal ends it without that wait.
    """

    def __init__(self, state: State, load: Callable[[], Servable], bounds: Bounds, on_ready: Callable[[Servable], None]) -> None:
        super().__init__(
            uvicorn.Config(
                application(state),
                log_level="warning",
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=FINISH_WITHIN_S,
            )
        )
        self.failure: Exception | None = None
        self._state = state
        self._load = load
        self._bounds = bounds
        self._on_ready = on_ready
        self._ends_at: float | None = None
        self._preparing: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then load."""
        await super().startup(sockets)
        self._preparing = asyncio.create_task(self._prepare())

    async def _prepare(self) -> None:
        state = self._state
        try:
            served = await asyncio.wrap_future(_in_daemon(self._load))
            batcher = batcher_of(served, self._bounds, state.metrics)
            await batcher.logits(served.encode(WARM_UP).ids)
        except Exception as error:  # noqa: BLE001 - told by whoever runs the server
            self.failure, self.should_exit = error, True
            return
        state.served, state.batcher, state.compute = served, batcher, batcher.logits
        self._on_ready(served)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of signal handlers
        """A signal has come."""
        self.should_exit = self._state.draining
        self._state.draining = True
        self._ends_at = self._ends_at or time.monotonic() + self._bounds.drain_s

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: is it time to end?"""
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            self.should_exit = True
        return await super().on_tick(counter)


def listening(host: str, port: int) -> socket.socket:
    """A socket for the server. Raises ``ClassifierError`` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ClassifierError(f"cannot listen on {host}, port {port} ({error.strerror}); choose another with --host or --port") from None


def _in_daemon(load: Callable[[], Servable]) -> Future[Servable]:
    """In a thread that does not keep the process alive when it is told to end while it loads."""
    loaded: Future[Servable] = Future()

    def run() -> None:
        try:
            loaded.set_result(load())
        except Exception as error:  # noqa: BLE001 - handed on to whoever waits
            loaded.set_exception(error)

    Thread(target=run, daemon=True, name="cascade-load").start()
    return loaded
