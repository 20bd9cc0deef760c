"""A failing classifier costs evidence, never the request. The single place where that is decided."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from litellm_cascade.breaker import Breaker, InARow, Permit
from litellm_cascade.classifiers.base import Instant, WarmsUp, all_read
from litellm_cascade.classifiers.local import Local
from litellm_cascade.classifiers.threads import BusyError
from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import UNCLASSIFIED, Classification, Endpoint, Envelope, Request, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from litellm_cascade.classifiers.base import Classifier

LATE: Final = "classifier_late"
FAILED: Final = "classifier_failed"
OPEN: Final = "classifier_open"
BUSY: Final = "classifier_busy"

_TRIES: Final = 2  # the first sets things up
_LONG: Final = Request(
    envelope=Envelope(request_id="", endpoint=Endpoint.CHAT, requested_model="", policy=""),
    turns=(Turn(role="user", text="as much as it reads of a prompt " * 100),),
)
_SLOW: Final = (
    "classifier %r: takes %.0f ms for a long prompt on this machine, and within_ms is %g, so such prompts will be routed without it; "
    "raise within_ms, or take a faster classifier"
)

_log = logging.getLogger(__name__)


class Guarded:
    """A classifier with a deadline, a circuit breaker and a bound on concurrent calls.

    Raises nothing but ``CancelledError``. Where there is no answer it gives ``UNCLASSIFIED`` with ``degraded`` naming what happened:

    - ``classifier_late``: no answer within ``within_ms``; the work is cancelled and not waited for;
    - ``classifier_failed``: it raised, or answered something that is no Classification;
    - ``classifier_open``: not asked, because ``failures_to_open`` calls in a row were late or failed less than ``cool_off_s`` ago;
    - ``classifier_busy``: not asked, because ``at_once`` calls are under way. Says nothing of its health, so it does not open the breaker.

    A deadline cannot interrupt work that blocks the event loop; such work belongs into ``Threads``. An answer that is there when the loop
    looks is taken, late or not.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        within_ms: float = 25.0,
        at_once: int = 64,
        failures_to_open: int = 5,
        cool_off_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._classifier = classifier
        self._instant = classifier if isinstance(classifier, Instant) else None
        self._within_ms = within_ms
        self._at_once = at_once
        self._cool_off_s = cool_off_s
        self._clock = clock
        self._breaker = Breaker(InARow(failures_to_open), cool_off_s=cool_off_s, clock=clock)
        self._under_way: set[asyncio.Task[Classification]] = set()  # late ones stay until they have ended

    @property
    def name(self) -> str:
        """The guarded classifier's name."""
        return self._classifier.name

    @property
    def digest(self) -> str:
        """The guarded classifier's digest."""
        return self._classifier.digest

    @property
    def state(self) -> str:
        """The breaker's state: ``closed``, ``open`` or ``half_open``."""
        return self._breaker.state

    async def warm_up(self) -> None:
        """Load what is needed. The one thing that raises ``ClassifierError``: start-up is loud. Warns where this machine is too slow."""
        if isinstance(self._classifier, WarmsUp):
            await self._classifier.warm_up()
        if isinstance(self._classifier, Local):
            took_ms = min([(await self._classifier.classify(_LONG)).took_ms for _ in range(_TRIES)])
            if took_ms > self._within_ms:
                _log.warning(_SLOW, self.name, took_ms, self._within_ms)

    def reads(self, request: Request) -> tuple[str, ...]:
        """All of the request's text that can change the answer."""
        return all_read(self._classifier, request)

    async def classify(self, request: Request) -> Classification:
        """What the classifier believes, or ``UNCLASSIFIED`` with the reason in ``degraded``."""
        began = self._clock()
        if len(self._under_way) >= self._at_once:
            return self._without(BUSY, began)
        permit = self._breaker.ask()
        if permit is Permit.REFUSED:
            return self._without(OPEN, began)
        if self._instant is not None and (belief := self._ask_now(self._instant, request, permit, began)) is not None:
            return belief
        task = self._start(request)
        try:
            await asyncio.wait((task,), timeout=self._within_ms / 1000)
        except asyncio.CancelledError:  # the client is gone
            task.cancel()
            self._breaker.gave_up(permit)
            raise
        return self._settle(task, permit, began)

    def _ask_now(self, instant: Instant, request: Request, permit: Permit, began: float) -> Classification | None:
        try:
            belief = instant.at_once(request)
        except Exception as error:  # noqa: BLE001 - as of a task: whatever it raises costs evidence only
            return self._failed(FAILED, _in_words(error), permit, began)
        if belief is not None:
            self._breaker.succeeded(permit)
        return belief

    def _start(self, request: Request) -> asyncio.Task[Classification]:
        task = asyncio.ensure_future(self._ask(request))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    async def _ask(self, request: Request) -> Classification:
        answer = await self._classifier.classify(request)
        if not isinstance(answer, Classification):
            raise ClassifierError(f"classifier {self.name!r}: answered {type(answer).__name__} instead of a Classification")
        return answer

    def _ended(self, task: asyncio.Task[Classification]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report a late failure as never retrieved

    def _settle(self, task: asyncio.Task[Classification], permit: Permit, began: float) -> Classification:
        if not task.done():
            task.cancel()
            return self._failed(LATE, f"no answer within {self._within_ms:g} ms", permit, began)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            self._breaker.succeeded(permit)
            return task.result()
        if isinstance(error, BusyError):
            self._breaker.gave_up(permit)
            return self._without(BUSY, began)
        return self._failed(FAILED, _in_words(error), permit, began)

    def _failed(self, what: str, why: str, permit: Permit, began: float) -> Classification:
        if self._breaker.failed(permit):
            _log.warning("classifier %r is not asked for %g s: %s", self.name, self._cool_off_s, why)
        return self._without(what, began)

    def _without(self, what: str, began: float) -> Classification:
        took_ms = (self._clock() - began) * 1000
        return replace(UNCLASSIFIED, classifier=self.name, digest=self.digest, took_ms=took_ms, degraded=(what,))


def _in_words(error: BaseException) -> str:
    """Our own sentences hold no prompt text; of anyone else's exception only the class is told."""
    return str(error) if isinstance(error, ClassifierError) else type(error).__name__
