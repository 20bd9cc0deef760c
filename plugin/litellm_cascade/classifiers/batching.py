"""Prompts that come one by one, computed together: whatever is queued when the engine becomes free, and no timer.

Alone, a prompt goes at once; under load, batches grow by themselves. What is queued is sorted by length and cut by a budget of padded
tokens, so that little is computed on padding. An engine on a device of its own gets its next batch before it is done with the last.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from litellm_cascade.classifiers.threads import BusyError
from litellm_cascade.errors import ClassifierError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ids: TypeAlias = Sequence[int]
"""Token ids of one prompt, special tokens included."""
Logits: TypeAlias = "NDArray[np.floating[Any]]"
"""float [prompts, 32], a row per prompt in the order they were given."""


class Engine(Protocol):
    """Computes logits. Called in one thread, one batch after the other; may block."""

    def logits(self, prompts: Sequence[Ids]) -> Logits:
        """[len(prompts), 32]. Raises whatever its runtime raises."""


@runtime_checkable
class Launches(Protocol):
    """An engine on a device of its own, which can be given a batch while it computes another."""

    def launch(self, prompts: Sequence[Ids]) -> Callable[[], Logits]:
        """Begin, and return at once; what is returned waits for the logits, [len(prompts), 32]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """What one batch was, for metrics."""

    prompts: int
    tokens: int  # without padding
    longest: int  # tokens
    waited_s: tuple[float, ...]  # of each prompt, in the queue
    took_s: float  # from launch to logits


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    ids: Ids
    answer: asyncio.Future[Logits]  # [32]
    loop: asyncio.AbstractEventLoop
    since_s: float


@dataclass(frozen=True, slots=True, eq=False)
class _Launched:
    batch: Sequence[_Waiting]
    wait: Callable[[], Logits]
    began_s: float


