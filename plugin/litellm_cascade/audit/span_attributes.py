"""What the spans of a request say: names and values. A value that is None, or an empty list, is left out when it is written."""

from __future__ import annotations

from collections.abc import Sequence

from litellm_cascade.audit import attributes as name
from litellm_cascade.vocabulary import (
    Asked,
    Attempt,
    Basis,
    Classification,
    Confidence,
    Consultation,
    Costs,
    Envelope,
    Outcome,
    Plan,
    Reason,
    Receipt,
    Session,
    Usage,
    total_of,
)

Value = str | bool | int | float | tuple[str, ...] | None
Said = dict[str, Value]


def of_envelope(envelope: Envelope) -> Said:
    """The request, before anything was done with it."""
    return {
        name.REQUEST_ID: envelope.request_id,
        name.ENDPOINT: envelope.endpoint.value,
        name.REQUESTED_MODEL: envelope.requested_model,
        name.STREAM: envelope.stream,
    }


def of_classification(classification: Classification) -> Said:
    """What the classifier believed."""
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
        **{name.DIMENSIONS[dimension]: value for dimension, value in classification.dimensions.items() if dimension in name.DIMENSIONS},
        name.SMALL_COPES: classification.small_copes,
        name.GAIN: classification.gain,
        name.TRUNCATED: classification.truncated,
        name.CLASSIFICATION_CACHED: classification.cached,
        name.DEGRADED: classification.degraded,
    }


def of_asked(asked: Sequence[Asked]) -> Said:
    """Nothing where nobody was asked. No sum where one part of it is not known."""
    if not asked:
        return {}
    used = [one.usage for one in asked if one.usage is not None]
    tokens = Usage(input_tokens=sum(it.input_tokens for it in used), output_tokens=sum(it.output_tokens for it in used))
    return {
        name.CONSULT_CALLS: len(asked),
        name.COST_USD: total_of([one.cost_usd for one in asked]),
        **of_usage(tokens if len(used) == len(asked) else None),
    }


def of_plan(plan: Plan) -> Said:
    """What the policy chose, for whom and why."""
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
        **of_session(evidence.session),
    }


def of_session(session: Session) -> Said:
    """Nothing of a conversation that nothing is known of."""
    values: Said = {name.SESSION_ALIAS: session.alias, name.SESSION_BOUND_TO: session.bound_to}
    return values | ({name.SESSION_TURNS: session.turns} if session.turns else {})


def of_attempt(attempt: Attempt) -> Said:
    """One alias asked."""
    judgement, usage = attempt.judgement, attempt.usage
    values: Said = {
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
        **of_usage(usage),
    }
    return values | of_confidence(judgement.confidence if judgement is not None else None)


def of_confidence(confidence: Confidence | None) -> Said:
    """Nothing where nobody looked at it."""
    if confidence is None:
        return {}
    return {
        name.SCORE_NAME: confidence.name,
        name.SCORE: confidence.score,
        name.PROBABILITY: confidence.probability,
        name.CALIBRATION: confidence.calibration,
        name.THRESHOLD: confidence.threshold,
        name.CONFIDENCE_BAND: confidence.band,
        name.CONFIDENCE_TOKENS: confidence.tokens,
    }


def of_evaluation(confidence: Confidence) -> Said:
    """The label is of the score (and its calibration), not of the verdict, which may have had another reason."""
    return {
        name.GEN_AI_EVALUATION_NAME: confidence.name,
        name.GEN_AI_EVALUATION_SCORE: confidence.score,
        name.GEN_AI_EVALUATION_LABEL: confidence.band,
    }


def of_consultation(consultation: Consultation) -> Said:
    """A model asked how sure it is."""
    return {
        name.SCORE_NAME: consultation.kind,
        name.SCORE: consultation.score,
        name.CONSULT_CALLS: consultation.calls,
        name.COST_USD: consultation.cost_usd,
        **of_usage(consultation.usage),
    }


def of_usage(usage: Usage | None) -> Said:
    """Nothing where the provider does not say."""
    if usage is None:
        return {}
    return {name.GEN_AI_INPUT_TOKENS: usage.input_tokens, name.GEN_AI_OUTPUT_TOKENS: usage.output_tokens}


def of_outcome(outcome: Outcome) -> Said:
    """How it ended."""
    values: Said = {
        name.FINAL_ALIAS: outcome.alias,
        name.ESCALATED: outcome.escalated,
        name.VERDICT: outcome.verdict.value if outcome.verdict is not None else None,
        name.ABSTAINED: outcome.abstained.value if outcome.abstained is not None else None,
        name.CACHED: outcome.reason is Reason.CACHED,
        name.REASON: outcome.reason.value,
        name.ATTEMPTS: len(outcome.attempts),
        name.DEGRADED: outcome.degraded,
        name.FIRST_TOKEN_MS: outcome.first_token_ms,
        name.DISCARDED_TOKENS: sum(attempt.usage.output_tokens for attempt in outcome.wasted if attempt.usage is not None) or None,
        **of_confidence(_judged_last(outcome)),
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


def _judged_last(outcome: Outcome) -> Confidence | None:
    """What settled who answers."""
    judged = (attempt.judgement.confidence for attempt in reversed(outcome.attempts) if attempt.judgement is not None)
    return next((confidence for confidence in judged if confidence is not None), None)


def of_basis(basis: Basis) -> Said:
    """What was asked, as a hash, and which prices the costs come from."""
    return {name.INPUT_HASH: basis.input_hash, name.PRICE_TABLE: basis.price_table}


def of_costs(costs: Costs) -> Said:
    """What it cost, and would have cost."""
    return {
        name.ACTUAL_COST_USD: costs.actual_usd,
        name.ALL_SMALL_COST_USD: costs.all_small_usd,
        name.ALL_LARGE_COST_USD: costs.all_large_usd,
    }


def of_receipt(receipt: Receipt | None) -> Said:
    """Its place in the decision record, where there is one."""
    return {} if receipt is None else {name.RECORD_HASH: receipt.hash, name.RECORD_PREVIOUS_HASH: receipt.previous}
