"""Does the risk bound hold? The records are taken for a population: of samples from it the true risk is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litellm_cascade.offline.bench_cascade.sets import BenchSet
from litellm_cascade.offline.calibrating.curves import Method, fit_curves, predicted
from litellm_cascade.offline.calibrating.thresholds import Bound, for_risk, grid_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRow:
    """Of ``resamplings``, how many thresholds keep the bound in the population, and how many answers they accept on average.

    ``none`` counts the resamplings in which nothing could be proven: everything is escalated, which keeps any bound.
    """

    set: str
    alpha: float
    delta: float
    resamplings: int
    held: int
    none: int
    accepted: float
    base_risk: float


def risk_row(population: BenchSet, bound: Bound, *, seed: int, resamplings: int = 100) -> RiskRow:
    """Draw a sample to fit on and one for the proof, both as large as half of the population; then look at all of it."""
    records, random = population.records, np.random.default_rng(seed)
    losses, half, method = records.losses, len(records) // 2, Method(score="mean")
    held = none = 0
    accepted: list[float] = []
    for _ in range(resamplings):
        fitted_on, proof = (random.integers(0, len(records), half) for _ in range(2))
        curves, _counts = fit_curves(records.at(fitted_on), method)
        said = predicted(curves, records, method)
        threshold = for_risk(said[proof], losses[proof], grid_of(said[fitted_on]), bound)
        served = said >= threshold if threshold is not None else np.zeros(len(records), bool)
        held += int(not served.any() or bool(losses[served].mean() <= bound.alpha))
        none += threshold is None
        accepted.append(float(served.mean()))
    return RiskRow(
        set=population.name,
        alpha=bound.alpha,
        delta=bound.delta,
        resamplings=resamplings,
        held=held,
        none=none,
        accepted=float(np.mean(accepted)),
        base_risk=float(losses.mean()),
    )
