"""LiteLLM's custom provider ``cascade``: a call to ``cascade/<policy>`` climbs that policy's ladder."""

from __future__ import annotations

from typing import Any

from litellm import CustomLLM

from litellm_cascade.proxy.process import runtime, start


class CascadeProvider(CustomLLM):  # type: ignore[misc]
    """``litellm_settings: custom_provider_map: [{provider: cascade, custom_handler: litellm_cascade.proxy.provider.cascade}]``."""

    async def acompletion(
        self,
        *,
        model: str,
        messages: list[Any],
        optional_params: dict[str, Any],
        litellm_params: dict[str, Any],
        timeout: Any = None,
        **_: Any,
    ) -> Any:
        """The served rung's answer."""
        return await runtime().answer(model, messages, optional_params, litellm_params, timeout)

    def astreaming(
        self,
        *,
        model: str,
        messages: list[Any],
        optional_params: dict[str, Any],
        litellm_params: dict[str, Any],
        timeout: Any = None,
        **_: Any,
    ) -> Any:
        """The served rung's chunks. Not a coroutine: the stream must be known when LiteLLM asks for the response headers."""
        return runtime().stream(model, messages, optional_params, litellm_params, timeout)


def __getattr__(name: str) -> Any:
    """As in ``hooks``: LiteLLM asks for ``provider.cascade`` while it loads its configuration."""
    if name == "cascade":
        return start(CascadeProvider)
    raise AttributeError(name)
