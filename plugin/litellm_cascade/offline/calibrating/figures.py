"""How good are probabilities, and what do they save? Figures over arrays; higher confidence means less need for the larger model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Folds = NDArray[np.int_]

BINS = 10
"""Of equally many answers each: with equally wide ones most answers would lie in one bin."""


def auroc(confidence: Numbers, correct: Numbers, folds: Folds | None = None) -> float:
    """The probability that a right answer has a higher confidence than a wrong one of its fold; ties count half. 0.5 without such a pair.

    ``folds``: which answers the same fit spoke of; None: one of all. What is fitted to the other folds says less of a fold that happens to
    be better, so an order across folds is worse than that of any one fit (Parker, Guenter & Bedo 2007; Forman & Scholz 2010).
    """
    won, pairs = np.sum([_won(confidence[fold], correct[fold]) for fold in _each(folds, len(correct))], axis=0)
    return float(won / pairs) if pairs else 0.5


def _won(confidence: Numbers, correct: Numbers) -> tuple[float, float]:
    """Of pairs of a right and a wrong answer those in which the right one has the higher confidence, and all."""
    right = float(correct.sum())
    return float(_mean_ranks(confidence)[correct > 0].sum() - right * (right + 1) / 2), right * (len(correct) - right)


def brier(probability: Numbers, correct: Numbers) -> float:
    """The mean squared difference between probability and outcome; 0 is perfect, 0.25 is what always saying one half gets."""
    return float(np.mean((probability - correct) ** 2))


def ece(probability: Numbers, correct: Numbers, bins: int = BINS) -> float:
    """Expected calibration error (Naeini et al. 2015) over bins of equally many answers: the mean gap of said and seen."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(len(part) * abs(probability[part].mean() - correct[part].mean()) for part in parts) / len(order))


def ece_of_noise(probability: Numbers, draws: int = 200, seed: int = 0) -> Numbers:
    """The ``ece`` that exactly right probabilities would show of so many answers, in as many draws of their outcomes.

    Consistency resampling (Broecker & Smith 2007). It is not 0: an estimate over bins takes chance for error, the more so the fewer answers
    there are (Roelofs et al. 2022). Outcomes are drawn independently, so where prompts repeat it is a little low.
    """
    random = np.random.default_rng(seed)
    return np.array([ece(probability, (random.random(len(probability)) < probability).astype(float)) for _ in range(draws)])


def debiased_error(probability: Numbers, correct: Numbers, bins: int = BINS) -> float:
    """The root of the mean squared gap of said and seen over the bins of ``ece``, without what chance adds to it; at least 0.

    Kumar, Liang & Ma 2019, "Verified Uncertainty Calibration", section 5: the variance of a bin's mean outcome comes off its squared gap.
    """
    parts = [part for part in np.array_split(np.argsort(probability, kind="stable"), bins) if len(part) > 1]
    return float(
        np.sqrt(max(0.0, sum(len(part) * _squared_gap(probability[part], correct[part]) for part in parts) / sum(map(len, parts))))
    )


def _squared_gap(probability: Numbers, correct: Numbers) -> float:
    seen = float(correct.mean())
    return float((probability.mean() - seen) ** 2 - seen * (1 - seen) / (len(correct) - 1))


def apgr(confidence: Numbers, gains: Numbers, folds: Folds | None = None) -> float:
    """Average performance gap recovered (RouteLLM, Ong et al. 2024): the share of the larger model's gain that is had when the answers
    with the lowest confidence go to it, averaged over how many do; as many of each fold. Answers of equal confidence go in no particular
    order. Not a number where the larger model gains nothing.
    """
    had = sum(float(_summed(confidence[fold], gains[fold])[1:].mean()) for fold in _each(folds, len(gains)))
    return had / float(gains.sum()) if gains.sum() else float("nan")


def recovered_by(confidence: Numbers, gains: Numbers) -> Numbers:
    """The share of the whole gain that is recovered when the 1, 2, ... answers of the lowest confidence are escalated.

    Not a number where the larger model gains nothing.
    """
    return np.asarray(_summed(confidence, gains)[1:] / gains.sum()) if gains.sum() else np.full(len(gains), np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferral:
    """The deferral curve: what happens when the k least confident of n answers go on, for k = 0..n. Arrays of n + 1.

    ``cost`` is per request: all pay the small model, k of them the large one as well.
    """

    quality: Numbers
    cost: Numbers
    always_large_cost: float

    def cost_share(self, share_of_gap: float) -> float:
        """The least cost, as a share of always asking the large model, with this share of the quality gap; infinite where none has."""
        wanted = self.quality[0] + share_of_gap * (self.quality[-1] - self.quality[0])
        enough = self.cost[self.quality >= wanted - 1e-12]
        return float(enough.min() / self.always_large_cost) if len(enough) else float("inf")

    def quality_at(self, cost_share: float) -> float:
        """The best quality for at most this share of always asking the large model; that of the small model where nothing is as cheap."""
        affordable = self.quality[self.cost <= cost_share * self.always_large_cost]
        return float(affordable.max()) if len(affordable) else float(self.quality[0])


def deferral(
    confidence: Numbers,
    correct: Numbers,
    correct_large: Numbers,
    cost_small: Numbers,
    cost_large: Numbers,
    folds: Folds | None = None,
) -> Deferral:
    """The curve of an order of escalation, or of as many orders as there are folds, of each of which the same share goes on."""
    n = len(confidence)
    gained, paid = (_by_share(confidence, values, folds) for values in (correct_large - correct, cost_large))
    return Deferral(quality=correct.mean() + gained / n, cost=cost_small.mean() + paid / n, always_large_cost=float(cost_large.mean()))


def _levelled(confidence: Numbers, values: Numbers) -> Numbers:
    """Each value replaced by the mean among equals in confidence, so that their order in the file says nothing."""
    _, which = np.unique(confidence, return_inverse=True)
    return np.asarray((np.bincount(which, weights=values) / np.bincount(which))[which])


def _summed(confidence: Numbers, values: Numbers) -> Numbers:
    """The sum over the 0, 1, ... answers of the lowest confidence."""
    return np.concatenate([[0.0], np.cumsum(_levelled(confidence, values)[np.argsort(confidence, kind="stable")])])


def _by_share(confidence: Numbers, values: Numbers, folds: Folds | None) -> Numbers:
    """The sum over shares 0, 1/n, ... 1 of the answers, those of the lowest confidence within their fold."""
    shares, each = np.linspace(0, 1, len(values) + 1), [*_each(folds, len(values))]
    sums = ((np.linspace(0, 1, len(values[fold]) + 1), _summed(confidence[fold], values[fold])) for fold in each)
    return np.asarray(np.sum([np.interp(shares, *curve) for curve in sums], axis=0))


def _each(folds: Folds | None, n: int) -> Iterator[NDArray[np.int_]]:
    """The rows of each fold; without folds, all."""
    if folds is None:
        yield np.arange(n)
        return
    yield from (np.flatnonzero(folds == fold) for fold in np.unique(folds))


def within_folds(values: Numbers, folds: Folds) -> Numbers:
    """Each value's rank among those of its own fold, as a share of the fold, 0..1: equals have one, all equal have 0.5.

    For figures that know no folds: where few are equal, an order by these is that of each fold, side by side.
    """
    said = np.empty(len(values))
    for fold in _each(folds, len(values)):
        said[fold] = (_mean_ranks(values[fold]) - 0.5) / len(fold)
    return said


def _mean_ranks(values: Numbers) -> Numbers:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[which])
