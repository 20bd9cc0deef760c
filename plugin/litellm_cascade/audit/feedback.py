"""What callers say of answers, told to the operator: a counter, and a span of its own trace that is linked to the request's."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, TraceFlags, Tracer
from prometheus_client import Counter

from litellm_cascade.audit import attributes as name
from litellm_cascade.audit.request_metrics import NOBODY
from litellm_cascade.vocabulary import Answered, Feedback, Receipt

FEEDBACK = Counter("cascade_feedback", "What callers said of answers, by the alias that answered", ["policy", "alias", "outcome"])


def feedback_given(feedback: Feedback, tracer: Tracer, receipt: Receipt | None = None) -> None:
    """Count it, and write its span. ``receipt``: its place in the decision record."""
    answer = feedback.answer
    FEEDBACK.labels(answer.policy, answer.alias or NOBODY, feedback.verdict).inc()
    span = tracer.start_span(name.FEEDBACK_SPAN, context=Context(), links=_links(answer))
    if span.is_recording():
        values = _attributes(feedback) | ({name.RECORD_HASH: receipt.hash} if receipt is not None else {})
        span.set_attributes({key: value for key, value in values.items() if value is not None})
    span.end()


def _links(answer: Answered) -> list[Link]:
    if answer.trace_id is None or answer.span_id is None:
        return []
    route = SpanContext(int(answer.trace_id, 16), int(answer.span_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return [Link(route)]


def _attributes(feedback: Feedback) -> dict[str, str | float | bool | None]:
    answer = feedback.answer
    return {
        name.FEEDBACK_RATING: feedback.rating,
        name.FEEDBACK_OUTCOME: feedback.verdict,
        name.FEEDBACK_LABEL: feedback.label,
        name.REQUEST_ID: answer.request_id,
        name.KEY_HASH: answer.key_hash,
        name.POLICY: answer.policy,
        name.POLICY_DIGEST: answer.digest,
        name.BAND: answer.band.value,
        name.FINAL_ALIAS: answer.alias,
        name.TASK: answer.task,
        name.SCORE_NAME: answer.score_name,
        name.SCORE: answer.score,
        name.PROBABILITY: answer.probability,
    }
