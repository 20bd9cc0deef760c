"""The benchmark's rows: every method of every set, with bootstrap intervals over groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.offline.bench_cascade.methods import CALIBRATED, LEARNED, PARTS, confidences
from litellm_cascade.offline.bench_cascade.sets import BenchSet
from litellm_cascade.offline.calibrating import figures
from litellm_cascade.offline.calibrating.fitting import costs_of
from litellm_cascade.offline.calibrating.records import Numbers, Records

Draws = list[NDArray[np.int_]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method on one set. Intervals hold 95 %. None: not known for this set, or not said by this method.

    Costs are shares of always asking the large model: dollars, or calls with a free small model where no dollars are known.
    ``over_mean``: AUROC less that of the raw mean log-probability, on the same draws.
    """

    set: str
    method: str
    n: int
    data: str
    apgr: float | None
    apgr_low: float | None
    apgr_high: float | None
    auroc: float
    auroc_low: float
    auroc_high: float
    over_mean: float
    over_mean_low: float
    over_mean_high: float
    cost_share_80: float | None
    cost_share_95: float | None
    accuracy_at_half_cost: float | None
    ece_before: float | None
    ece_after: float | None


def rows_of(scored: BenchSet, fitted_on: BenchSet | None, *, seed: int, draws: int) -> Iterator[Row]:
    """A row for each method."""
    said = confidences(scored, fitted_on, seed)
    drawn = _draws(scored.records.groups, seed, draws)
    mean = scored.records.scores["mean"]
    for method, confidence in said.items():
        yield _row(scored, method, confidence, mean, drawn)


def _row(scored: BenchSet, method: str, confidence: Numbers, mean: Numbers, drawn: Draws) -> Row:
    records = scored.records
    correct = records.correct
    apgr = apgr_low = apgr_high = None
    if records.correct_large is not None:
        gains = records.correct_large - correct
        apgr = figures.apgr(confidence, gains)
        apgr_low, apgr_high = _interval(lambda rows: figures.apgr(confidence[rows], gains[rows]), drawn)
    auroc, auroc_mean = figures.auroc(confidence, correct), figures.auroc(mean, correct)
    areas = [figures.auroc(confidence[rows], correct[rows]) for rows in drawn]
    auroc_low, auroc_high = _quantiles(areas)
    over_low, over_high = _quantiles([area - figures.auroc(mean[rows], correct[rows]) for area, rows in zip(areas, drawn, strict=True)])
    cost_80, cost_95, at_half = _costs(records, confidence)
    probabilities = method in {CALIBRATED, LEARNED, PARTS}
    return Row(
        set=scored.name,
        method=method,
        n=len(records),
        data=scored.data,
        apgr=apgr,
        apgr_low=apgr_low,
        apgr_high=apgr_high,
        auroc=auroc,
        auroc_low=auroc_low,
        auroc_high=auroc_high,
        over_mean=auroc - auroc_mean,
        over_mean_low=over_low,
        over_mean_high=over_high,
        cost_share_80=cost_80,
        cost_share_95=cost_95,
        accuracy_at_half_cost=at_half,
        ece_before=figures.ece(np.exp(np.minimum(mean, 0.0)), correct) if probabilities else None,
        ece_after=figures.ece(confidence, correct) if probabilities else None,
    )


def _costs(records: Records, confidence: Numbers) -> tuple[float | None, float | None, float | None]:
    if records.correct_large is None:
        return None, None, None
    curve = figures.deferral(confidence, records.correct, records.correct_large, *costs_of(records))
    return curve.cost_share(0.8), curve.cost_share(0.95), curve.quality_at(0.5)


def _draws(groups: NDArray[np.str_], seed: int, draws: int) -> Draws:
    """Groups are drawn, not answers: near-duplicates are no new evidence."""
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(groups[order][1:] != groups[order][:-1]) + 1)
    random = np.random.default_rng(seed)
    return [np.concatenate([members[pick] for pick in random.integers(0, len(members), len(members))]) for _ in range(draws)]


def _interval(figure: Callable[[NDArray[np.int_]], float], drawn: Draws) -> tuple[float, float]:
    return _quantiles([figure(rows) for rows in drawn])


def _quantiles(values: list[float]) -> tuple[float, float]:
    low, high = np.nanquantile(values, (0.025, 0.975))
    return float(low), float(high)