class Batcher:
    """Puts the prompts of many coroutines, of any event loop, together for one engine.

    ``most_tokens`` bounds prompts x longest of a batch (one prompt alone may exceed it), ``most_prompts`` the prompts. More than
    ``outstanding`` prompts that wait or are computed are refused with ``BusyError``. ``on_batch`` is told of every batch, in the engine's
    thread, and must not raise. A coroutine that is cancelled while its prompt waits costs nothing.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        *,
        most_tokens: int = 16_384,
        most_prompts: int = 256,
        outstanding: int = 1_024,
        on_batch: Callable[[Computed], None] | None = None,
    ) -> None:
        self._name = name
        self._launch = engine.launch if isinstance(engine, Launches) else _deferred(engine)
        self._ahead = 1 if isinstance(engine, Launches) else 0  # batches that are given to the engine while it computes another
        self._most_tokens = most_tokens
        self._most_prompts = most_prompts
        self._limit = outstanding
        self._on_batch = on_batch
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"cascade-{name}")
        self._lock = threading.Lock()  # of the next three
        self._queue: list[_Waiting] = []
        self._outstanding = 0
        self._pumping = False
        self._cut: Iterator[Sequence[_Waiting]] = iter(())  # what was taken off the queue; the engine's thread alone touches it

    @property
    def outstanding(self) -> int:
        """Prompts that wait or are computed."""
        return self._outstanding

    async def logits(self, ids: Ids) -> Logits:
        """The 32 logits of one prompt. Raises ``BusyError`` when too many wait, ``ClassifierError`` when the engine failed."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(ids, loop.create_future(), loop, time.perf_counter())
        with self._lock:
            if self._outstanding >= self._limit:
                raise BusyError(f"classifier {self._name!r}: {self._limit} prompts are outstanding; raise the limit or add engines")
            self._queue.append(waiting)
            self._outstanding += 1
            idle, self._pumping = not self._pumping, True
        if idle:
            self._thread.submit(self._pump)
        return await waiting.answer

    def close(self) -> None:
        """Take no more prompts; those that are queued are computed, and are not waited for."""
        self._thread.shutdown(wait=False)

    def _pump(self) -> None:
        """Until nothing is queued: launch a batch, then collect the one before it."""
        launched: deque[_Launched] = deque()
        while (batch := self._next(pause=not launched)) or launched:
            if batch:
                self._begin(batch, launched)
            if launched and (not batch or len(launched) > self._ahead):
                self._finish(launched.popleft())

    def _next(self, *, pause: bool) -> Sequence[_Waiting] | None:
        while True:
            for batch in self._cut:
                if wanted := self._wanted(batch):  # once more: while those before it were computed, callers have left
                    return wanted
            with self._lock:
                queue, self._queue = self._queue, []
                if not queue:
                    self._pumping = not pause
                    return None
            self._cut = cut(self._wanted(queue), most_tokens=self._most_tokens, most_prompts=self._most_prompts)

    def _wanted(self, queue: Sequence[_Waiting]) -> list[_Waiting]:
        wanted = [waiting for waiting in queue if not waiting.answer.cancelled()]
        self._release(len(queue) - len(wanted))
        return wanted

    def _begin(self, batch: Sequence[_Waiting], launched: deque[_Launched]) -> None:
        began = time.perf_counter()
        try:
            launched.append(_Launched(batch, self._launch([waiting.ids for waiting in batch]), began))
        except Exception as error:  # noqa: BLE001 - a runtime raises what it likes; whoever waits is told
            self._settle(batch, None, error)

    def _finish(self, launched: _Launched) -> None:
        try:
            logits = launched.wait()
            if len(logits) != len(launched.batch):
                raise ClassifierError(f"{len(logits)} rows of logits for {len(launched.batch)} prompts")  # noqa: TRY301 - told like any failure
        except Exception as error:  # noqa: BLE001 - as above
            self._settle(launched.batch, None, error)
            return
        if self._on_batch is not None:
            self._on_batch(_computed(launched, time.perf_counter() - launched.began_s))
        self._settle(launched.batch, logits, None)

    def _settle(self, batch: Sequence[_Waiting], logits: Logits | None, error: Exception | None) -> None:
        """Every loop is woken once, whatever the number of its prompts."""
        self._release(len(batch))
        reason = f"classifier {self._name!r}: its engine failed ({error if isinstance(error, ClassifierError) else type(error).__name__})"
        answers = [ClassifierError(reason)] * len(batch) if logits is None else list(logits)
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Logits | ClassifierError]]] = {}
        for waiting, answer in zip(batch, answers, strict=True):
            by_loop.setdefault(waiting.loop, []).append((waiting, answer))
        for loop, told in by_loop.items():
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_tell, told)

    def _release(self, prompts: int) -> None:
        with self._lock:
            self._outstanding -= prompts


def cut(queue: Iterable[_Waiting], *, most_tokens: int, most_prompts: int) -> Iterator[Sequence[_Waiting]]:
    """What is queued, shortest first, in as few batches as the bounds allow. Each has at least one prompt."""
    batch: list[_Waiting] = []
    for waiting in sorted(queue, key=lambda waiting: len(waiting.ids)):
        if batch and (len(batch) == most_prompts or (len(batch) + 1) * len(waiting.ids) > most_tokens):
            yield batch
            batch = []
        batch.append(waiting)
    if batch:
        yield batch


def _tell(told: Sequence[tuple[_Waiting, Logits | ClassifierError]]) -> None:
    for waiting, answer in told:
        if waiting.answer.done():  # cancelled meanwhile
            continue
        if isinstance(answer, ClassifierError):
            waiting.answer.set_exception(ClassifierError(*answer.args))  # one each: a traceback belongs to one task
        else:
            waiting.answer.set_result(answer)


def _deferred(engine: Engine) -> Callable[[Sequence[Ids]], Callable[[], Logits]]:
    return lambda prompts: lambda: engine.logits(prompts)


def _computed(launched: _Launched, took_s: float) -> Computed:
    lengths = [len(waiting.ids) for waiting in launched.batch]
    waited_s = tuple(launched.began_s - waiting.since_s for waiting in launched.batch)
    return Computed(prompts=len(lengths), tokens=sum(lengths), longest=max(lengths), waited_s=waited_s, took_s=took_s)
