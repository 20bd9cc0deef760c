"""Can every request find a route, and every route a request? Detours lead to later routes only, so none goes in circles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from litellm_cascade.policy.problems import Path, Problem, did_you_mean

Routes = list[tuple[Path, Mapping[str, Any]]]
"""Raw routes with their places."""

Detours = Mapping[Path, str]
"""The routes that targets name, by the target's place."""


def reach_problems(raw: Any, routes: Routes, detours: Detours) -> Iterator[Problem]:
    """Routes that no request reaches, requests that reach no route, and detours that lead nowhere or back."""
    index_of = {str(route.get("name")): _index(path) for path, route in reversed(routes)}
    yield from _wrong_detours(detours, index_of)
    yield from _unreachable(routes, detours, index_of)
    yield from _open_end(raw, routes)


def _wrong_detours(detours: Detours, index_of: Mapping[str, int]) -> Iterator[Problem]:
    for place, name in detours.items():
        path, index, here = (*place, "route"), index_of.get(name), _index(place)
        if index is None:
            yield Problem(path=path, message=f"no route {name!r}; {did_you_mean(name, index_of)}")
        elif index <= here:
            which = "this route itself" if index == here else f"routes[{index}], before this one"
            yield Problem(path=path, message=f"goes in circles: {name!r} is {which}; name a later route")


def _unreachable(routes: Routes, detours: Detours, index_of: Mapping[str, int]) -> Iterator[Problem]:
    """Past the first route that takes everything, only detours lead on."""
    end = next((_index(path) for path, route in routes if _takes_everything(route)), None)
    reached: set[int] = set()
    for path, route in routes:
        index = _index(path)
        if end is not None and index > end and index not in reached:
            message = f"unreachable: routes[{end}] takes every request; move this route up, or give that one a `when`"
            yield Problem(path=path, message=message)
            continue
        if end is not None and index > end and not _takes_everything(route):
            yield Problem(path=(*path, "when"), message=f"is never asked: behind routes[{end}] only other routes lead here; remove it")
        reached |= {index_of.get(name, -1) for place, name in detours.items() if _index(place) == index}


def _open_end(raw: Any, routes: Routes) -> Iterator[Problem]:
    if routes and routes[-1][0] == ("routes", len(raw["routes"]) - 1) and not any(_takes_everything(route) for _, route in routes):
        message = "the last route has a condition, so some requests match none; add a route without `when` after it"
        yield Problem(path=routes[-1][0], message=message)


def _takes_everything(route: Mapping[str, Any]) -> bool:
    return route.get("when") is None


def _index(path: Path) -> int:
    return int(path[1])
