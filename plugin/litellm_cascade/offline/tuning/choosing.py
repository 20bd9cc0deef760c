"""The Pareto front of settings, and the one that is taken for a wish: on one half of the traffic, and checked on the other.

A setting holds a floor when the lower end of its 95 % interval on the first half does: of many settings some look better than they are, and
what is promised is what the second half says of the one that was taken. Intervals are by bootstrap over groups of equal requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.calibrating.records import fold_of
from litellm_cascade.offline.counting import plain
from litellm_cascade.offline.traffic.resampling import HIGH, LOW
from litellm_cascade.offline.tuning.knobs import Setting
from litellm_cascade.offline.tuning.trials import Numbers, Trials
from litellm_cascade.offline.wilson import widened


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """At most one: the least quality (the share of right answers), or the most that a request may cost on average."""

    quality_floor: float | None = None
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over requests with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a setting brings on some requests. ``savings``: the share of always asking the largest alias that is not spent."""

    quality: Mean
    cost_usd: Mean
    savings: Mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A setting on the half that it was chosen on, and on the other."""

    setting: Setting
    fitted: Figures
    held_out: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """``chosen`` is None without a wish. ``large`` and ``small``: every request asked of that alias."""

    front: Sequence[Point]
    now: Point
    chosen: Point | None
    large: Figures
    small: Figures
    fitted_n: int
    held_out_n: int


def tune(trials: Trials, wish: Wish, *, draws: int, seed: int) -> Tuned:
    """The front of the first half and, for a wish, the setting that it takes. Raises ConfigurationError where none fulfils it."""
    halves = fold_of(trials.groups, 2, seed)
    if len(np.unique(halves)) < 2:  # noqa: PLR2004 - one to choose by and one to check on
        raise ConfigurationError(["the traffic asks nearly the same in every request: no part of it is left to check the setting on"])
    fitting, checking = (_Half(trials.at(halves == half), draws=draws, seed=seed + half) for half in (0, 1))

    def point(row: int) -> Point:
        return Point(setting=trials.settings[row], fitted=fitting.of(row), held_out=checking.of(row))

    chosen = _chosen(fitting, wish)
    return Tuned(
        front=[point(row) for row in fitting.front()],
        now=point(0),  # the setting that stands in the policy comes first
        chosen=point(chosen) if chosen is not None else None,
        large=checking.figures(checking.trials.large_cost, checking.trials.large_quality),
        small=checking.figures(checking.trials.small_cost, checking.trials.small_quality),
        fitted_n=len(fitting.trials),
        held_out_n=len(checking.trials),
    )


class _Half:
    """Some of the requests, with how often each draw of the bootstrap counts each."""

    def __init__(self, trials: Trials, *, draws: int, seed: int) -> None:
        self.trials = trials
        _, which = np.unique(trials.groups, return_inverse=True)
        weights = np.random.default_rng(seed).poisson(1.0, (draws, which.max(initial=-1) + 1))
        self._weights = weights[:, which].astype(np.float64)  # [draw, request]
        self.cost, self.quality = trials.cost.mean(axis=1), trials.quality.mean(axis=1)

    def front(self) -> list[int]:
        """The settings that none is both cheaper and better than, from cheap to dear."""
        rows: list[int] = []
        for row in sorted(range(len(self.cost)), key=lambda row: (self.cost[row], -self.quality[row], row)):
            if not rows or self.quality[row] > self.quality[rows[-1]] + 1e-12:
                rows.append(row)
        return rows

    def of(self, row: int) -> Figures:
        return self.figures(self.trials.cost[row], self.trials.quality[row])

    def figures(self, cost: Numbers, quality: Numbers) -> Figures:
        ones, large = np.ones(len(cost)), self.trials.large_cost
        spent = large if large.any() else ones
        found = self._mean(quality, ones)
        if self.trials.by_outcomes:
            low, high = widened(found.value, found.low, found.high, len(quality))
            found = replace(found, low=float(low), high=float(high))
        return Figures(quality=found, cost_usd=self._mean(cost, ones), savings=self._mean(large - cost, spent))

    def sure_quality(self) -> Numbers:
        """The lower end of each setting's quality. Of recorded answers at least as low as Wilson's: all right does not say that all are."""
        low = self.ends(self.trials.quality, LOW)
        return np.asarray(widened(self.quality, low, low, len(self.trials))[0]) if self.trials.by_outcomes else low

    def ends(self, values: Numbers, end: float) -> Numbers:
        """One end of the interval of each row's mean."""
        totals = self._weights.sum(axis=1)
        drawn = np.einsum("dn,sn->ds", self._weights[totals > 0], values, optimize=False) / totals[totals > 0, None]
        return np.asarray(np.quantile(drawn, end, axis=0))

    def _mean(self, values: Numbers, over: Numbers) -> Mean:
        below = self._weights @ over
        able = below > 0
        low, high = np.quantile((self._weights[able] @ values) / below[able], (LOW, HIGH))
        return Mean(value=float(values.sum() / over.sum()), low=float(low), high=float(high))


def _chosen(half: _Half, wish: Wish) -> int | None:
    if wish.quality_floor is not None:
        return _cheapest_with(half, wish.quality_floor)
    return None if wish.budget_usd is None else _best_within(half, wish.budget_usd)


def _cheapest_with(half: _Half, floor: float) -> int:
    sure = half.sure_quality()
    able = np.flatnonzero(sure >= floor)
    if not len(able):
        least = f"the most is {half.quality.max():.4f}, and {sure.max():.4f} at the lower end"
        remedy = f"ask for less, or give more traffic ({len(half.trials)} requests were fitted on)"
        raise ConfigurationError([f"no setting holds a quality of {floor:g} beyond its interval; {least}: {remedy}"])
    return int(min(able, key=lambda row: (half.cost[row], -half.quality[row])))


def _best_within(half: _Half, budget_usd: float) -> int:
    dear = half.ends(half.trials.cost, HIGH)
    able = np.flatnonzero(dear <= budget_usd)
    if not len(able):
        least = f"the least is {plain(half.cost.min(), 6)}, and {plain(dear.min(), 6)} at the upper end"
        raise ConfigurationError([f"no setting stays within {plain(budget_usd)} USD a request beyond its interval; {least}"])
    return int(min(able, key=lambda row: (-half.quality[row], half.cost[row])))
