"""LiteLLM's callback: two lines a hook, each behind the one guard."""

from __future__ import annotations

from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from litellm_cascade.proxy.guard import guarded
from litellm_cascade.proxy.process import runtime, start


class CascadeCallback(CustomLogger):  # type: ignore[misc]  # LiteLLM is not typed for us
    """``litellm_settings: callbacks: [litellm_cascade.proxy.hooks.cascade]``. Names and parameters are LiteLLM's, to the letter."""

    @guarded
    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> Any:
        """Before the call: plan it."""
        await runtime().plan(data, call_type, user_api_key_dict)

    async def async_filter_deployments(
        self,
        model: str,
        healthy_deployments: list[Any],
        messages: Any,
        request_kwargs: dict[str, Any] | None = None,
        parent_otel_span: Any = None,
    ) -> list[Any]:
        """Before a deployment is chosen. The one hook that may raise: the error the cascade has ended with."""
        runtime().refuse_a_second_round(request_kwargs)
        return healthy_deployments

    @guarded
    async def async_post_call_response_headers_hook(
        self, data: dict[str, Any], user_api_key_dict: Any, response: Any, request_headers: dict[str, str] | None = None
    ) -> dict[str, str] | None:
        """Before the headers go out: what became of it."""
        return await runtime().after.headers(data, response)

    @guarded
    async def async_log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """After a call: its usage and cost; and whether its client has left."""
        await runtime().after.logged(kwargs, response_obj, start_time, end_time)

    @guarded
    async def async_post_call_failure_hook(
        self, request_data: dict[str, Any], original_exception: Exception, user_api_key_dict: Any, traceback_str: str | None = None
    ) -> None:
        """The client gets an error: close the trace."""
        runtime().after.failed(request_data, original_exception)


def __getattr__(name: str) -> Any:
    """LiteLLM asks for ``hooks.cascade`` while it loads its configuration: the moment for our start-up checks, not an import's."""
    if name == "cascade":
        return start(CascadeCallback)
    raise AttributeError(name)
