"""Keys for the tests, without a database: a team's with a token limit, one with half a dollar left, some that may call ``MODELS`` only."""

import os

from fastapi import HTTPException
from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth, hash_token

MODELS = {"sk-small-only": ["auto", "small"], "sk-auto-only": ["auto"]}


async def user_api_key_auth(request, api_key):
    if api_key == os.environ["LITELLM_MASTER_KEY"]:
        return UserAPIKeyAuth(api_key=api_key, user_role=LitellmUserRoles.PROXY_ADMIN)
    if api_key in MODELS:
        return UserAPIKeyAuth(api_key=hash_token(api_key), models=MODELS[api_key])
    if api_key == "sk-small-team":
        return UserAPIKeyAuth(api_key=hash_token(api_key), team_id="team-8", team_models=MODELS["sk-small-only"])
    if api_key == "sk-nearly-broke":
        return UserAPIKeyAuth(api_key=hash_token(api_key), user_id="user-8", max_budget=10.0, spend=9.5)
    if not (api_key or "").startswith("sk-team-7"):
        raise HTTPException(status_code=401, detail="no such key")
    return UserAPIKeyAuth(
        api_key=hash_token(api_key),
        key_alias="team seven's key",
        team_id="team-7",
        user_id="user-7",
        tpm_limit=100_000,
        metadata={"tier": "gold"},
    )
