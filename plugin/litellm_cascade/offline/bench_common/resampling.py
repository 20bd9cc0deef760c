"""Bootstrap intervals. Groups of near-duplicates are drawn, not rows: near-duplicates are no new evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Draws = list[NDArray[np.int_]]
INTERVAL = (0.025, 0.975)
AT_ONCE = 1 << 22
"""Numbers that a block of draws may hold: 32 MB."""


def picked(count: int, seed: int | np.random.Generator, draws: int) -> Iterator[NDArray[np.int_]]:
    """The places of each draw: out of ``count``, as many, and any of them again."""
    random = np.random.default_rng(seed)
    return (random.integers(0, count, count) for _ in range(draws))


def drawn(groups: NDArray[Any], seed: int | np.random.Generator, draws: int) -> Draws:
    """The rows of each draw."""
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(groups[order][1:] != groups[order][:-1]) + 1)
    return [np.concatenate([members[place] for place in places]) for places in picked(len(members), seed, draws)]


def multiplicities(groups: NDArray[Any], seed: int, draws: int) -> NDArray[np.int16]:
    """How often each row is in each draw, [draw, row]: the same as ``drawn``, for figures that can be weighted."""
    _, which = np.unique(groups, return_inverse=True)
    count = int(which.max()) + 1
    times = (np.bincount(places, minlength=count) for places in picked(count, seed, draws))
    return np.stack([of_group[which] for of_group in times]).astype(np.int16)


def apgr_draws(order_by: Numbers, gains: Numbers, times: NDArray[np.int16]) -> Numbers:
    """The APGR of each draw: rows with the highest ``order_by`` go to the larger model first; equals in no particular order.

    A figure of ``calibrating.figures.apgr`` for rows that count several times: among equals the share that is recovered grows evenly.
    """
    order = np.argsort(-order_by, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(order_by[order]) != 0, True))
    gained = gains[order]
    step = max(1, AT_ONCE // len(order))
    return np.concatenate([_apgr_block(times[start : start + step][:, order], gained, ends) for start in range(0, len(times), step)])


def auroc_told(scores: Numbers, correct: NDArray[np.bool_], groups: NDArray[Any], *, draws: int, seed: int) -> str:
    """The AUROC of "the answer is right" with its interval, for a table."""
    times = multiplicities(groups, seed, draws)
    low, high = bounds(_auroc(scores, correct, weights) for weights in times)
    return f"{_auroc(scores, correct, np.ones(len(groups))):.3f} [{low:.3f}, {high:.3f}]"


def _auroc(scores: Numbers, correct: NDArray[np.bool_], weights: NDArray[Any]) -> float:
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - slow to import

    return float(roc_auc_score(correct, scores, sample_weight=weights))


def _apgr_block(times: NDArray[Any], gained: Numbers, ends: NDArray[np.int_]) -> Numbers:
    asked = np.cumsum(times, axis=1, dtype=np.float64)[:, ends]
    recovered = np.cumsum(times * gained, axis=1)[:, ends]
    before = np.hstack([np.zeros((len(times), 1)), recovered[:, :-1]])
    sizes = np.diff(asked, axis=1, prepend=0.0)
    area = (sizes * (before + recovered) / 2).sum(axis=1) + recovered[:, -1] / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(area / (asked[:, -1] * recovered[:, -1]))


def bounds(values: Iterable[float] | Numbers) -> tuple[float, float]:
    """The 95 % interval of drawn values; those that are not a number are left out."""
    low, high = np.nanquantile(np.asarray([*values], float), INTERVAL)
    return float(low), float(high)
