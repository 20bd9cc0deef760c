"""Threads for work that blocks: bounded, because a job that runs late cannot be cancelled, only left alone."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from litellm_cascade.errors import ClassifierError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

T = TypeVar("T")


class BusyError(ClassifierError):
    """All the work that may be outstanding is outstanding. Says something of the load, nothing of the classifier's health."""


class Threads:
    """A thread pool that takes at most ``outstanding`` jobs, those nobody waits for any more included."""

    def __init__(self, name: str, *, workers: int = 1, outstanding: int = 8) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"cascade-{name}")
        self._limit = outstanding
        self._outstanding = 0  # touched on the event loop only

    @property
    def outstanding(self) -> int:
        """Jobs that wait or run."""
        return self._outstanding

    async def run(self, job: Callable[[], T]) -> T:
        """The job's result. Cancelling drops a job that still waits; one that already runs keeps its place until it is done."""
        if self._outstanding >= self._limit:
            raise BusyError(f"classifier {self._name!r}: {self._limit} jobs are outstanding; raise the limit or add workers")
        self._outstanding += 1
        loop = asyncio.get_running_loop()
        future = self._pool.submit(job)
        future.add_done_callback(lambda done: self._on_done(loop, done))
        return await asyncio.wrap_future(future)

    def _on_done(self, loop: asyncio.AbstractEventLoop, _: Future[T]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self._outstanding -= 1

    def close(self) -> None:
        """Take no more jobs and drop those that wait; does not wait for the one that runs."""
        self._pool.shutdown(wait=False, cancel_futures=True)
