"""How a classifier asks one of LiteLLM's deployments: through the router, on the account of whoever's request is being classified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from litellm.proxy import proxy_server
from opentelemetry.trace import INVALID_SPAN, Span

from litellm_cascade.proxy.cached import PAST_THE_CACHE
from litellm_cascade.proxy.inner_calls import inner_metadata

ORIGIN = "cascade_classifier"

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
    metadata, inside = _on_behalf.get()
    router = proxy_server.llm_router  # looked up per call: LiteLLM replaces it when models change
    once = {"num_retries": 0, "max_retries": 0, "disable_fallbacks": True, "drop_params": True, "cache": PAST_THE_CACHE}
    return await router.acompletion(model=alias, messages=messages, metadata=inner_metadata(metadata, ORIGIN, inside), **once, **parameters)
