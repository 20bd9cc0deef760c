"""Do the parts of a document fit together? Asked of the raw data, so that these problems are told along with all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from litellm_cascade.policy.problems import Path, Problem, did_you_mean


def reference_problems(raw: Any) -> Iterator[Problem]:
    """Every alias, gate and order of routes that cannot work. What has the wrong shape is skipped: pydantic speaks of that."""
    routes = list(_routes(raw))
    aliases, gates = _mapping(raw, "models"), _mapping(raw, "gates")
    for path, route in routes:
        yield from _unknown_aliases(path, route, aliases) if aliases else ()  # a pool that is missing is one problem, not many
        yield from _unknown_gate(path, route, gates)
    yield from _repeated_names(routes)
    yield from _unreachable(routes)
    yield from _open_end(raw, routes)


def _mapping(raw: Any, key: str) -> Mapping[str, Any]:
    value = raw.get(key) if isinstance(raw, dict) else None
    return value if isinstance(value, dict) else {}


def _routes(raw: Any) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    written = raw.get("routes") if isinstance(raw, dict) else None
    for index, route in enumerate(written if isinstance(written, list) else ()):
        if isinstance(route, dict):
            yield ("routes", index), route


def _unknown_aliases(path: Path, route: Mapping[str, Any], aliases: Mapping[str, Any]) -> Iterator[Problem]:
    rungs = route.get("cascade")
    asked = [((*path, "send"), route.get("send"))]
    asked += [((*path, "cascade", index), rung) for index, rung in enumerate(rungs if isinstance(rungs, list) else ())]
    for place, alias in asked:
        if isinstance(alias, str) and alias and alias not in aliases:
            yield Problem(path=place, message=f"no alias {alias!r} in models; {did_you_mean(alias, aliases)}")


def _unknown_gate(path: Path, route: Mapping[str, Any], gates: Mapping[str, Any]) -> Iterator[Problem]:
    gate = route.get("gate")
    if "cascade" in route and isinstance(gate, str) and gate and gate not in gates:
        yield Problem(path=(*path, "gate"), message=f"no gate {gate!r} in gates; {did_you_mean(gate, gates) or 'add it there'}")


def _repeated_names(routes: list[tuple[Path, Mapping[str, Any]]]) -> Iterator[Problem]:
    first: dict[str, Path] = {}
    for path, route in routes:
        name = route.get("name")
        if isinstance(name, str) and first.setdefault(name, path) != path:
            yield Problem(path=(*path, "name"), message=f"{name!r} names routes[{first[name][1]}] too; give each route its own name")


def _unreachable(routes: list[tuple[Path, Mapping[str, Any]]]) -> Iterator[Problem]:
    taken_by = next((path for path, route in routes if _takes_everything(route)), None)
    for path, _ in routes:
        if taken_by is not None and path > taken_by:
            message = f"unreachable: routes[{taken_by[1]}] takes every request; move this route up, or give that one a `when`"
            yield Problem(path=path, message=message)


def _open_end(raw: Any, routes: list[tuple[Path, Mapping[str, Any]]]) -> Iterator[Problem]:
    if routes and routes[-1][0] == ("routes", len(raw["routes"]) - 1) and not any(_takes_everything(route) for _, route in routes):
        message = "the last route has a condition, so some requests match none; add a route without `when` after it"
        yield Problem(path=routes[-1][0], message=message)


def _takes_everything(route: Mapping[str, Any]) -> bool:
    return route.get("when") is None
