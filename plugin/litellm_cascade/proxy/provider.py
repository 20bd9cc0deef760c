"""LiteLLM's custom provider ``cascade``: a call to ``cascade/<policy>`` climbs that policy's ladder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litellm import CustomLLM

from litellm_cascade.proxy.process import runtime, start
from litellm_cascade.proxy.upstream import Call


class CascadeProvider(CustomLLM):  # type: ignore[misc]
    """``litellm_settings: custom_provider_map: [{provider: cascade, custom_handler: litellm_cascade.proxy.provider.cascade}]``."""

    async def acompletion(self, **given: Any) -> Any:
        """The served rung's answer."""
        return await runtime().answer(_call(given))

    def astreaming(self, **given: Any) -> Any:
        """The served rung's chunks. Not a coroutine: the stream must be known when LiteLLM asks for the response headers."""
        return runtime().stream(_call(given))


def _call(given: Mapping[str, Any]) -> Call:
    """The part of LiteLLM's many arguments that matters here."""
    return Call(
        model=given["model"],
        messages=given["messages"],
        parameters=given["optional_params"],
        litellm_params=given["litellm_params"],
        timeout=given.get("timeout"),
    )


def __getattr__(name: str) -> Any:
    """As in ``hooks``: LiteLLM asks for ``provider.cascade`` while it loads its configuration."""
    if name == "cascade":
        return start(CascadeProvider)
    raise AttributeError(name)
