"""The names a condition may use, each with its type and the value it has when nothing is known.

They are the fields of the vocabulary, so a new signal is a new name. A condition never meets null: unknown text is ``""``, an unknown
whole number ``0``, an unknown decimal ``-1.0``, an unknown list or mapping empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from types import MappingProxyType
from typing import Any

from litellm_cascade.policy.loads import LOAD
from litellm_cascade.vocabulary import DIMENSIONS, TASK_TYPES, Caller, Classification, Envelope, Evidence, Load, Session, Signals

TASKS = (*TASK_TYPES, "Unknown")
"""Each always has a probability, 0.0 when unknown; so has each of ``DIMENSIONS`` a value."""

_ALWAYS_THERE = {"task_probabilities": dict.fromkeys(TASKS, 0.0), "dimensions": dict.fromkeys(DIMENSIONS, 0.0)}
_HIDDEN = frozenset({"key_hash", "request_id", "policy", "digest", "took_ms", "cached", "session.degraded"})
"""What identifies one request or one key: a rule on it could not be read, and would differ between two equal requests."""

_LARGEST_WHOLE = 10**15
"""Clients may send any number; beyond this CEL would switch to decimals, and types would depend on the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One name: ``read`` takes its value from the evidence, in the types CEL knows."""

    name: str
    type: str
    neutral: Any
    read: Callable[[Evidence], Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    type: str
    neutral: Any
    convert: Callable[[Any], Any]


def _text(value: str) -> str:
    plain = str(getattr(value, "value", value))
    return plain if plain.isascii() else plain.encode("utf-8", "replace").decode()  # half a surrogate pair is no text for CEL


def _decimals(values: Mapping[str, float]) -> dict[str, float]:
    return {_text(name): float(value) for name, value in values.items() if not math.isnan(value)}


_KINDS = {
    "bool": _Kind("bool", neutral=False, convert=bool),
    "int": _Kind("int", 0, lambda value: max(-_LARGEST_WHOLE, min(int(value), _LARGEST_WHOLE))),
    "float": _Kind("double", -1.0, float),
    "str": _Kind("string", "", _text),
    "Endpoint": _Kind("string", "", _text),
    "tuple[str, ...]": _Kind("list of string", (), lambda values: [_text(value) for value in values]),
    "Mapping[str, float]": _Kind("map of double", {}, _decimals),
}


def _variable(root: str, part: str, field: Field[Any]) -> Variable:
    kind = _KINDS[str(field.type).removesuffix(" | None")]
    neutral = kind.neutral if field.default in (None, MISSING) else kind.convert(field.default)
    always = _ALWAYS_THERE.get(field.name, {})

    def read(evidence: Evidence) -> Any:
        value = getattr(getattr(evidence, part), field.name)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return neutral
        return {**always, **kind.convert(value)} if always else kind.convert(value)

    return Variable(name=f"{root}.{field.name}", type=kind.type, neutral=neutral, read=read)


_ROOTS = (
    ("request", "envelope", Envelope),
    ("caller", "caller", Caller),
    ("signals", "signals", Signals),
    ("session", "session", Session),
)
_BELIEF = ("classification", "classification", Classification)

VARIABLES: Mapping[str, Variable] = MappingProxyType(
    {
        f"{root}.{field.name}": _variable(root, part, field)
        for root, part, noun in (*_ROOTS, _BELIEF)
        for field in fields(noun)
        if not {field.name, f"{root}.{field.name}"} & _HIDDEN
    }
)
"""Every name, from ``request.endpoint`` to ``classification.degraded``."""

ROOTS = (*dict.fromkeys(name.split(".")[0] for name in VARIABLES), LOAD)

_IDLE = Load()


def variable_of(name: str) -> Variable:
    """The variable of a name that was found to mean something: one of ``VARIABLES``, or ``load.<alias>.<field>``."""
    return VARIABLES[name] if name in VARIABLES else _load_variable(name)


@cache
def _load_variable(name: str) -> Variable:
    path, _, field = name.rpartition(".")
    alias = path.removeprefix(f"{LOAD}.")
    neutral = getattr(_IDLE, field)

    def read(evidence: Evidence) -> Any:
        return getattr(evidence.load.get(alias, _IDLE), field)

    return Variable(name=name, type=type(neutral).__name__, neutral=neutral, read=read)
