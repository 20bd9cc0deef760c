"""The parts of a document as they were written, before it is known whether their shape is right: what is not, is skipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from litellm_cascade.policy.problems import Path
from litellm_cascade.policy.strategies import STRATEGIES
from litellm_cascade.policy.strategies.base import StrategyBase


def mapping_in(raw: Any, key: str) -> Mapping[str, Any]:
    """The mapping below a key; an empty one when there is none."""
    value = raw.get(key) if isinstance(raw, dict) else None
    return value if isinstance(value, dict) else {}


def list_in(raw: Any, key: str) -> list[Any]:
    """The list below a key; an empty one when there is none."""
    value = raw.get(key) if isinstance(raw, dict) else None
    return value if isinstance(value, list) else []


def routes_in(raw: Any) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The routes with their places."""
    for index, route in enumerate(list_in(raw, "routes")):
        if isinstance(route, dict):
            yield ("routes", index), route


def choice_in(route: Mapping[str, Any]) -> tuple[type[StrategyBase], Mapping[str, Any]] | None:
    """The strategy of a route and what is written of it; None without a strategy that is known."""
    choose = mapping_in(route, "choose")
    name = choose.get("strategy")
    return (STRATEGIES[name], choose) if isinstance(name, str) and name in STRATEGIES else None
