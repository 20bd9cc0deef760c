"""Every span and attribute name, in one place.

``gen_ai.*`` follow the OpenTelemetry GenAI semantic conventions (in development); everything else is ours. Beside each number stands an
enumerated attribute, because Jaeger searches tags by equality. What each means stands in ``reference``.
"""

from __future__ import annotations

from litellm_cascade import vocabulary

ROUTE_SPAN = "cascade.route"
CLASSIFY_SPAN = "cascade.classify"
ATTEMPT_SPAN = "cascade.attempt"  # followed by the alias
FEEDBACK_SPAN = "cascade.feedback"
CONSULT_SPAN = "cascade.consult"  # followed by self_check or agreement
EVALUATION_EVENT = "gen_ai.evaluation.result"  # on an attempt

REQUEST_ID = "cascade.request_id"
ENDPOINT = "cascade.endpoint"
REQUESTED_MODEL = "cascade.requested_model"
STREAM = "cascade.stream"
KEY_HASH = "cascade.caller.key_hash"
TEAM = "cascade.caller.team"
INPUT_HASH = "cascade.input_hash"
INPUT_TOKENS_ESTIMATED = "cascade.signals.input_tokens"
LANGUAGE = "cascade.signals.language"

CLASSIFIER = "cascade.classifier"
CLASSIFIER_DIGEST = "cascade.classifier.digest"
CLASSIFIER_DEVICE = "cascade.classifier.device"
CLASSIFIER_MS = "cascade.classifier.ms"
TASK = "cascade.task"
TASK_PROBABILITY = "cascade.task.probability"
DOMAIN = "cascade.domain"
LABEL = "cascade.label"
COMPLEXITY = "cascade.complexity"
DIMENSIONS = {dimension: f"cascade.dimension.{dimension}" for dimension in vocabulary.DIMENSIONS}
SMALL_COPES = "cascade.small_copes"
GAIN = "cascade.gain"
TRUNCATED = "cascade.classifier.truncated"
CLASSIFICATION_CACHED = "cascade.classification.cached"

POLICY = "cascade.policy"
POLICY_DIGEST = "cascade.policy.digest"
ROUTE = "cascade.route"
BAND = "cascade.band"
LADDER = "cascade.ladder"
REASONS = "cascade.reasons"
PROPENSITY = "cascade.propensity"
HEDGE = "cascade.hedge"
ENSEMBLE_BY = "cascade.ensemble.by"
SESSION_ALIAS = "cascade.session.alias"
SESSION_TURNS = "cascade.session.turns"
SESSION_BOUND_TO = "cascade.session.bound_to"
ALTERNATIVES = "cascade.alternatives"
DECISION_CONFIDENCE = "cascade.decision_confidence"
ESTIMATED_COST_USD = "cascade.estimate.cost_usd"  # of the alias that is asked first, alone
ESTIMATED_LATENCY_MS = "cascade.estimate.latency_ms"
ESTIMATED_QUALITY = "cascade.estimate.quality"

DECISION = "cascade.decision"  # on an attempt: accept | escalate | abstain
REASON = "cascade.reason"
RUNG = "cascade.rung"
ALIAS = "cascade.alias"
SERVED = "cascade.served"
SPARE = "cascade.spare"
HOLD_MS = "cascade.hold_ms"
LATE_REGRET = "cascade.late_regret"  # true, on an attempt with such a score
LATE_REGRET_SCORE = "cascade.late_regret.score"
SCORE_NAME = "cascade.confidence.score_name"
SCORE = "cascade.confidence.score"
PROBABILITY = "cascade.confidence.probability"  # of what its calibration says: that the answer is right, or no worse
CALIBRATION = "cascade.confidence.calibration"  # its id
THRESHOLD = "cascade.confidence.threshold"
CONFIDENCE_BAND = "cascade.confidence.band"
CONFIDENCE_TOKENS = "cascade.confidence.tokens"
CONSULT_CALLS = "cascade.consult.calls"
COST_USD = "cascade.cost_usd"
DROPPED = "cascade.dropped_parameters"

FINAL_ALIAS = "cascade.final_alias"
ESCALATED = "cascade.escalated"
VERDICT = "cascade.verdict"  # on the route: accept | abstain; absent when nobody answered
ABSTAINED = "cascade.abstained"  # why
CACHED = "cascade.cached"
ATTEMPTS = "cascade.attempts"
DEGRADED = "cascade.degraded"
FIRST_TOKEN_MS = "cascade.first_token_ms"  # noqa: S105 - no password
DISCARDED_TOKENS = "cascade.discarded_tokens"
ACTUAL_COST_USD = "cascade.cost.actual_usd"
ALL_SMALL_COST_USD = "cascade.cost.all_small_usd"
ALL_LARGE_COST_USD = "cascade.cost.all_large_usd"
PRICE_TABLE = "cascade.cost.price_table"

BUDGET = "cascade.budget"  # within | short | over: of the limit with the least left
BUDGET_REMAINING = "cascade.budget.remaining_ratio"
BUDGET_LIMIT = "cascade.budget.limit"  # which limit that is
BUDGET_SHARED = "cascade.budget.shared"

FEEDBACK_RATING = "cascade.feedback.rating"  # -1 to 1
FEEDBACK_OUTCOME = "cascade.feedback.outcome"  # an outcome, else up | down | neutral after the rating
FEEDBACK_LABEL = "cascade.feedback.label"

RECORD_HASH = "cascade.record.hash"
RECORD_PREVIOUS_HASH = "cascade.record.previous_hash"

GEN_AI_OPERATION = "gen_ai.operation.name"
GEN_AI_REQUEST_MODEL = "gen_ai.request.model"
GEN_AI_INPUT_TOKENS = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
GEN_AI_PROVIDER = "gen_ai.provider.name"
GEN_AI_RESPONSE_MODEL = "gen_ai.response.model"

GEN_AI_EVALUATION_NAME = "gen_ai.evaluation.name"
GEN_AI_EVALUATION_SCORE = "gen_ai.evaluation.score.value"
GEN_AI_EVALUATION_LABEL = "gen_ai.evaluation.score.label"
