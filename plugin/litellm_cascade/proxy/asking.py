"""How a classifier asks one of LiteLLM's deployments: through the router, on the account of whoever's request is being classified."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from litellm.proxy import proxy_server
from opentelemetry.trace import INVALID_SPAN, Span

from litellm_cascade.proxy.cached import PAST_THE_CACHE
from litellm_cascade.proxy.inner_calls import inner_metadata
from litellm_cascade.proxy.streams import consumption_of
from litellm_cascade.vocabulary import Asked

ORIGIN = "cascade_classifier"

Noted = Callable[[Asked], None]
"""Who is told what was consumed."""


def _by_nobody(_asked: Asked) -> None: ...


_on_behalf: ContextVar[tuple[Mapping[str, Any], Span, Noted]] = ContextVar(
    "cascade_on_behalf", default=(MappingProxyType({}), INVALID_SPAN, _by_nobody)
)


@contextmanager
def on_behalf_of(metadata: Mapping[str, Any], inside: Span, noted: Noted = _by_nobody) -> Iterator[None]:
    """What is asked within this, in tasks begun here too, is billed to the request with this metadata, and is traced below ``inside``.

    ``noted`` hears of every answer.
    """
    token = _on_behalf.set((metadata, inside, noted))
    try:
        yield
    finally:
        _on_behalf.reset(token)


async def ask(alias: str, messages: list[dict[str, Any]], parameters: Mapping[str, Any]) -> Any:
    """One answer of ``alias``. Tried once, of no other alias, and without the parameters it refuses: a second try would come too late."""
    metadata, inside, noted = _on_behalf.get()
    router = proxy_server.llm_router  # looked up per call: LiteLLM replaces it when models change
    once = {"num_retries": 0, "max_retries": 0, "disable_fallbacks": True, "drop_params": True, "cache": PAST_THE_CACHE}
    own = inner_metadata(metadata, ORIGIN, inside)
    response = await router.acompletion(model=alias, messages=messages, metadata=own, **once, **parameters)
    consumed = consumption_of(response)
    noted(Asked(usage=consumed.usage, cost_usd=consumed.cost_usd))
    return response
