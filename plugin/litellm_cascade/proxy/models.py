"""Which of LiteLLM's model names are ours: those whose ``litellm_params.model`` reads ``cascade/<policy>``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

PROVIDER = "cascade"
_PREFIX = f"{PROVIDER}/"


def virtual_models(model_list: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Model name -> policy name, from LiteLLM's list of deployments."""
    return {m["model_name"]: policy for m in model_list if (policy := policy_of(m)) is not None}


def policy_of(deployment: Mapping[str, Any]) -> str | None:
    """The policy's name when this deployment is virtual."""
    model = str((deployment.get("litellm_params") or {}).get("model") or "")
    return model[len(_PREFIX) :] if model.startswith(_PREFIX) else None


class VirtualModels:
    """``virtual_models`` of LiteLLM's current router, worked out again only when its list of deployments changes."""

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._known: dict[str, str] = {}

    def policy(self, router: Any, model: str) -> str | None:
        """The policy of this model name, or None when the name is not ours. LiteLLM's aliases of a name count as the name."""
        if router is None:
            return None
        seen = (id(router), len(router.model_list))
        if seen != self._seen:
            self._seen, self._known = seen, virtual_models(router.model_list)
        return self._known.get(model) or self._known.get(_aliased(router, model))


def _aliased(router: Any, model: str) -> str:
    target = (getattr(router, "model_group_alias", None) or {}).get(model, "")
    return str(target.get("model") if isinstance(target, Mapping) else target)
