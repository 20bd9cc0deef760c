"""The thresholds of a policy that traffic can tell something about, and the values to try for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise, product
from random import Random

import numpy as np

from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.traffic.verdicts import judged_again
from litellm_cascade.policy import Policy
from litellm_cascade.policy.problems import Path
from litellm_cascade.policy.strategies.thresholds import Thresholds, reader_of
from litellm_cascade.vocabulary import Decision, Gate

FEWEST = 50
"""Recorded scores below which a threshold is left alone, as for a calibration."""
_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One number of a policy. ``values`` rise; the number that stands there is among them."""

    path: Path
    name: str
    now: float
    values: tuple[float, ...]


Setting = tuple[float, ...]
"""A value for each knob."""


def knobs_of(policy: Policy, items: Sequence[Item], decisions: Sequence[Decision], steps: int) -> tuple[list[Knob], list[str]]:
    """The gates and the cuts, with ``steps`` values each from the traffic's own quantiles; and why others are left alone, in sentences."""
    knobs: list[Knob] = []
    left: list[str] = []
    for name, gate in policy.gates.items():
        seen = _scores(items, decisions, gate)
        if len(seen) < FEWEST:
            left.append(f"gate {name!r} is left alone: {len(seen)} of its answers have a recorded score, and it takes at least {FEWEST}")
        else:
            knobs.append(_knob(("gates", name, "accept_at"), f"{name} accept_at", gate.accept_at, seen, steps))
    for index, route in enumerate(policy.document.routes):
        rule = getattr(route, "choose", None)
        if isinstance(rule, Thresholds):
            seen = [*_measured(rule.by, items)]
            knobs += [
                _knob(("routes", index, "choose", "cuts", place), f"{route.name} cut {place + 1}", cut, seen, steps)
                for place, cut in enumerate(rule.cuts)
            ]
    return knobs, left


def settings_of(knobs: Sequence[Knob], most: int, seed: int) -> list[Setting]:
    """Every combination whose cuts rise; where there are more than ``most``, so many of them by chance, and the one that stands there."""
    now = tuple(knob.now for knob in knobs)
    ways = 1
    for knob in knobs:
        ways *= len(knob.values)
    every = product(*(knob.values for knob in knobs)) if ways <= most else _drawn(knobs, most, seed)
    return list(dict.fromkeys([now, *(setting for setting in every if _rises(knobs, setting))]))


def as_numbers(knobs: Sequence[Knob], setting: Setting) -> dict[Path, float]:
    """By their places."""
    return {knob.path: value for knob, value in zip(knobs, setting, strict=True)}


def gates_of(knobs: Sequence[Knob], setting: Setting) -> Mapping[str, float]:
    """What the gates accept, by name."""
    return {str(knob.path[1]): value for knob, value in zip(knobs, setting, strict=True) if knob.path[0] == "gates"}


def cuts_of(knobs: Sequence[Knob], setting: Setting) -> dict[Path, float]:
    """The numbers that change decisions."""
    return {path: value for path, value in as_numbers(knobs, setting).items() if path[0] != "gates"}


def _measured(by: str, items: Sequence[Item]) -> Iterator[float]:
    read = reader_of(by)
    for item in items:
        with suppress(KeyError, TypeError):  # a dimension that nothing measured, a number that is not known
            yield float(read(item.evidence))


def _scores(items: Sequence[Item], decisions: Sequence[Decision], gate: Gate) -> list[float]:
    judged = (
        judged_again(item, alias, gate).value
        for item, decision in zip(items, decisions, strict=True)
        if decision.gate is not None and decision.gate.name == gate.name
        for alias in decision.ladder[:1]
    )
    return [value for value in judged if value is not None]


def _knob(path: Path, name: str, now: float, seen: Sequence[float], steps: int) -> Knob:
    quantiles = np.quantile(np.array(seen, float), np.linspace(0, 1, steps)) if seen else []
    values = {float(f"{float(value):.{_DIGITS}g}") for value in quantiles}
    return Knob(path=path, name=name, now=now, values=tuple(sorted({now, *values})))


def _rises(knobs: Sequence[Knob], setting: Setting) -> bool:
    cuts: dict[Path, list[float]] = {}
    for knob, value in zip(knobs, setting, strict=True):
        if knob.path[0] != "gates":
            cuts.setdefault(knob.path[:-1], []).append(value)
    return all(low < high for values in cuts.values() for low, high in pairwise(values))


def _drawn(knobs: Sequence[Knob], most: int, seed: int) -> Iterator[Setting]:
    random = Random(seed)
    for _ in range(most):
        yield tuple(random.choice(knob.values) for knob in knobs)
