"""Reads a simulated model's name, such as ``small?fail=0.1&latency_ms=0``, strictly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.simulated.profiles import PROFILES


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often, 0..1, a deployment misbehaves. The first that strikes is the one that shows; see docs/simulator.md."""

    fail: float = 0.0
    hang: float = 0.0
    refuse: float = 0.0
    truncate: float = 0.0


NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One simulated deployment. ``latency_ms`` None means the role's own; ``after``: streamed tokens before it fails or hangs."""

    role: str
    faults: Faults = NO_FAULTS
    omit_logprobs: bool = False
    latency_ms: float | None = None
    seed: int = 0
    after: int = 0


def _probability(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise ValueError
    return value


def _milliseconds(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= MOST_MILLISECONDS:
        raise ValueError
    return value


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError
    return int(text)


def _switch(text: str) -> bool:
    return {"0": False, "1": True}[text]


MOST_MILLISECONDS = 600_000.0
"""Ten minutes: whoever wants to wait longer wants ``hang``."""

_PROBABILITY = (_probability, "a probability from 0 to 1")
_SETTINGS: dict[str, tuple[Callable[[str], Any], str]] = {
    "fail": _PROBABILITY,
    "hang": _PROBABILITY,
    "refuse": _PROBABILITY,
    "truncate": _PROBABILITY,
    "omit_logprobs": (_switch, "0 or 1"),
    "latency_ms": (_milliseconds, "milliseconds from 0 to 600000"),
    "seed": (_count, "a whole number, 0 or more"),
    "after": (_count, "a number of tokens, 0 or more"),
}
_FAULTS = ("fail", "hang", "refuse", "truncate")


@lru_cache(maxsize=256)
def parse_deployment(model: str) -> Deployment:
    """Reads ``role`` or ``role?setting=value&...``. Raises ``ConfigurationError`` with one sentence for each thing that is wrong."""
    role, _, query = model.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    problems = [f"simulated/{model}: {problem}" for problem in (*_role_problems(role), *_query_problems(query, pairs))]
    if problems:
        raise ConfigurationError(problems)
    values = {key: _SETTINGS[key][0](text) for key, text in pairs}
    faults = Faults(**{key: values.pop(key) for key in _FAULTS if key in values})
    return Deployment(role=role, faults=faults, **values)


def _role_problems(role: str) -> list[str]:
    return [] if role in PROFILES else [f"there is no simulated role '{role}'; use {_either(PROFILES)}."]


def _query_problems(query: str, pairs: list[tuple[str, str]]) -> list[str]:
    problems = [f"'{part}' is not of the form setting=value." for part in query.split("&") if query and "=" not in part]
    named = [(key, text) for key, text in pairs if f"{key}=" in query]
    problems += [f"'{key}' is given {n} times; give it once." for key, n in Counter(key for key, _ in named).items() if n > 1]
    return problems + [problem for key, text in named if (problem := _value_problem(key, text))]


def _value_problem(key: str, text: str) -> str | None:
    if key not in _SETTINGS:
        return f"'{key}' is not a setting; use {_either(_SETTINGS)}."
    read, wanted = _SETTINGS[key]
    try:
        read(text)
    except (ValueError, KeyError):
        return f"{key} must be {wanted}, not '{text}'."
    return None


def _either(names: Any) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"
