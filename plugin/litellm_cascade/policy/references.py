"""Do the parts of a document fit together? Asked of the raw data, so that these problems are told along with all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from litellm_cascade.policy.problems import Path, Problem, did_you_mean
from litellm_cascade.policy.reach import Routes, reach_problems
from litellm_cascade.policy.written import choice_in, list_in, mapping_in, routes_in


def reference_problems(raw: Any) -> Iterator[Problem]:
    """Every alias, gate, route and order of routes that cannot work. What has the wrong shape is skipped: pydantic speaks of that."""
    routes = list(routes_in(raw))
    aliases, gates = mapping_in(raw, "models"), mapping_in(raw, "gates")
    leads = {place: target for path, route in routes for place, target in targets_of(path, route)}
    for place, target in leads.items():
        yield from _unknown_alias(place, target, aliases) if aliases else ()  # a pool that is missing is one problem, not many
        yield from _target_problems(place, target, aliases, gates)
    yield from _repeated_names(routes)
    yield from reach_problems(raw, routes, {place: target["route"] for place, target in leads.items() if _names_a_route(target)})


def targets_of(path: Path, route: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """What a route may lead to, each with its place: aliases as text, cascades and other routes as mappings."""
    if "send" in route:
        yield (*path, "send"), route["send"]
    if "cascade" in route:
        yield path, route
    ensemble = mapping_in(route, "ensemble")
    yield from (((*path, "ensemble", "of", index), alias) for index, alias in enumerate(list_in(ensemble, "of")))
    if "judge" in ensemble:
        yield (*path, "ensemble", "judge"), ensemble["judge"]
    chosen = choice_in(route)
    for keys in chosen[0].targets if chosen else ():
        yield from _below((*path, "choose"), route["choose"], keys)


def _below(path: Path, value: Any, keys: tuple[str, ...]) -> Iterator[tuple[Path, Any]]:
    if not keys:
        yield path, value
        return
    for key, entry in _entries(value):
        if keys[0] in ("*", key):
            yield from _below((*path, key), entry, keys[1:])


def _entries(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _target_problems(place: Path, target: Any, aliases: Mapping[str, Any], gates: Mapping[str, Any]) -> Iterator[Problem]:
    if not isinstance(target, dict):
        return
    for index, rung in enumerate(list_in(target, "cascade")):
        yield from _unknown_alias((*place, "cascade", index), rung, aliases) if aliases else ()
    gate = target.get("gate")
    if "cascade" in target and isinstance(gate, str) and gate and gate not in gates:
        yield Problem(path=(*place, "gate"), message=f"no gate {gate!r} in gates; {did_you_mean(gate, gates) or 'add it there'}")


def _unknown_alias(place: Path, alias: Any, aliases: Mapping[str, Any]) -> Iterator[Problem]:
    if isinstance(alias, str) and alias and alias not in aliases:
        yield Problem(path=place, message=f"no alias {alias!r} in models; {did_you_mean(alias, aliases)}")


def _names_a_route(target: Any) -> bool:
    return isinstance(target, dict) and isinstance(target.get("route"), str)


def _repeated_names(routes: Routes) -> Iterator[Problem]:
    first: dict[str, Path] = {}
    for path, route in routes:
        name = route.get("name")
        if isinstance(name, str) and first.setdefault(name, path) != path:
            yield Problem(path=(*path, "name"), message=f"{name!r} names routes[{first[name][1]}] too; give each route its own name")
