"""Accuracy, dollars, latency and who answered, of a way to choose a model for each question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.offline.bench_common.resampling import Draws, Numbers, bounds
from litellm_cascade.offline.wilson import widened


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One question, answered: by whom in the end, how right (0..1), and what it took. None: not known."""

    alias: str
    correct: float
    cost_usd: float | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method on one set. ``usage``: the share of questions that each alias answers. Intervals hold 95 %. None: not known."""

    set: str
    method: str
    n: int
    data: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    latency_ms: float | None
    cost_usd: float | None
    usage: Mapping[str, float]


def row_of(name: str, method: str, answered: Sequence[Answered], resampled: Draws, data: str) -> Row:
    """Means over the questions."""
    right = np.array([one.correct for one in answered], float)
    low, high = widened(right.mean(), *bounds(right[rows].mean() for rows in resampled), len(right))
    by_alias = Counter(one.alias for one in answered)
    return Row(
        set=name,
        method=method,
        n=len(answered),
        data=data,
        accuracy=float(right.mean()),
        accuracy_low=float(low),
        accuracy_high=float(high),
        latency_ms=_mean([one.latency_ms for one in answered]),
        cost_usd=_mean([one.cost_usd for one in answered]),
        usage={alias: count / len(answered) for alias, count in sorted(by_alias.items())},
    )


def most(order_by: Numbers, share: float, seed: int) -> NDArray[np.bool_]:
    """The share of questions with the highest numbers; equals are drawn."""
    ties = np.random.default_rng(seed).permutation(len(order_by))
    chosen = np.zeros(len(order_by), bool)
    chosen[np.lexsort((ties, -order_by))[: round(share * len(order_by))]] = True
    return chosen


def _mean(values: Sequence[float | None]) -> float | None:
    """None when one of them is not known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
