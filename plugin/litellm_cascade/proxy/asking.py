"""How a classifier asks one of LiteLLM's deployments: through the router, on the account of whoever's request is being classified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from litellm.litellm_core_utils.internal_call_metadata import forwarded_internal_call_metadata
from litellm.proxy import proxy_server
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span

from litellm_cascade.proxy.cached import PAST_THE_CACHE
from litellm_cascade.proxy.upstream import NOT_HANDED_DOWN

ORIGIN = "cascade_classifier"
"""Marks a classifier's call in LiteLLM's metadata: its cost is billed, its tokens are not counted against limits a second time."""

_on_behalf: ContextVar[tuple[Mapping[str, Any], Span]] = ContextVar("cascade_on_behalf", default=(MappingProxyType({}), INVALID_SPAN))


@contextmanager
def on_behalf_of(metadata: Mapping[str, Any], inside: Span) -> Iterator[None]:
    """What is asked within this, in tasks begun here too, is billed to the request with this metadata, and is traced below ``inside``."""
    token = _on_behalf.set((metadata, inside))
    try:
        yield
    finally:
        _on_behalf.reset(token)


async def ask(alias: str, messages: list[dict[str, Any]], parameters: Mapping[str, Any]) -> Any:
    """One answer of ``alias``. Tried once, of no other alias, and without the parameters it refuses: a second try would come too late."""
    router = proxy_server.llm_router  # looked up per call: LiteLLM replaces it when models change
    once = {"num_retries": 0, "max_retries": 0, "disable_fallbacks": True, "drop_params": True, "cache": PAST_THE_CACHE}
    return await router.acompletion(model=alias, messages=messages, metadata=_metadata(*_on_behalf.get()), **once, **parameters)


def _metadata(of_request: Mapping[str, Any], inside: Span) -> dict[str, Any]:
    inherited = forwarded_internal_call_metadata(of_request, ORIGIN)
    metadata = {key: value for key, value in inherited.items() if key not in NOT_HANDED_DOWN}
    if inside.is_recording():
        # The place in the trace without the pen: LiteLLM writes the whole request on a parent span when a call fails.
        metadata["litellm_parent_otel_span"] = NonRecordingSpan(inside.get_span_context())
    return metadata
