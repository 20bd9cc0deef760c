"""One request between its plan and its outcome. ``pipeline.py`` opens it; the edge drives it through the call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from opentelemetry.trace import Span

from litellm_cascade.audit import RequestTrace, metrics
from litellm_cascade.escalation import (
    CascadeRun,
    EnsembleRun,
    Expectation,
    Run,
    StreamedAnswer,
    StreamedCascade,
    StreamedEnsemble,
    StreamUpstream,
    WholeUpstream,
    settle_ensemble,
    settle_whole,
)
from litellm_cascade.signals import find_language
from litellm_cascade.vocabulary import AnswerContract, Attempt, AuditRecord, Band, Consultation, Outcome, Plan, Reason, Usage

Sink = Callable[[AuditRecord], None]


class Journey:
    """One request between its plan and its outcome: the run, the trace and the record that grow along the way."""

    def __init__(self, trace: RequestTrace, sink: Sink | None = None) -> None:
        self.trace = trace
        self.plan: Plan | None = None
        self.run: Run | None = None
        self._contract = AnswerContract()
        self._sink = sink
        self._started = time.monotonic()
        self._outcome: Outcome | None = None
        self._attempts_ended_ns: dict[int, int] = {}

    # --- before the call -----------------------------------------------------------------------------------------------------------

    def decided(self, plan: Plan, contract: AnswerContract | None = None) -> None:
        """The policy chose. ``contract``: what the answers will be held against; no part of the plan, because it is content."""
        self.plan = plan
        self._contract = contract or self._contract
        self.trace.decided(plan)

    @property
    def decided_plan(self) -> Plan:
        """The plan of a journey that has one."""
        if self.plan is None:
            raise RuntimeError("this request was not planned: call Pipeline.plan first")
        return self.plan

    @property
    def cascades(self) -> bool:
        """True when several aliases may be asked; else the request goes straight to ``decision.alias``."""
        return self.plan is not None and self.plan.decision.band in {Band.CASCADE, Band.ENSEMBLE}

    @property
    def is_watched(self) -> bool:
        """True when somebody will read how it went: what only they need is worked out only then."""
        return self._sink is not None or self.trace.route.is_recording()

    @property
    def has_failed(self) -> bool:
        """True when every rung was asked and none is served: asking one of them again would only cost the client more time."""
        return self.run is not None and self.run.has_failed

    @property
    def is_over(self) -> bool:
        """True once ``ended``."""
        return self._outcome is not None

    # --- after it ------------------------------------------------------------------------------------------------------------------

    async def settle(self, upstream: WholeUpstream) -> Any:
        """Climb the ladder, or ask the ensemble, over whole answers; the served rung's payload."""
        decision = self.decided_plan.decision
        try:
            if decision.ensemble is not None:
                self.run = ensemble = EnsembleRun(decision, decision.ensemble)
                return await settle_ensemble(ensemble, upstream)
            self.run = cascade = self._new_run()
            return await settle_whole(cascade, upstream)
        except asyncio.CancelledError:
            self.ended(Reason.CLIENT_GONE)
            raise
        finally:
            self.ended()

    def settle_stream(self, upstream: StreamUpstream) -> StreamedAnswer:
        """Climb the ladder, or ask the ensemble, over streams; iterate the result for the payloads to show."""
        decision = self.decided_plan.decision
        if decision.ensemble is not None:
            self.run = ensemble = EnsembleRun(decision, decision.ensemble)
            return StreamedEnsemble(ensemble, upstream, self._stream_ended)
        self.run = cascade = self._new_run()
        return StreamedCascade(cascade, upstream, self._stream_ended)

    def _stream_ended(self, finished: bool) -> None:
        self.ended(None if finished else Reason.CLIENT_GONE)

    def _new_run(self) -> CascadeRun:
        return CascadeRun(self.decided_plan.decision, Expectation(contract=self._contract, find_language=find_language))

    def attempt_started(self, rung: int, alias: str) -> Span:
        """A rung is being asked; the span to nest its calls under."""
        return self.trace.attempt_started(rung, alias, spare=self.run is not None and self.run.outcome().attempts[rung].spare)

    def attempt_ended(self, rung: int, usage: Usage | None, cost_usd: float | None, dropped: tuple[str, ...] = ()) -> None:
        """A rung is done with, having consumed this much (None: not known), asked without the ``dropped`` parameters."""
        self._attempts_ended_ns[rung] = time.time_ns()
        if self.run is not None:
            self.run.billed(rung, usage, cost_usd, dropped)

    def consult_started(self, rung: int, alias: str, kind: str) -> Span:
        """A rung's model is being asked how sure it is; the span to nest its calls under."""
        return self.trace.consult_started(rung, alias, kind)

    def consult_ended(self, rung: int, span: Span, consultation: Consultation) -> None:
        """It said so, or did not."""
        self.trace.consult_ended(span, consultation)
        if self.run is not None:
            self.run.noted(rung, consultation)

    def answered_directly(self, attempt: Attempt, *, started_ns: int, ended_ns: int) -> None:
        """A request that was sent straight to one alias has been answered."""
        if self.is_over:
            return
        alias = self.decided_plan.decision.alias
        self.trace.attempt_started(0, alias, started_ns=started_ns)
        self._attempts_ended_ns[0] = ended_ns
        self._end(Outcome(alias=alias, reason=Reason.DIRECT, attempts=(attempt,), degraded=self.decided_plan.decision.degraded))

    def answered_from_cache(self) -> None:
        """Nobody was asked: an equal request's answer was kept."""
        decision = self.decided_plan.decision
        alias = None if self.cascades else decision.alias
        self._end(Outcome(alias=alias, reason=Reason.CACHED, degraded=decision.degraded))

    def outcome(self) -> Outcome:
        """How it stands, or how it ended."""
        if self._outcome is not None:
            return self._outcome
        if self.run is not None:
            return self.run.outcome()
        return Outcome(alias=None, reason=Reason.DIRECT, degraded=self.plan.decision.degraded if self.plan is not None else ())

    def ended(self, reason: Reason | None = None) -> None:
        """The request is over; later calls change nothing. ``reason`` replaces the run's own, when it never got to one."""
        outcome = self.outcome()
        if reason is not None:
            outcome = replace(outcome, reason=reason)
        self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        if self._outcome is not None:
            return
        self._outcome = outcome
        self._contract = AnswerContract()  # an ended journey is remembered for a while, and should not hold what the client wrote
        if self.run is not None:
            self.run.forget()
        for attempt in outcome.attempts:  # written now: whether an attempt was served can be settled long after it ended
            self.trace.attempt_ended(attempt, ended_ns=self._attempts_ended_ns.get(attempt.rung))
        self.trace.ended(outcome)
        if self.plan is not None:
            metrics.request_ended(self.plan.decision, outcome)
        if self._sink is not None and self.plan is not None:
            took_ms = (time.monotonic() - self._started) * 1e3
            self._sink(AuditRecord(plan=self.plan, outcome=outcome, took_ms=took_ms, trace_id=self.trace.trace_id))
