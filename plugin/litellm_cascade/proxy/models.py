"""LiteLLM's deployments by their names, and which of them are ours: those whose ``litellm_params.model`` reads ``cascade/<policy>``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

PROVIDER = "cascade"
_PREFIX = f"{PROVIDER}/"


class Deployments:
    """By every name that LiteLLM's router takes: their own, its ``model_group_alias`` for one, and what a wildcard stands for."""

    def __init__(self, models: Iterable[Mapping[str, Any]], group_aliases: Any = None) -> None:
        self._groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for deployment in models:
            self._groups[str(deployment.get("model_name"))].append(deployment)
        self._aliases: Mapping[str, Any] = group_aliases if isinstance(group_aliases, Mapping) else {}

    @property
    def names(self) -> set[str]:
        """All that are written down."""
        return {*self._groups, *map(str, self._aliases)}

    def behind(self, alias: str) -> list[Mapping[str, Any]]:
        """The deployments that may answer for a name; empty where it is none. Of several wildcards the longest counts."""
        name = _target(self._aliases, alias) or alias
        if name in self._groups:
            return self._groups[name]
        fitting = [pattern for pattern in self._groups if "*" in pattern and fnmatchcase(name, pattern)]
        pattern = max(fitting, key=len, default="")
        before, _, after = pattern.partition("*")
        return [_filled(deployment, name[len(before) : len(name) - len(after)]) for deployment in self._groups[pattern]] if pattern else []


def deployments_of(config: Mapping[str, Any], models: Any) -> Deployments:
    """These, with the names that the configuration gives them besides."""
    return Deployments(models or (), (config.get("router_settings") or {}).get("model_group_alias"))


def _filled(deployment: Mapping[str, Any], star: str) -> dict[str, Any]:
    parameters = deployment.get("litellm_params") or {}
    return {**deployment, "litellm_params": {**parameters, "model": str(parameters.get("model")).replace("*", star)}}


def _target(group_aliases: Any, name: str) -> str:
    target = (group_aliases or {}).get(name, "")
    return str(target.get("model") if isinstance(target, Mapping) else target)


def virtual_models(model_list: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Model name -> policy name, from LiteLLM's list of deployments."""
    return {m["model_name"]: policy for m in model_list if (policy := policy_of(m)) is not None}


def policy_of(deployment: Mapping[str, Any]) -> str | None:
    """The policy's name when this deployment is virtual."""
    model = str((deployment.get("litellm_params") or {}).get("model") or "")
    return model[len(_PREFIX) :] if model.startswith(_PREFIX) else None


def virtual_models_of_teams(model_list: Iterable[Mapping[str, Any]]) -> dict[tuple[str | None, str], str]:
    """Team and model name -> policy name: LiteLLM gives a team's deployments names of their own inside, and finds them by these."""
    virtual = ((m.get("model_info") or {}, policy) for m in model_list if (policy := policy_of(m)) is not None)
    return {(info["team_id"], str(info.get("team_public_model_name"))): policy for info, policy in virtual if info.get("team_id")}


class VirtualModels:
    """``virtual_models`` of LiteLLM's current router, worked out again only when its list of deployments changes."""

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._known: dict[str, str] = {}
        self._of_teams: dict[tuple[str | None, str], str] = {}

    def policy(self, router: Any, model: str, team: str | None = None) -> str | None:
        """The policy of this model name, or None when the name is not ours. LiteLLM's aliases of a name count as the name.

        A caller's ``team`` may have a model of that name for itself, which comes first.
        """
        if router is None:
            return None
        seen = (id(router), len(router.model_list))
        if seen != self._seen:
            self._seen, self._known = seen, virtual_models(router.model_list)
            self._of_teams = virtual_models_of_teams(router.model_list)
        own = self._of_teams.get((team, model)) or self._known.get(model)
        return own or self._known.get(_target(getattr(router, "model_group_alias", None), model))
