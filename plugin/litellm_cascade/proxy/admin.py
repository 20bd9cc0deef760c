"""What administrators may ask the proxy about us. Every route here needs the admin key."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, HTTPException
from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth
from litellm.proxy.auth.user_api_key_auth import user_api_key_auth

from litellm_cascade.proxy.shelf import Shelf


async def admin_only(auth: UserAPIKeyAuth = Depends(user_api_key_auth)) -> None:  # noqa: B008 - FastAPI's way
    """Refuse everybody but the proxy's administrators."""
    if auth.user_role != LitellmUserRoles.PROXY_ADMIN:
        raise HTTPException(status_code=403, detail={"error": "/cascade/... is for the proxy's administrators: use the master key"})


def admin_routes(shelf: Shelf) -> APIRouter:
    """``GET /cascade/policies``: each policy in use, its digest, and why a changed file is not in use."""
    router = APIRouter(prefix="/cascade", tags=["cascade"], dependencies=[Depends(admin_only)])

    @router.get("/policies")
    async def policies() -> list[dict[str, Any]]:
        return list(shelf.status())

    return router
