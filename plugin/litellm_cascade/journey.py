"""One request between its plan and its outcome. ``pipeline.py`` opens it; the edge drives it through the call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from opentelemetry.trace import Span

from litellm_cascade.audit import RequestTrace, metrics
from litellm_cascade.audit.later import Work, now
from litellm_cascade.escalation import (
    CascadeRun,
    EnsembleRun,
    Expectation,
    OverheardStreams,
    OverheardWhole,
    RequestAllowance,
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
from litellm_cascade.telling import End, Meter, Sink, Telling
from litellm_cascade.vocabulary import (
    AnswerContract,
    Asked,
    Attempt,
    Band,
    Basis,
    Classification,
    Consultation,
    Outcome,
    Plan,
    Reason,
    Texts,
    Usage,
)


class Watch(Protocol):
    """Who looks at requests that are over for what is unusual; ``audit.EscalationWatch`` is one."""

    def ended(self, plan: Plan, outcome: Outcome) -> tuple[str, ...]:
        """Words for the request's degradations."""


class Journey:
    """One request between its plan and its outcome: the run, the trace and the record that grow along the way."""

    def __init__(
        self,
        trace: RequestTrace,
        sink: Sink | None = None,
        meter: Meter | None = None,
        watch: Watch | None = None,
        later: Callable[[Work], None] = now,
    ) -> None:
        """``later``: what tells the trace, the record and the metrics how it went; one piece of work after the other, in their order."""
        self.trace = trace
        self.plan: Plan | None = None
        self.run: Run | None = None
        self._contract = AnswerContract()
        self.allowance: RequestAllowance | None = None
        self._telling = Telling(trace, sink, meter, later)
        self._watch = watch
        self._started = time.monotonic()
        self._outcome: Outcome | None = None
        self._attempts_ended_ns: dict[int, int] = {}
        self._texts: Texts | None = None
        self._answers: dict[int, str] = {}

    # --- before the call -----------------------------------------------------------------------------------------------------------

    def classifier_asked(self, asked: Asked) -> None:
        """A deployment answered a question of the classifier, and was paid for it, whether or not the answer can be used."""
        self._telling.classifier_asked(asked)

    def classified(self, classification: Classification, *, started_ns: int, ended_ns: int) -> None:
        """The classifier answered, or was given up. Times in nanoseconds since the epoch."""
        self._telling.classified(classification, started_ns=started_ns, ended_ns=ended_ns)

    def decided(
        self, plan: Plan, contract: AnswerContract | None = None, basis: Callable[[], Basis] = Basis, texts: Texts | None = None
    ) -> None:
        """The policy chose. ``contract``: what the answers will be held against; no part of the plan, because it is content.

        ``basis`` is called where somebody will read how it went. ``texts``: what the client said, when it is to be kept in the record.
        """
        self.plan, self._contract, self._texts = plan, contract or self._contract, texts
        if self.is_watched:
            self._telling.decided(plan, basis)

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
        counts_costs = self.allowance is not None and self.allowance.counts_costs
        return counts_costs or self._telling.is_heard

    @property
    def is_recorded(self) -> bool:
        """True when a record will be written."""
        return self._telling.is_recorded

    @property
    def keeps_texts(self) -> bool:
        """True when the record is to hold what was said."""
        return self._texts is not None

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
            upstream = OverheardWhole(upstream, self.heard) if self.keeps_texts else upstream
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
        upstream = OverheardStreams(upstream, self.heard) if self.keeps_texts else upstream
        if decision.ensemble is not None:
            self.run = ensemble = EnsembleRun(decision, decision.ensemble)
            return StreamedEnsemble(ensemble, upstream, self._stream_ended)
        self.run = cascade = self._new_run()
        return StreamedCascade(cascade, upstream, self._stream_ended)

    def _stream_ended(self, finished: bool) -> None:
        self.ended(None if finished else Reason.CLIENT_GONE)

    def _new_run(self) -> CascadeRun:
        expectation = Expectation(contract=self._contract, find_language=find_language)
        task = self.decided_plan.evidence.classification.task
        return CascadeRun(self.decided_plan.decision, expectation, self.allowance, task)

    def attempt_started(self, rung: int, alias: str) -> Span:
        """A rung is being asked; the span to nest its calls under."""
        return self.trace.attempt_started(rung, alias, spare=self.run is not None and self.run.outcome().attempts[rung].spare)

    def attempt_ended(
        self, rung: int, usage: Usage | None, cost_usd: float | None, dropped: tuple[str, ...] = (), *, ill: bool | None = None
    ) -> None:
        """A rung is done with, having consumed this much (None: not known), asked without the ``dropped`` parameters.

        ``ill``: whether that speaks against the rung's health; None: its error does, if it has one.
        """
        self._attempts_ended_ns[rung] = time.time_ns()
        if self.run is not None:
            self.run.billed(rung, usage, cost_usd, dropped)
            self._note_health(self.run.outcome().attempts[rung], ill)

    def _note_health(self, attempt: Attempt, ill: bool | None) -> None:
        if self.allowance is None:
            return
        nobody_waited = attempt.error is None and attempt.judgement is None
        failed = attempt.error is not None if ill is None else ill
        if self.allowance.permits.ended(attempt.alias, failed=None if nobody_waited else failed):
            metrics.rung_opened(attempt.alias)

    def consult_started(self, rung: int, alias: str, kind: str) -> Span:
        """A rung's model is being asked how sure it is; the span to nest its calls under."""
        return self.trace.consult_started(rung, alias, kind)

    def consult_ended(self, rung: int, span: Span, consultation: Consultation) -> None:
        """It said so, or did not."""
        self.trace.consult_ended(span, consultation)
        if self.run is not None:
            self.run.noted(rung, consultation)

    def heard(self, rung: int, text: str) -> None:
        """A rung said this, after what it had said before. Kept only where the policy asks for it."""
        if self.keeps_texts:
            self._answers[rung] = self._answers.get(rung, "") + text

    def answered_directly(self, attempt: Attempt, *, started_ns: int, ended_ns: int, first_token_ms: float | None = None) -> None:
        """A request that was sent straight to one alias has been answered; a stream began to be after ``first_token_ms``."""
        if self.is_over:
            return
        alias = self.decided_plan.decision.alias
        self.trace.attempt_started(0, alias, started_ns=started_ns)
        self._attempts_ended_ns[0] = ended_ns
        degraded = self.decided_plan.decision.degraded
        self._end(Outcome(alias=alias, reason=Reason.DIRECT, attempts=(attempt,), degraded=degraded, first_token_ms=first_token_ms))

    def answered_from_cache(self) -> None:
        """Nobody was asked: an equal request's answer was kept."""
        if self.allowance is not None:
            self.allowance.unused()
        decision = self.decided_plan.decision
        alias = None if self.cascades else decision.alias
        self._end(Outcome(alias=alias, reason=Reason.CACHED, degraded=decision.degraded))

    def outcome(self) -> Outcome:
        """How it stands, or how it ended."""
        if self._outcome is not None:
            return self._outcome
        if self.run is not None:
            return replace(self.run.outcome(), budgets=self.allowance.left() if self.allowance is not None else ())
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
        if self.allowance is not None:
            self.allowance.settle(outcome.attempts)
            outcome = replace(outcome, budgets=self.allowance.left())
            metrics.limited(self.decided_plan.decision.policy, outcome.degraded)
        if self._watch is not None and self.plan is not None and (unusual := self._watch.ended(self.plan, outcome)):
            outcome = replace(outcome, degraded=(*outcome.degraded, *unusual))
        self._outcome = outcome
        self._contract = AnswerContract()  # an ended journey is remembered for a while, and should not hold what the client wrote
        if self.run is not None:
            self.run.forget()
        self._telling.ended(self._end_of(outcome), at_once=not self.is_watched)

    def _end_of(self, outcome: Outcome) -> End:
        ended_ns = time.time_ns()
        return End(
            plan=self.plan,
            outcome=outcome,
            texts=replace(self._texts, answers=dict(self._answers)) if self._texts is not None else None,
            took_ms=(time.monotonic() - self._started) * 1e3,
            ended_ns=ended_ns,
            attempts_ended_ns={attempt.rung: self._attempts_ended_ns.get(attempt.rung, ended_ns) for attempt in outcome.attempts},
        )
