"""5. What we tell the operator: spans today; every name in ``attributes``."""

from litellm_cascade.audit import metrics
from litellm_cascade.audit.provider import Tracing, remote_parent
from litellm_cascade.audit.spans import RequestTrace

__all__ = ["RequestTrace", "Tracing", "metrics", "remote_parent"]
