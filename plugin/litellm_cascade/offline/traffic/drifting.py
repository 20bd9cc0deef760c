"""Has traffic moved? The population stability index of two profiles, part by part.

PSI = sum over bins of (p - q) ln(p / q), p and q the shares then and now (Siddiqi 2006, Credit Risk Scorecards: below 0.1 no change to
speak of, above 0.2 a change to act on). Half a request is added to each bin, so that an empty one is not infinitely far. Numbers are cut
where each bin has about a tenth of the reference. Between two samples of the same traffic PSI is about chi-squared with B - 1 degrees of
freedom times 1/n + 1/m (Yurdakul 2018), which says how much chance alone gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.offline.traffic.profile import UNIT_EDGES, Profile, edges_of
from litellm_cascade.offline.traffic.resampling import HIGH, LOW

FEWEST = 50
"""Values on either side below which nothing is said."""
MUCH = 0.2
SHOWN = 0.01
"""Of a bin's contribution below which nobody wants to read of it."""
BINS = 10
_ADDED = 0.5
_Z_95 = 1.645


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A task type, or a range of numbers; its share then and now, and what it adds to the index."""

    name: str
    reference: float
    now: float
    adds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Of one part. ``by_chance``: what two samples of the same traffic stay below, 95 times in 100. None: too few values."""

    part: str
    name: str
    n_reference: int
    n: int
    psi: float | None
    low: float | None = None
    high: float | None = None
    by_chance: float | None = None
    bins: tuple[Bin, ...] = ()

    @property
    def moved_most(self) -> list[Bin]:
        """The bins behind it, the largest first."""
        return sorted(self.bins, key=lambda one: -one.adds)


def drifts_of(reference: Profile, now: Profile, *, draws: int, seed: int) -> list[Drift]:
    """Of task types, complexity, and the confidences that both have."""
    found = [
        _drift("task", "task types", reference.tasks, now.tasks, None, draws=draws, seed=seed),
        _drift("complexity", "complexity", reference.complexity, now.complexity, UNIT_EDGES, draws=draws, seed=seed),
    ]
    for name in sorted(reference.confidence.keys() & now.confidence.keys()):
        both = reference.confidence[name], now.confidence[name]
        found.append(_drift("confidence", f"confidence, {name}", *both, edges_of(name), draws=draws, seed=seed))
    return found


def psi(reference: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of counts [..., bin]."""
    p, q = ((counts + _ADDED) / (counts + _ADDED).sum(axis=-1, keepdims=True) for counts in (reference, now))
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))


def chance(bins: int, n: int, m: int) -> float:
    """The 95 % quantile between samples of the same traffic. Chi-squared by Wilson and Hilferty (1931)."""
    freedom = max(bins - 1, 1)
    chi = freedom * (1 - 2 / (9 * freedom) + _Z_95 * sqrt(2 / (9 * freedom))) ** 3
    return float(chi * (1 / n + 1 / m))


def _drift(
    part: str, name: str, then: Mapping[Any, int], now: Mapping[Any, int], edges: Sequence[float] | None, *, draws: int, seed: int
) -> Drift:
    n, m = sum(then.values()), sum(now.values())
    if min(n, m) < FEWEST:
        return Drift(part=part, name=name, n_reference=n, n=m, psi=None)
    cut = list(_ranges(then, now, edges) if edges is not None else _kinds(then, now))
    counts = np.array([both for _, *both in cut], float).T
    random = np.random.default_rng(seed)
    drawn = psi(*(random.multinomial(total, counts[side] / total, size=draws).astype(float) for side, total in ((0, n), (1, m))))
    value = float(psi(counts[0], counts[1]))
    # Drawing again adds chance once more, and chance only ever adds to the index: the draws lie too high by what they exceed it on average.
    low, high = np.maximum(np.quantile(drawn, (LOW, HIGH)) - max(float(drawn.mean()) - value, 0.0), 0.0)
    p, q = ((side + _ADDED) / (side + _ADDED).sum() for side in counts)
    adds = (p - q) * np.log(p / q)
    bins = (
        Bin(name=label, reference=then_ / n, now=now_ / m, adds=float(add)) for (label, then_, now_), add in zip(cut, adds, strict=True)
    )
    return Drift(
        part=part,
        name=name,
        n_reference=n,
        n=m,
        psi=value,
        low=float(low),
        high=float(high),
        by_chance=chance(len(cut), n, m),
        bins=tuple(bins),
    )


def _kinds(then: Mapping[Any, int], now: Mapping[Any, int]) -> Iterator[tuple[str, int, int]]:
    for kind in sorted({*then, *now}, key=str):
        yield str(kind), then.get(kind, 0), now.get(kind, 0)


def _ranges(then: Mapping[Any, int], now: Mapping[Any, int], edges: Sequence[float]) -> Iterator[tuple[str, int, int]]:
    """Neighbouring bins put together until each range has a tenth of the reference."""
    wanted = sum(then.values()) / BINS
    begin, held, seen = None, 0, 0
    left = sum(then.values())
    for place in range(len(edges) + 1):
        held, seen = held + then.get(place, 0), seen + now.get(place, 0)
        left -= then.get(place, 0)
        if place == len(edges) or (held >= wanted and left >= wanted):
            end = edges[place] if place < len(edges) else None
            yield _range(begin, end), held, seen
            begin, held, seen = end, 0, 0


def _range(begin: float | None, end: float | None) -> str:
    if begin is None:
        return "all" if end is None else f"below {end:.3g}"
    return f"{begin:.3g} and more" if end is None else f"{begin:.3g} to {end:.3g}"
