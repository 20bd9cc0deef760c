"""Does the pool say of each candidate what its strategy weighs? A guess would decide otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from litellm_cascade.policy.pool import Known, Table
from litellm_cascade.policy.problems import Problem
from litellm_cascade.policy.written import choice_in, list_in, mapping_in, routes_in


def knowledge_problems(raw: Any, table: Table | None) -> Iterator[Problem]:
    """What is missing of aliases. ``table`` is None where LiteLLM's table is not at hand: then it may have every price."""
    pool = mapping_in(raw, "models")
    for _, route in routes_in(raw):
        chosen = choice_in(route)
        if chosen:
            strategy, written = chosen
            yield from _missing(written, strategy.weighed(written), pool, table)


def _missing(choose: Mapping[str, Any], weighed: tuple[str, ...], pool: Mapping[str, Any], table: Table | None) -> Iterator[Problem]:
    for alias in list_in(choose, "candidates"):
        card = pool.get(alias) if isinstance(alias, str) else None
        if isinstance(card, dict):
            for lack, remedy in _lacks(alias, card, weighed, table):
                yield Problem(path=("models", alias), message=f"has no {lack}, which {choose['strategy']!r} weighs; {remedy}")


def _lacks(alias: str, card: Mapping[str, Any], weighed: tuple[str, ...], table: Table | None) -> Iterator[tuple[str, str]]:
    quality = card.get("quality")
    if "quality" in weighed and (quality is None or (isinstance(quality, dict) and "general" not in quality)):
        yield "quality.general", "add `quality: {general: ...}`"
    if "latency" in weighed and "latency_ms" not in card:
        yield "latency_ms", "add it"
    if "cost" in weighed and "price" not in card and table is not None and table.get(alias, Known()).price is None:
        yield "price here or in LiteLLM's table", "add `price`"
