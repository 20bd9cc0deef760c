"""pydantic's errors in an operator's words."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from types import NoneType
from typing import TYPE_CHECKING, Any

from litellm_cascade.policy.places import members, place_of
from litellm_cascade.policy.problems import Path, Problem, did_you_mean
from litellm_cascade.policy.routes import ACTIONS, ROUTES

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_SENTENCES = {
    "missing": "is missing; add it",
    "literal_error": "is {input}; write {expected}",
    "enum": "is {input}; write {expected}",
    "string_type": "must be text, not {kind}",
    "int_type": "must be a whole number, not {input}",
    "float_type": "must be a number, not {kind}",
    "bool_type": "must be true or false, not {kind}",
    "dict_type": "must be a mapping (key: value), not {kind}",
    "model_type": "must be a mapping (key: value), not {kind}",
    "model_attributes_type": "must be a mapping (key: value), not {kind}",
    "tuple_type": "must be a list, not {kind}",
    "greater_than": "must be above {gt}, not {input}",
    "greater_than_equal": "must be at least {ge}, not {input}",
    "less_than": "must be below {lt}, not {input}",
    "less_than_equal": "must be at most {le}, not {input}",
    "finite_number": "must be a finite number, not {input}",
    "too_short": "needs at least {min_length}, has {actual_length}",
    "too_long": "has more than {max_length} entries; keep the newest",
    "json_invalid": "is no JSON ({error})",
    "string_too_short": "must not be empty; give it a name",
    "string_too_long": "is longer than {max_length} characters; shorten it",
    "string_unicode": "holds half a character (a lone surrogate); remove it",
    "string_pattern_mismatch": "must be one line of text; remove line breaks and control characters",
}
_HINTS = {
    ("string_type", "when"): "; write a condition in quotes, or leave `when` out to take every request",
    ("string_type", "over"): "; write a number with its unit, e.g. 10m",
    ("too_short", "cascade"): "; to ask one alias alone write `send`",
    ("too_short", "candidates"): "; to ask one alias alone write `send`",
    ("too_short", "arms"): "; to ask one alias alone write `send`",
    ("too_short", "map"): "; say who gets what, or use another strategy",
    ("too_short", "models"): "; add the aliases that requests may go to",
    ("too_short", "routes"): "; add one that sends everything to an alias",
}
_IN_A_ROUTE = len(("routes", 0, "key"))
_KINDS = {NoneType: "nothing", bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}


def problems_of(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """Every error of a validation, in place."""
    for detail in error.errors(include_url=False):
        kind = detail["type"]
        if kind == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            continue  # pydantic counts only the entries that are right; each wrong one has its own problem
        if kind == "extra_forbidden":
            path, owner = place_of(model, detail["loc"][:-1])
            yield _unknown_key((*path, detail["loc"][-1]), set(owner.model_fields))
        elif kind.startswith("union_tag"):
            yield from _no_member(*place_of(model, detail["loc"]), detail["input"])
        else:
            yield Problem(path=place_of(model, detail["loc"])[0], message=_sentence(detail), on_key=detail["loc"][-1:] == ("[key]",))


def _unknown_key(path: Path, known: set[str]) -> Problem:
    owner = next((action for action, route in ROUTES.items() if path[-1] in route.model_fields), None)
    if path[0] == "routes" and len(path) == _IN_A_ROUTE and owner is not None:
        return Problem(path=path, message=f"goes with `{owner}` only; remove it", on_key=True)
    return Problem(path=path, message=f"unknown key; {did_you_mean(str(path[-1]), known)}", on_key=True)


def _no_member(path: Path, union: Any, given: Any) -> Iterator[Problem]:
    """A route without a single action, a choice without a known strategy, or a target that is none."""
    tags = members(union)
    if "send" in tags:
        yield from _no_action(path, given)
    elif "alias" in tags:
        yield Problem(path=path, message="must be an alias, or {cascade: [alias, alias], gate: name}, or {route: name}")
    elif "strategy" not in given:
        yield Problem(path=path, message=f"has no strategy; add one of {', '.join(tags)}")
    else:
        asked = given["strategy"]
        yield Problem(path=(*path, "strategy"), message=f"is {_written(asked)}; {did_you_mean(str(asked), tags)}")


def _no_action(path: Path, route: Any) -> Iterator[Problem]:
    if not isinstance(route, dict):
        yield Problem(path=path, message=f"must be a mapping (key: value), not {_kind(route)}")
        return
    known = set().union(*(route_class.model_fields for route_class in ROUTES.values()))
    unknown = sorted(route.keys() - known)
    yield from (_unknown_key((*path, key), known) for key in unknown)
    if any(action in route for action in ACTIONS):
        yield Problem(path=path, message="does two things; keep one of `send`, `cascade` and `choose`")
    elif not unknown:
        yield Problem(path=path, message="does nothing; add `send: alias`, `cascade: [alias, alias]` with a `gate`, or `choose`")


def _sentence(detail: ErrorDetails) -> str:
    kind, key = detail["type"], str(detail["loc"][-1]) if detail["loc"] else ""
    template = _SENTENCES.get(kind)
    if template is None:
        return detail["msg"]
    given = detail["input"]
    return template.format(input=_written(given), kind=_kind(given), **_readable(detail)) + _HINTS.get((kind, key), "")


def _readable(detail: ErrorDetails) -> dict[str, Any]:
    context = detail.get("ctx", {})
    return {name: f"{value:g}" if isinstance(value, float) else value for name, value in context.items()}


def _written(value: Any) -> str:
    """A value as YAML writes it, short."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else reprlib.repr(value)


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), type(value).__name__)
