"""The trace of one request: ``cascade.route`` with ``cascade.classify`` and one ``cascade.attempt <alias>`` per rung below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode

from litellm_cascade.audit import attributes as name
from litellm_cascade.audit import span_attributes as said
from litellm_cascade.vocabulary import (
    Asked,
    Attempt,
    Basis,
    Classification,
    Consultation,
    Costs,
    Envelope,
    Outcome,
    Plan,
    Reason,
    Receipt,
)

UNKNOWN = Costs()
NO_BASIS = Basis()


class RequestTrace:
    """Opened when a request arrives, closed by ``ended``. Every method may be called without a collector: then it costs next to nothing.

    What is said of a span is kept until it ends, and then written on it all at once.
    """

    def __init__(self, tracer: trace.Tracer, parent: Span | None, envelope: Envelope) -> None:
        self._tracer = tracer
        self._attempts: dict[int, Span] = {}
        self._of_attempts: dict[int, said.Said] = {}
        context = trace.set_span_in_context(parent) if parent is not None else None
        self.route = tracer.start_span(name.ROUTE_SPAN, context=context)
        self._inside = trace.set_span_in_context(self.route, context or Context())
        self._envelope = envelope
        self._of_plan: said.Said = {}

    @property
    def trace_id(self) -> str | None:
        """32 hex digits, or None when nothing is recorded."""
        context = self.route.get_span_context()
        return format(context.trace_id, "032x") if context.is_valid else None

    def classified(self, classification: Classification, asked: Sequence[Asked] = (), *, started_ns: int, ended_ns: int) -> None:
        """The classifier answered, or was given up, and asked deployments. Times in nanoseconds since the epoch."""
        if not self.route.is_recording():
            return
        values = _known(said.of_classification(classification) | said.of_asked(asked))
        span = self._tracer.start_span(name.CLASSIFY_SPAN, context=self._inside, attributes=values, start_time=started_ns)
        if not classification.known and classification.degraded:  # the classifier `none` has not failed
            span.set_status(Status(StatusCode.ERROR, ",".join(classification.degraded)))
        span.end(end_time=ended_ns)

    def decided(self, plan: Plan, basis: Basis = NO_BASIS) -> None:
        """The policy chose."""
        if self.route.is_recording():
            self._of_plan = said.of_plan(plan) | said.of_basis(basis)

    def attempt_started(self, rung: int, alias: str, *, started_ns: int | None = None, spare: bool = False) -> Span:
        """A rung is asked. Linked to the attempt before it, which it answers for, unless it is asked beside that one (``spare``)."""
        links = [Link(self._attempts[rung - 1].get_span_context())] if rung - 1 in self._attempts and not spare else None
        span = self._tracer.start_span(
            f"{name.ATTEMPT_SPAN} {alias}", context=self._inside, kind=SpanKind.CLIENT, links=links, start_time=started_ns
        )
        self._attempts[rung] = span
        return span

    def consult_started(self, rung: int, alias: str, kind: str) -> Span:
        """A rung's model is asked again how sure it is."""
        attempt = self._attempts.get(rung)
        inside = trace.set_span_in_context(attempt, self._inside) if attempt is not None else self._inside
        span = self._tracer.start_span(f"{name.CONSULT_SPAN} {kind}", context=inside, kind=SpanKind.CLIENT)
        _set(span, {name.GEN_AI_OPERATION: "chat", name.GEN_AI_REQUEST_MODEL: alias, name.ALIAS: alias, name.RUNG: rung})
        return span

    def consult_ended(self, span: Span, consultation: Consultation) -> None:
        """It has said how sure it is, or not."""
        _set(span, said.of_consultation(consultation))
        if consultation.score is None:
            span.set_status(Status(StatusCode.ERROR, "unknown"))
        span.end()

    def answered_by(self, rung: int, *, model: str | None, provider: str | None) -> None:
        """What a rung's answer says of its origin."""
        self._of_attempts[rung] = {name.GEN_AI_RESPONSE_MODEL: model, name.GEN_AI_PROVIDER: provider}

    def attempt_ended(self, attempt: Attempt, *, ended_ns: int | None = None) -> None:
        """A rung is done with: answered, abandoned or failed."""
        span = self._attempts.get(attempt.rung)
        if span is None or not span.is_recording():
            return
        _set(span, self._of_attempts.pop(attempt.rung, {}) | said.of_attempt(attempt))
        if attempt.judgement is not None and attempt.judgement.confidence is not None:
            span.add_event(name.EVALUATION_EVENT, _known(said.of_evaluation(attempt.judgement.confidence)), timestamp=ended_ns)
        if attempt.error is not None:
            span.set_status(Status(StatusCode.ERROR, attempt.error))
        span.end(end_time=ended_ns)

    def ended(self, outcome: Outcome, receipt: Receipt | None = None, *, costs: Costs = UNKNOWN, ended_ns: int | None = None) -> None:
        """The request is answered, or given up. ``receipt``: its place in the decision record."""
        if not self.route.is_recording():
            return
        _set(
            self.route,
            said.of_envelope(self._envelope) | self._of_plan | said.of_outcome(outcome) | said.of_costs(costs) | said.of_receipt(receipt),
        )
        if outcome.alias is None and outcome.reason is not Reason.CACHED:
            self.route.set_status(Status(StatusCode.ERROR, outcome.reason.value))
        self.route.end(end_time=ended_ns)


def _set(span: Span, values: Mapping[str, said.Value]) -> None:
    if span.is_recording():
        span.set_attributes(_known(values))


def _known(values: Mapping[str, said.Value]) -> dict[str, str | bool | int | float | tuple[str, ...]]:
    return {key: value for key, value in values.items() if value is not None and value != ()}
