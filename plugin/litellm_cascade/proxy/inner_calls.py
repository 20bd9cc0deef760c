"""What a call of ours carries of the request for which it is made: who pays for it, and where in the trace it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litellm.litellm_core_utils.internal_call_metadata import forwarded_internal_call_metadata
from opentelemetry.trace import NonRecordingSpan, Span

from litellm_cascade.proxy.journeys import TOKEN

NOT_HANDED_DOWN = frozenset({TOKEN, "model_info", "model_group", "deployment", "api_base", "previous_models"})
"""What the virtual model's own deployment left in the metadata, and would be untrue of another call."""


def inner_metadata(of_request: Mapping[str, Any], origin: str, inside: Span) -> dict[str, Any]:
    """``origin`` marks it as no traffic of the caller's: its cost is billed, its tokens are not counted against limits a second time."""
    inherited = forwarded_internal_call_metadata(of_request, origin)
    metadata = {key: value for key, value in inherited.items() if key not in NOT_HANDED_DOWN}
    if inside.is_recording():
        # The place in the trace without the pen: LiteLLM writes the whole request on a parent span when a call fails.
        metadata["litellm_parent_otel_span"] = NonRecordingSpan(inside.get_span_context())
    return metadata
