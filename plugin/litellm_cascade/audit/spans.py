"""The trace of one request: ``cascade.route`` with ``cascade.classify`` and one ``cascade.attempt <alias>`` per rung below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode

from litellm_cascade.audit import attributes as name
from litellm_cascade.vocabulary import (
    Asked,
    Attempt,
    Classification,
    Confidence,
    Consultation,
    Envelope,
    Outcome,
    Plan,
    Reason,
    Receipt,
    Session,
    Usage,
)

Value = str | bool | int | float | tuple[str, ...] | None


class RequestTrace:
    """Opened when a request arrives, closed by ``ended``. Every method may be called without a collector: then it costs next to nothing."""

    def __init__(self, tracer: trace.Tracer, parent: Span | None, envelope: Envelope) -> None:
        self._tracer = tracer
        self._attempts: dict[int, Span] = {}
        context = trace.set_span_in_context(parent) if parent is not None else None
        self.route = tracer.start_span(name.ROUTE_SPAN, context=context)
        self._inside = trace.set_span_in_context(self.route, context or Context())
        _set(self.route, _envelope_attributes(envelope))

    @property
    def trace_id(self) -> str | None:
        """32 hex digits, or None when nothing is recorded."""
        context = self.route.get_span_context()
        return format(context.trace_id, "032x") if context.is_valid else None

    def classified(self, classification: Classification, asked: Sequence[Asked] = (), *, started_ns: int, ended_ns: int) -> None:
        """The classifier answered, or was given up, and asked deployments. Times in nanoseconds since the epoch."""
        if not self.route.is_recording():
            return
        span = self._tracer.start_span(name.CLASSIFY_SPAN, context=self._inside, start_time=started_ns)
        _set(span, _classification_attributes(classification) | _asked_attributes(asked))
        if not classification.known and classification.degraded:  # the classifier `none` has not failed
            span.set_status(Status(StatusCode.ERROR, ",".join(classification.degraded)))
        span.end(end_time=ended_ns)

    def decided(self, plan: Plan, input_hash: str | None = None) -> None:
        """The policy chose."""
        if self.route.is_recording():
            _set(self.route, _plan_attributes(plan) | {name.INPUT_HASH: input_hash})

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
        _set(span, _consultation_attributes(consultation))
        if consultation.score is None:
            span.set_status(Status(StatusCode.ERROR, "unknown"))
        span.end()

    def answered_by(self, rung: int, *, model: str | None, provider: str | None) -> None:
        """What a rung's answer says of its origin."""
        if rung in self._attempts:
            _set(self._attempts[rung], {name.GEN_AI_RESPONSE_MODEL: model, name.GEN_AI_PROVIDER: provider})

    def attempt_ended(self, attempt: Attempt, *, ended_ns: int | None = None) -> None:
        """A rung is done with: answered, abandoned or failed."""
        span = self._attempts.get(attempt.rung)
        if span is None or not span.is_recording():
            return
        _set(span, _attempt_attributes(attempt))
        if attempt.judgement is not None and attempt.judgement.confidence is not None:
            span.add_event(name.EVALUATION_EVENT, _known(_evaluation_attributes(attempt.judgement.confidence)), timestamp=ended_ns)
        if attempt.error is not None:
            span.set_status(Status(StatusCode.ERROR, attempt.error))
        span.end(end_time=ended_ns)

    def ended(self, outcome: Outcome, receipt: Receipt | None = None, *, ended_ns: int | None = None) -> None:
        """The request is answered, or given up. ``receipt``: its place in the decision record."""
        if not self.route.is_recording():
            return
        _set(self.route, _outcome_attributes(outcome) | _receipt_attributes(receipt))
        if outcome.alias is None and outcome.reason is not Reason.CACHED:
            self.route.set_status(Status(StatusCode.ERROR, outcome.reason.value))
        self.route.end(end_time=ended_ns)


def _set(span: Span, values: Mapping[str, Value]) -> None:
    if span.is_recording():
        span.set_attributes(_known(values))


def _known(values: Mapping[str, Value]) -> dict[str, str | bool | int | float | tuple[str, ...]]:
    return {key: value for key, value in values.items() if value is not None and value != ()}


def _envelope_attributes(envelope: Envelope) -> dict[str, Value]:
    return {
        name.REQUEST_ID: envelope.request_id,
        name.ENDPOINT: envelope.endpoint.value,
        name.REQUESTED_MODEL: envelope.requested_model,
        name.STREAM: envelope.stream,
    }


def _classification_attributes(classification: Classification) -> dict[str, Value]:
    return {
        name.CLASSIFIER: classification.classifier,
        name.CLASSIFIER_DIGEST: classification.digest,
        name.CLASSIFIER_DEVICE: classification.device,
        name.CLASSIFIER_MS: classification.took_ms,
        name.TASK: classification.task,
        name.TASK_PROBABILITY: classification.task_probability,
        name.DOMAIN: classification.domain or None,
        name.LABEL: classification.label or None,
        name.COMPLEXITY: classification.complexity,
        name.SMALL_COPES: classification.small_copes,
        name.GAIN: classification.gain,
        name.TRUNCATED: classification.truncated,
        name.CLASSIFICATION_CACHED: classification.cached,
        name.DEGRADED: classification.degraded,
    }


def _asked_attributes(asked: Sequence[Asked]) -> dict[str, Value]:
    """Nothing where nobody was asked. No sum where one part of it is not known."""
    if not asked:
        return {}
    costs = [one.cost_usd for one in asked if one.cost_usd is not None]
    used = [one.usage for one in asked if one.usage is not None]
    tokens = Usage(input_tokens=sum(it.input_tokens for it in used), output_tokens=sum(it.output_tokens for it in used))
    return {
        name.CONSULT_CALLS: len(asked),
        name.COST_USD: fsum(costs) if len(costs) == len(asked) else None,
        **_usage_attributes(tokens if len(used) == len(asked) else None),
    }


