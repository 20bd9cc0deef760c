"""``access: strict``: may the caller's key, and its team, call the aliases themselves? LiteLLM has only asked for the virtual model."""

from __future__ import annotations

from typing import Any

from litellm.proxy import proxy_server
from litellm.proxy._types import LiteLLM_TeamTable
from litellm.proxy.auth.auth_checks import can_key_call_model, can_team_access_model

from litellm_cascade.pipeline import MayCall


def access_of(auth: Any) -> MayCall:
    """Whether the caller that LiteLLM authenticated may call an alias."""

    async def may_call(alias: str) -> bool:
        try:
            await _check(alias, auth)
        except Exception:  # noqa: BLE001 - LiteLLM's refusals have several types; and what cannot be checked is not allowed
            return False
        return True

    return may_call


async def _check(alias: str, auth: Any) -> None:
    router = proxy_server.llm_router
    await can_key_call_model(model=alias, llm_model_list=getattr(router, "model_list", None), valid_token=auth, llm_router=router)
    if auth.team_id is not None:
        team = LiteLLM_TeamTable(team_id=auth.team_id, models=auth.team_models or [])
        await can_team_access_model(model=alias, team_object=team, llm_router=router, team_model_aliases=auth.team_model_aliases)
