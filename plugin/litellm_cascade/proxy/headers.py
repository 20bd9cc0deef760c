"""What the client is told: the short list, or everything."""

from __future__ import annotations

from litellm_cascade.journey import Journey
from litellm_cascade.vocabulary import Confidence, Outcome, Reason

PREFIX = "x-cascade-"


def headers_of(journey: Journey, *, everything: bool) -> dict[str, str]:
    """``x-cascade-policy``, ``-band``, ``-model``, ``-escalated``, ``-reason``, and ``-abstained`` where the answer is doubtful.

    ``-cost-usd`` where all is over and its cost known: that of a stream is not yet, and of an answer that no cascade gave LiteLLM tells it.
    With ``everything`` also how it came about.
    """
    decision, outcome = journey.decided_plan.decision, journey.outcome()
    told = {
        "policy": decision.policy,
        "band": decision.band.value,
        "model": outcome.alias or ("" if journey.cascades else decision.alias),
        "escalated": "true" if outcome.escalated else "false",
        "reason": outcome.reason.value,
        "abstained": outcome.abstained.value if outcome.abstained is not None else "",
        "cost-usd": _number(outcome.cost_usd) if journey.is_over else "",
    }
    if outcome.reason is Reason.CACHED:
        told["cached"] = "true"
    if everything:
        told |= {
            "route": decision.route,
            "policy-digest": decision.digest,
            "confidence": _confidence(outcome, rungs=len(decision.ladder)),
            "attempts": ",".join(attempt.alias for attempt in outcome.attempts),
            "decision-confidence": _number(decision.confidence),
            "estimated-cost-usd": _number(decision.estimate.cost_usd),
            "estimated-latency-ms": _number(decision.estimate.latency_ms),
            "estimated-quality": _number(decision.estimate.quality),
            "alternatives": ",".join(decision.alternatives),
            "degraded": ",".join((*decision.degraded, *outcome.degraded[len(decision.degraded) :])),
            "budget": "; ".join(f"{budget.limit}={budget.remaining_ratio:.2f}" for budget in outcome.budgets),
            "trace-id": journey.trace.trace_id or "",
        }
    return {PREFIX + name: _ascii(value) for name, value in told.items() if value}


def _confidence(outcome: Outcome, *, rungs: int) -> str:
    """Of the answer that was judged last. What it was held against on the last rung is the line of abstention."""
    judged = [(a.rung, a.judgement.confidence) for a in outcome.attempts if a.judgement is not None and a.judgement.confidence is not None]
    return "".join(_shown(confidence, "abstain_below" if rung + 1 == rungs else "accept_at") for rung, confidence in judged[-1:])


def _shown(confidence: Confidence, line: str) -> str:
    score = f"{confidence.name}={_known(confidence.score)}; {line}={confidence.threshold}"
    if confidence.calibration is None:
        return score
    return f"{score}; probability={_known(confidence.probability)}; calibration={confidence.calibration}"


def _known(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _ascii(value: str) -> str:
    """A header is latin-1 without line ends; an operator's route name may be anything."""
    return "".join(c if " " <= c <= "~" else "?" for c in value)
