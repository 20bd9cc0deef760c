"""Prometheus metrics of requests, counted in two places: where a classification ends, and where a request does.

Every label comes from the policy or from a closed list, so a client cannot make series.
"""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from litellm_cascade.vocabulary import AuditRecord, Classification, Costs, Outcome

NOBODY = "none"
"""The alias of a request that got no answer."""
CACHE = "cache"
"""The alias of a request whose answer came from LiteLLM's response cache, which does not say who had given it."""

REQUESTS = Counter("cascade_requests", "Requests that were planned and are over, by the alias that answered", ["policy", "band", "alias"])
ESCALATIONS = Counter("cascade_escalations", "Requests that asked more than one rung, by why the first was left", ["policy", "reason"])
CONFIDENCE = Histogram(
    "cascade_confidence",
    "The score of each judged answer, in the unit of the gate's accept_at",
    ["policy", "score"],
    # Log-probabilities in nats below zero, dense where thresholds lie; shares and probabilities above it.
    buckets=(-5, -3, -2, -1.5, -1, -0.75, -0.5, -0.35, -0.25, -0.15, -0.1, -0.05, 0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1),
)
COST = Counter(
    "cascade_cost_usd", "What requests cost, and what one alias alone would have cost for the answers that were served", ["kind"]
)
CLASSIFIER = Histogram(
    "cascade_classifier_seconds",
    "How long a request waited for its classification, whether or not one came",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
)
DEGRADED = Counter("cascade_degraded", "What was not as it should be, without costing the request", ["reason"])


def classified(classification: Classification, took_s: float) -> None:
    """A classifier answered, or was given up; the classifier ``none`` is not counted."""
    if classification.known or classification.degraded:
        CLASSIFIER.observe(took_s)


def request_ended(record: AuditRecord) -> None:
    """A request is over."""
    decision, outcome = record.plan.decision, record.outcome
    REQUESTS.labels(decision.policy, decision.band.value, outcome.answered_by(cache=CACHE, nobody=NOBODY)).inc()
    if outcome.escalated:
        ESCALATIONS.labels(decision.policy, _first_reason(outcome)).inc()
    for attempt in outcome.attempts:
        confidence = attempt.judgement.confidence if attempt.judgement is not None else None
        if confidence is not None and confidence.score is not None:
            CONFIDENCE.labels(decision.policy, confidence.name).observe(confidence.score)
    for entry in outcome.degraded:
        DEGRADED.labels(entry.partition(":")[0]).inc()
    _count_costs(record.costs)


def _first_reason(outcome: Outcome) -> str:
    left = outcome.attempts[0].judgement
    return (left.reason if left is not None else outcome.reason).value


def _count_costs(costs: Costs) -> None:
    """What was not billed is compared with nothing, so that a saving is never shown too large."""
    if costs.actual_usd is None:
        return
    COST.labels("actual").inc(costs.actual_usd)
    if costs.all_small_usd is not None:
        COST.labels("all_small").inc(costs.all_small_usd)
    if costs.all_large_usd is not None:
        COST.labels("all_large").inc(costs.all_large_usd)
