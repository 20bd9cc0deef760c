"""5. What we tell the operator: spans, with every name in ``attributes``; metrics; what a request cost."""

from litellm_cascade.audit.costs import costs_of
from litellm_cascade.audit.provider import Tracing, remote_parent
from litellm_cascade.audit.spans import RequestTrace

__all__ = ["RequestTrace", "Tracing", "costs_of", "remote_parent"]
