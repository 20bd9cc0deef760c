"""RouterArena's score (Lu et al. 2025, arXiv 2510.00202): accuracy and cost in one number. Its rows are scored with, never trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Final

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.resampling import Draws, Numbers, bounds
from litellm_cascade.offline.bench_questions.rows import most
from litellm_cascade.offline.bench_routing.pairs import EVALUATION_ONLY, PairSet

BETA: Final = 0.1
"""b of the formula: how much cost counts beside accuracy."""
DEAREST_USD, CHEAPEST_USD = 200.0, 0.0044
"""Dollars for 1,000 queries between which cost is counted."""
SHARES: Final = (0.25, 0.5, 0.75)
"""Of the questions that an order gives to the better model: no threshold is chosen on this set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method. ``score`` lies in 0..1, its interval holds 95 %; ``cost_usd`` is for 1,000 queries."""

    set: str
    method: str
    n: int
    data: str
    score: float
    score_low: float
    score_high: float
    accuracy: float
    cost_usd: float
    better_share: float


def arena_score(accuracy: float, usd_per_1000: float) -> float:
    """S = (1 + b) A C / (b A + C), C = (log2 200 - log2 c) / (log2 200 - log2 0.0044), c cut to that range."""
    cost = min(max(usd_per_1000, CHEAPEST_USD), DEAREST_USD)
    cheapness = (log2(DEAREST_USD) - log2(cost)) / (log2(DEAREST_USD) - log2(CHEAPEST_USD))
    below = BETA * accuracy + cheapness
    return (1 + BETA) * accuracy * cheapness / below if below > 0 else 0.0


def arena_pairs(pairs: Sequence[PairSet]) -> list[PairSet]:
    """The pairs of RouterArena. Raises ConfigurationError when there are none, or none with prices."""
    found = [one for one in pairs if one.source == EVALUATION_ONLY]
    if not found:
        raise ConfigurationError(["no pair of this folder is from RouterArena; it lies with the data that is for internal use"])
    unpriced = [one.name for one in found if one.cost_weak is None]
    if unpriced:
        raise ConfigurationError([f"{unpriced[0]!r} has no prices, which RouterArena's score needs; add cost_usd_weak and cost_usd_strong"])
    return found


def rows_of(one: PairSet, orders: Mapping[str, Numbers], resampled: Draws, data: str, seed: int) -> list[Row]:
    """Both models alone, the oracle, and every order at several shares."""
    nobody, everybody = np.zeros(len(one), bool), np.ones(len(one), bool)
    chosen = {f"always {one.weak_model}": nobody, f"always {one.strong_model}": everybody, "oracle": _oracle(one)}
    at_shares = {f"{name}, {share:.0%}": most(order, share, seed) for name, order in orders.items() for share in SHARES}
    return [_row(one, method, better, resampled, data) for method, better in {**chosen, **at_shares}.items()]


def _oracle(one: PairSet) -> NDArray[np.bool_]:
    """The one that is righter, of equals the cheaper."""
    cost_weak, cost_strong = _costs(one)
    gains = one.gains
    return np.asarray((gains > 0) | ((gains == 0) & (cost_strong < cost_weak)))


def _row(one: PairSet, method: str, better: NDArray[np.bool_], resampled: Draws, data: str) -> Row:
    cost_weak, cost_strong = _costs(one)
    right = np.where(better, one.score_strong, one.score_weak)
    cost = 1000 * np.where(better, cost_strong, cost_weak)
    low, high = bounds(arena_score(right[rows].mean(), cost[rows].mean()) for rows in resampled)
    return Row(
        set=one.name,
        method=method,
        n=len(one),
        data=data,
        score=arena_score(float(right.mean()), float(cost.mean())),
        score_low=low,
        score_high=high,
        accuracy=float(right.mean()),
        cost_usd=float(cost.mean()),
        better_share=float(better.mean()),
    )


def _costs(one: PairSet) -> tuple[Numbers, Numbers]:
    if one.cost_weak is None or one.cost_strong is None:
        raise ConfigurationError([f"{one.name!r} has no prices"])
    return one.cost_weak, one.cost_strong
