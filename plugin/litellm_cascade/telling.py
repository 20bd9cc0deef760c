"""What is told of one request, to its trace, the record and the metrics: a little later and in its order, so that nobody waits for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from litellm_cascade.audit import RequestTrace, costs_of, metrics, record_metrics
from litellm_cascade.audit.later import Work, now
from litellm_cascade.vocabulary import Asked, AuditRecord, Basis, Classification, Costs, Outcome, Plan, Receipt, Texts

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Where records go. It must not block, and gives a receipt when it chains them. ``texts`` only where the policy asks for them."""

    def __call__(self, record: AuditRecord, texts: Texts | None = None) -> Receipt | None: ...


class Meter(Protocol):
    """Who counts requests. The module ``audit.request_metrics`` is one."""

    def classified(self, classification: Classification, took_s: float) -> None:
        """A classifier answered, or was given up, after so many seconds."""

    def request_ended(self, record: AuditRecord) -> None:
        """A request that was planned is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a request ended, and when. Times in nanoseconds since the epoch, attempts' by rung. ``plan`` None: it was not planned."""

    plan: Plan | None
    outcome: Outcome
    texts: Texts | None
    took_ms: float
    ended_ns: int
    attempts_ended_ns: Mapping[int, int]


class Telling:
    """Whoever listens to one request. ``later`` is called with each piece of work, and does one after the other."""

    def __init__(self, trace: RequestTrace, sink: Sink | None, meter: Meter | None, later: Callable[[Work], None]) -> None:
        self._trace = trace
        self._sink = sink
        self._meter = meter
        self._later = later
        self._basis = Basis()
        self._asked: tuple[Asked, ...] = ()

    @property
    def is_recorded(self) -> bool:
        """True when a record will be written."""
        return self._sink is not None

    @property
    def is_heard(self) -> bool:
        """True when somebody will read how it went."""
        return self._sink is not None or self._meter is not None or self._trace.route.is_recording()

    def classifier_asked(self, asked: Asked) -> None:
        """A deployment answered a question of the classifier."""
        self._asked = (*self._asked, asked)

    def classified(self, classification: Classification, *, started_ns: int, ended_ns: int) -> None:
        """The classifier answered, or was given up."""
        if self._trace.route.is_recording():
            self._later(partial(self._trace.classified, classification, self._asked, started_ns=started_ns, ended_ns=ended_ns))

    def decided(self, plan: Plan, basis: Callable[[], Basis]) -> None:
        """The policy chose. ``basis`` is called later too."""
        self._later(lambda: self._explain(plan, basis()))

    def ended(self, end: End, *, at_once: bool = False) -> None:
        """The request is over. ``at_once``: nothing of it was left for later, so nothing need come before this."""
        (now if at_once else self._later)(lambda: self._tell(end))

    def _explain(self, plan: Plan, basis: Basis) -> None:
        self._basis = basis
        self._trace.decided(plan, basis)

    def _tell(self, end: End) -> None:
        """First to the record, whose place for it is on its span."""
        costs = costs_of(end.outcome, self._basis, self._asked)
        record = self._record(end, costs)
        receipt = self._recorded(record, end.texts) if record is not None else None
        for attempt in end.outcome.attempts:  # only now: whether an attempt was served can be settled long after it ended
            self._trace.attempt_ended(attempt, ended_ns=end.attempts_ended_ns[attempt.rung])
        self._trace.ended(end.outcome, receipt, costs=costs, ended_ns=end.ended_ns)
        if end.plan is not None:
            metrics.request_ended(end.plan.decision, end.outcome)
        if record is not None and self._meter is not None:
            self._meter.request_ended(record)

    def _record(self, end: End, costs: Costs) -> AuditRecord | None:
        if end.plan is None or (self._sink is None and self._meter is None):
            return None
        return AuditRecord(
            plan=end.plan,
            outcome=end.outcome,
            basis=self._basis,
            costs=costs,
            took_ms=end.took_ms,
            trace_id=self._trace.trace_id,
        )

    def _recorded(self, record: AuditRecord, texts: Texts | None) -> Receipt | None:
        if self._sink is None:
            return None
        try:
            return self._sink(record) if texts is None else self._sink(record, texts)
        except Exception as error:  # noqa: BLE001 - a sink is anybody's code, and must not cost the answer
            record_metrics.LOST.labels("error").inc()
            _log.error("cascade: the decision record of a request is lost: %s", type(error).__name__)
            return None
