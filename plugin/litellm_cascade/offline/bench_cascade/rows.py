"""The benchmark's rows: every method of every set, with bootstrap intervals over groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.offline.bench_cascade.methods import FITTED, NO_WORSE, confidences, folds_of
from litellm_cascade.offline.bench_cascade.sets import BenchSet
from litellm_cascade.offline.bench_common.resampling import Draws, bounds, drawn
from litellm_cascade.offline.calibrating import figures
from litellm_cascade.offline.calibrating.fitting import costs_of
from litellm_cascade.offline.calibrating.records import Numbers, Records

Rows = NDArray[np.int_]
Figure = Callable[[Numbers, Rows], float]
ERRORS = ("ece_before", "ece_after", "ece_noise", "ece_noise_high", "debiased_error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method on one set. Intervals hold 95 %. None: not known for this set, or not said by this method.

    Costs are shares of always asking the large model: dollars, or calls with a free small model where no dollars are known.
    ``over_mean`` and ``apgr_over_mean``: AUROC and APGR less those of the raw mean log-probability, of the same folds and on the
    same draws. ``ece_noise`` and ``ece_noise_high``: the mean, and the 95th percentile, of the calibration error that exactly right
    probabilities would show here.
    """

    set: str
    method: str
    n: int
    data: str
    apgr: float | None
    apgr_low: float | None
    apgr_high: float | None
    apgr_over_mean: float | None
    apgr_over_mean_low: float | None
    apgr_over_mean_high: float | None
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
    ece_noise: float | None
    ece_noise_high: float | None
    debiased_error: float | None


def rows_of(scored: BenchSet, fitted_on: BenchSet | None, *, seed: int, draws: int) -> Iterator[Row]:
    """A row for each method."""
    folds, resampled = folds_of(scored, fitted_on, seed), drawn(scored.records.groups, seed, draws)
    for method, confidence in confidences(scored, fitted_on, folds).items():
        yield _row(scored, method, confidence, folds, resampled)


def _row(scored: BenchSet, method: str, confidence: Numbers, folds: figures.Folds, resampled: Draws) -> Row:
    records, mean = scored.records, scored.records.scores["mean"]
    fitted, both = method in FITTED, (confidence, mean)
    apart = folds if fitted else np.zeros(len(records), int)
    correct, large = records.correct, records.correct_large
    compared = _compared("auroc", "over_mean", lambda said, rows: figures.auroc(said[rows], correct[rows], apart[rows]), both, resampled)
    if large is None:
        compared |= dict.fromkeys(field.name for field in fields(Row) if field.name.startswith("apgr"))
    else:
        gains = large - correct
        compared |= _compared(
            "apgr", "apgr_over_mean", lambda said, rows: figures.apgr(said[rows], gains[rows], apart[rows]), both, resampled
        )
    label = 1 - records.losses if method == NO_WORSE else correct
    errors = _errors(confidence, mean, label) if fitted else dict.fromkeys(ERRORS)
    return Row(set=scored.name, method=method, n=len(records), data=scored.data, **compared, **_costs(records, confidence, apart), **errors)


def _compared(name: str, over: str, figure: Figure, said: tuple[Numbers, Numbers], resampled: Draws) -> dict[str, Any]:
    """A figure of a method, and how far it is above that of the mean; each with its interval."""
    confidence, mean = said
    everything = np.arange(len(confidence))
    value, values = figure(confidence, everything), [figure(confidence, rows) for rows in resampled]
    beyond = [one - figure(mean, rows) for one, rows in zip(values, resampled, strict=True)]
    (low, high), (over_low, over_high) = bounds(values), bounds(beyond)
    found = {name: value, f"{name}_low": low, f"{name}_high": high}
    return found | {over: value - figure(mean, everything), f"{over}_low": over_low, f"{over}_high": over_high}


def _errors(confidence: Numbers, mean: Numbers, label: Numbers) -> dict[str, Any]:
    noise = figures.ece_of_noise(confidence)
    before, after = figures.ece(np.exp(np.minimum(mean, 0.0)), label), figures.ece(confidence, label)
    found = (before, after, float(noise.mean()), float(np.quantile(noise, 0.95)), figures.debiased_error(confidence, label))
    return dict(zip(ERRORS, found, strict=True))


def _costs(records: Records, confidence: Numbers, folds: figures.Folds) -> dict[str, Any]:
    names = ("cost_share_80", "cost_share_95", "accuracy_at_half_cost")
    if records.correct_large is None:
        return dict.fromkeys(names)
    curve = figures.deferral(confidence, records.correct, records.correct_large, *costs_of(records), folds)
    return dict(zip(names, (curve.cost_share(0.8), curve.cost_share(0.95), curve.quality_at(0.5)), strict=True))
