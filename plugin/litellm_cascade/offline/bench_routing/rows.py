"""The figures of an order of prompts: how much of the larger model's lead is had, for how many calls and dollars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.offline.bench_common.resampling import Numbers, apgr_draws, bounds
from litellm_cascade.offline.bench_routing.pairs import PairSet
from litellm_cascade.offline.calibrating import figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method on one pair. Intervals hold 95 %. None: not known.

    ``apgr``, ``cpt50``, ``cpt80``: RouteLLM's average performance gap recovered, and the shares of calls to the larger model that recover
    50 % and 80 % of the gap. ``auroc``: of telling the prompts that only the larger model gets (more) right from all others. ``aiq``:
    RouterBench's average improvement in quality, the mean quality along the order's hull of cost and quality; by dollars where they are
    known, else by calls. ``over_length``: the APGR less that of the prompt's length, on the same draws.
    """

    set: str
    method: str
    n: int
    data: str
    apgr: float | None
    apgr_low: float | None = None
    apgr_high: float | None = None
    over_length: float | None = None
    over_length_low: float | None = None
    over_length_high: float | None = None
    cpt50: float | None = None
    cpt80: float | None = None
    auroc: float | None = None
    aiq: float | None = None
    source: str | None = None


def row_of(one: PairSet, method: str, order_by: Numbers, times: NDArray[np.int16], data: str) -> Row:
    """Every figure of an order: prompts with the highest ``order_by`` go to the larger model first. ``times``: of the bootstrap."""
    gains, less = one.gains, -order_by
    drawn = apgr_draws(order_by, gains, times)
    over = drawn - apgr_draws(one.lengths, gains, times)
    low, high = bounds(drawn)
    over_low, over_high = bounds(over)
    apgr = figures.apgr(less, gains)
    return Row(
        set=one.name,
        method=method,
        n=len(one),
        data=data,
        apgr=apgr,
        apgr_low=low,
        apgr_high=high,
        over_length=apgr - figures.apgr(-one.lengths, gains),
        over_length_low=over_low,
        over_length_high=over_high,
        cpt50=calls_for(0.5, less, gains),
        cpt80=calls_for(0.8, less, gains),
        auroc=figures.auroc(order_by, (gains > 0).astype(float)),
        aiq=aiq(one, less),
    )


def calls_for(share_of_gap: float, confidence: Numbers, gains: Numbers) -> float:
    """CPT: the least share of calls to the larger model that recovers this share of the gap; 1 where none less does."""
    enough = np.flatnonzero(figures.recovered_by(confidence, gains) >= share_of_gap - 1e-12)
    return float((enough[0] + 1) / len(gains)) if len(enough) else 1.0


def aiq(one: PairSet, confidence: Numbers) -> float:
    """The area below the non-decreasing convex hull of the curve of cost and quality, over the width of its costs.

    RouterBench (Hu et al. 2024, arXiv 2403.12031). Between the cost of always asking the smaller and of always asking the larger model.
    """
    calls = np.zeros(len(one)), np.ones(len(one))
    cost_weak, cost_strong = calls if one.cost_weak is None or one.cost_strong is None else (one.cost_weak, one.cost_strong)
    curve = figures.deferral(confidence, one.score_weak, one.score_strong, cost_weak, cost_strong - cost_weak)
    costs, quality = _hull(curve.cost, np.maximum.accumulate(curve.quality))
    width = costs[-1] - costs[0]
    return float(np.trapezoid(quality, costs) / width) if width > 0 else float(quality[-1])


def _hull(x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
    """The corners of the upper hull of points, from left to right."""
    kept: list[int] = []
    for place in np.lexsort((-y, x)).tolist():
        while len(kept) > 1 and _turns_left(kept[-2], kept[-1], place, x, y):
            kept.pop()
        if not kept or x[place] > x[kept[-1]]:
            kept.append(place)
    return x[kept], y[kept]


def _turns_left(first: int, middle: int, last: int, x: Numbers, y: Numbers) -> bool:
    return bool((x[middle] - x[first]) * (y[last] - y[first]) >= (y[middle] - y[first]) * (x[last] - x[first]))
