"""Bootstrap intervals. Groups of near-duplicates are drawn, not rows: near-duplicates are no new evidence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Draws = list[NDArray[np.int_]]
INTERVAL = (0.025, 0.975)
AT_ONCE = 1 << 22
"""Numbers that a block of draws may hold: 32 MB."""


def drawn(groups: NDArray[np.str_], seed: int, draws: int) -> Draws:
    """The rows of each draw."""
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(groups[order][1:] != groups[order][:-1]) + 1)
    random = np.random.default_rng(seed)
    return [np.concatenate([members[pick] for pick in random.integers(0, len(members), len(members))]) for _ in range(draws)]


def multiplicities(groups: NDArray[np.str_], seed: int, draws: int) -> NDArray[np.int16]:
    """How often each row is in each draw, [draw, row]: the same as ``drawn``, for figures that can be weighted."""
    _, which = np.unique(groups, return_inverse=True)
    count = int(which.max()) + 1
    random = np.random.default_rng(seed)
    picked = (np.bincount(random.integers(0, count, count), minlength=count) for _ in range(draws))
    return np.stack([times[which] for times in picked]).astype(np.int16)


def apgr_draws(order_by: Numbers, gains: Numbers, times: NDArray[np.int16]) -> Numbers:
    """The APGR of each draw: rows with the highest ``order_by`` go to the larger model first; equals in no particular order.

    A figure of ``calibrating.figures.apgr`` for rows that count several times: among equals the share that is recovered grows evenly.
    """
    order = np.argsort(-order_by, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(order_by[order]) != 0, True))
    gained = gains[order]
    step = max(1, AT_ONCE // len(order))
    return np.concatenate([_apgr_block(times[start : start + step][:, order], gained, ends) for start in range(0, len(times), step)])


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
