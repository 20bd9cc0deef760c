"""5. What we tell the operator: spans, every name in ``attributes``; metrics; and the decision record, in ``ledger``."""

from litellm_cascade.audit import metrics
from litellm_cascade.audit.costs import costs_of
from litellm_cascade.audit.feedback import feedback_given
from litellm_cascade.audit.input_hash import input_hash
from litellm_cascade.audit.provider import Tracing, parent_of
from litellm_cascade.audit.spans import RequestTrace
from litellm_cascade.audit.watching import EscalationWatch

__all__ = ["EscalationWatch", "RequestTrace", "Tracing", "costs_of", "feedback_given", "input_hash", "metrics", "parent_of"]