def _plan_attributes(plan: Plan) -> dict[str, Value]:
    decision, evidence = plan.decision, plan.evidence
    return {
        name.POLICY: decision.policy,
        name.POLICY_DIGEST: decision.digest,
        name.ROUTE: decision.route,
        name.BAND: decision.band.value,
        name.LADDER: decision.ladder,
        name.REASONS: decision.reasons,
        name.PROPENSITY: decision.propensity,
        name.HEDGE: decision.hedge or None,
        name.ENSEMBLE_BY: decision.ensemble.by if decision.ensemble is not None else None,
        name.ALTERNATIVES: decision.alternatives,
        name.DECISION_CONFIDENCE: decision.confidence,
        name.ESTIMATED_COST_USD: decision.estimate.cost_usd,
        name.ESTIMATED_LATENCY_MS: decision.estimate.latency_ms,
        name.ESTIMATED_QUALITY: decision.estimate.quality,
        name.KEY_HASH: evidence.caller.key_hash,
        name.TEAM: evidence.caller.team,
        name.INPUT_TOKENS_ESTIMATED: evidence.signals.input_tokens,
        name.LANGUAGE: evidence.signals.language,
        name.TASK: evidence.classification.task,
        name.COMPLEXITY: evidence.classification.complexity,
        **_session_attributes(evidence.session),
    }


def _session_attributes(session: Session) -> dict[str, Value]:
    """Nothing of a conversation that nothing is known of."""
    values: dict[str, Value] = {name.SESSION_ALIAS: session.alias, name.SESSION_BOUND_TO: session.bound_to}
    return values | ({name.SESSION_TURNS: session.turns} if session.turns else {})


def _attempt_attributes(attempt: Attempt) -> dict[str, Value]:
    judgement, usage = attempt.judgement, attempt.usage
    values: dict[str, Value] = {
        name.GEN_AI_OPERATION: "chat",
        name.GEN_AI_REQUEST_MODEL: attempt.alias,
        name.ALIAS: attempt.alias,
        name.RUNG: attempt.rung,
        name.SERVED: attempt.served,
        name.SPARE: attempt.spare or None,
        name.HOLD_MS: attempt.hold_ms,
        name.LATE_REGRET: True if attempt.late_regret is not None else None,
        name.LATE_REGRET_SCORE: attempt.late_regret,
        name.DECISION: judgement.verdict.value if judgement is not None else None,
        name.REASON: judgement.reason.value if judgement is not None else None,
        name.COST_USD: attempt.cost_usd,
        name.DROPPED: attempt.dropped,
        **_usage_attributes(usage),
    }
    confidence = judgement.confidence if judgement is not None else None
    if confidence is not None:
        values |= {
            name.SCORE_NAME: confidence.name,
            name.SCORE: confidence.score,
            name.PROBABILITY: confidence.probability,
            name.CALIBRATION: confidence.calibration,
            name.THRESHOLD: confidence.threshold,
            name.CONFIDENCE_BAND: confidence.band,
            name.CONFIDENCE_TOKENS: confidence.tokens,
        }
    return values


def _evaluation_attributes(confidence: Confidence) -> dict[str, Value]:
    """The label is of the score (and its calibration), not of the verdict, which may have had another reason."""
    return {
        name.GEN_AI_EVALUATION_NAME: confidence.name,
        name.GEN_AI_EVALUATION_SCORE: confidence.score,
        name.GEN_AI_EVALUATION_LABEL: confidence.band,
    }


def _consultation_attributes(consultation: Consultation) -> dict[str, Value]:
    return {
        name.SCORE_NAME: consultation.kind,
        name.SCORE: consultation.score,
        name.CONSULT_CALLS: consultation.calls,
        name.COST_USD: consultation.cost_usd,
        **_usage_attributes(consultation.usage),
    }


def _usage_attributes(usage: Usage | None) -> dict[str, Value]:
    if usage is None:
        return {}
    return {name.GEN_AI_INPUT_TOKENS: usage.input_tokens, name.GEN_AI_OUTPUT_TOKENS: usage.output_tokens}


def _outcome_attributes(outcome: Outcome) -> dict[str, Value]:
    values: dict[str, Value] = {
        name.FINAL_ALIAS: outcome.alias,
        name.ESCALATED: outcome.escalated,
        name.VERDICT: outcome.verdict.value if outcome.verdict is not None else None,
        name.ABSTAINED: outcome.abstained.value if outcome.abstained is not None else None,
        name.CACHED: outcome.reason is Reason.CACHED,
        name.REASON: outcome.reason.value,
        name.ATTEMPTS: len(outcome.attempts),
        name.DEGRADED: outcome.degraded,
        name.FIRST_TOKEN_MS: outcome.first_token_ms,
    }
    if outcome.budgets:
        least = min(outcome.budgets, key=lambda budget: budget.remaining_ratio)
        values |= {
            name.BUDGET: least.band,
            name.BUDGET_REMAINING: least.remaining_ratio,
            name.BUDGET_LIMIT: least.limit,
            name.BUDGET_SHARED: least.shared,
        }
    return values


def _receipt_attributes(receipt: Receipt | None) -> dict[str, Value]:
    return {} if receipt is None else {name.RECORD_HASH: receipt.hash, name.RECORD_PREVIOUS_HASH: receipt.previous}
