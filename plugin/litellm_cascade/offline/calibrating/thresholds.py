"""Where to accept, for a wish: a quality, a cost, or a bound on the risk that holds with a stated confidence.

The bound is Learn-then-Test (Angelopoulos, Bates, Candes, Jordan & Lei 2021, arXiv 2110.01052). Risk at a threshold is the share of
accepted answers that are wrong, or, where it is known how the larger model did, wrong where that was right. "The risk is above alpha" is
a hypothesis for each threshold of a grid, tested with the exact binomial tail. The grid is walked from strict to lenient from several
starts, each with its part of delta, and a walk ends at the first hypothesis that stands (fixed-sequence testing): so all that were
rejected are false at once with probability 1 - delta. Curves and grid must come from other records than those of the proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log, log1p

import numpy as np

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.calibrating.figures import Deferral, Numbers

GRID = 100
"""Thresholds that are tried: those that accept 1 %, 2 %, ... of the records that the curves were fitted on."""
STARTS = (9, 27, 45, 63, 81)
"""Of the walks, as places in the grid. A single walk from the strictest end would mostly stop there, where few answers are accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The risk stays at or below ``alpha`` with confidence 1 - ``delta``."""

    alpha: float
    delta: float


def for_quality(said: Numbers, curve: Deferral, wanted: float) -> float:
    """The threshold that escalates least among those with at least this quality."""
    good_enough = np.flatnonzero(curve.quality >= wanted - 1e-12)
    if not len(good_enough):
        raise ConfigurationError([f"no threshold reaches a quality of {wanted:g}; the most is {curve.quality.max():.3f}"])
    return threshold_after(said, int(good_enough[0]))


def for_accuracy(said: Numbers, correct: Numbers, wanted: float) -> float:
    """The lowest threshold whose accepted answers are right this often: for records that say nothing of the larger model."""
    order = np.argsort(-said, kind="stable")
    right = np.cumsum(correct[order]) / np.arange(1, len(order) + 1)
    whole = np.append(np.diff(said[order]) != 0, True)  # of equals all are accepted
    good_enough = np.flatnonzero(whole & (right >= wanted))
    if not len(good_enough):
        raise ConfigurationError([f"no threshold accepts answers that are right with {wanted:g}; the most is {right[whole].max():.3f}"])
    return float(said[order][good_enough[-1]])


def for_cost(said: Numbers, curve: Deferral, wanted_usd: float) -> float:
    """The threshold with the best quality among those that cost at most this much a request."""
    affordable = np.flatnonzero(curve.cost <= wanted_usd)
    if not len(affordable):
        raise ConfigurationError([f"no threshold costs at most {wanted_usd:g} a request; the least is {curve.cost.min():.6g}"])
    return threshold_after(said, int(affordable[np.argmax(curve.quality[affordable])]))


def threshold_after(said: Numbers, escalated: int) -> float:
    """A threshold that escalates this many of the least probable answers; of equals all are accepted."""
    ordered = np.sort(said)
    return float(ordered[escalated]) if escalated < len(ordered) else 1.0


def for_risk(said: Numbers, losses: Numbers, grid: Numbers, bound: Bound) -> float | None:
    """The lowest threshold of the grid that is proven to keep the bound; None where there is none. A loss of 1 must not be served."""
    walks = (_walk(said, losses, grid[start:], bound.alpha, bound.delta / len(STARTS)) for start in STARTS)
    return min((threshold for walk in walks for threshold in walk), default=None)


def grid_of(said: Numbers) -> Numbers:
    """Thresholds from strict to lenient. From other records than those of the proof, which may have no say in what is tried."""
    return np.asarray(np.quantile(said, np.linspace(1, 0, GRID + 1)[1:], method="lower"))


def tail(losses: int, accepted: int, alpha: float) -> float:
    """P(at most so many losses among so many accepted answers) if the risk were alpha: the exact binomial p-value."""
    whole = lgamma(accepted + 1)
    terms = (whole - lgamma(k + 1) - lgamma(accepted - k + 1) + k * log(alpha) + (accepted - k) * log1p(-alpha) for k in range(losses + 1))
    return min(sum(exp(term) for term in terms), 1.0)


def _walk(said: Numbers, losses: Numbers, grid: Numbers, alpha: float, delta: float) -> list[float]:
    proven: list[float] = []
    for threshold in grid:
        accepted = said >= threshold
        if tail(int(losses[accepted].sum()), int(accepted.sum()), alpha) > delta:  # nothing accepted: 1, so nothing is proven
            break
        proven.append(float(threshold))
    return proven
