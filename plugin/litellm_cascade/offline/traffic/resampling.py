"""Bootstrap intervals over a stream: each draw counts a request as often as a Poisson variable of mean 1 says.

That is the bootstrap in the limit of many requests, and needs no request twice (Chamandy et al. 2012, Estimating uncertainty for massive
data streams). Memory is a sum for each draw, column and group.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

BATCH = 256
"""Requests drawn at once: their weights are 256 x draws numbers."""
LOW, HIGH = 0.025, 0.975


class Resampled:
    """Sums of columns over the requests of each group, and the same for each draw. Seeded: equal streams give equal intervals."""

    def __init__(self, columns: int, *, draws: int, seed: int) -> None:
        self._columns, self._draws = columns, draws
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self._waiting: list[tuple[Sequence[Hashable], Sequence[float], str | None]] = []
        self._sums: dict[Hashable, tuple[Numbers, Numbers]] = {}

    def add(self, groups: Sequence[Hashable], values: Sequence[float], *, unit: str | None = None) -> None:
        """A request: the groups that it belongs to, and its columns. Those of one ``unit`` are drawn together, wherever they stand."""
        self._waiting.append((groups, values, unit))
        if len(self._waiting) >= BATCH:
            self._draw()

    @property
    def groups(self) -> list[Hashable]:
        """Every group, in the order of its first request."""
        self._draw()
        return list(self._sums)

    def state(self) -> dict[str, Any]:
        """All of it as JSON, to go on later as if nothing had been between. Groups are texts then."""
        self._draw()
        sums = {str(group): [total.tolist(), drawn.tolist()] for group, (total, drawn) in self._sums.items()}
        return {"random": self._random.bit_generator.state, "sums": sums}

    def restore(self, state: Mapping[str, Any]) -> None:
        """What ``state`` gave."""
        self._random.bit_generator.state = state["random"]
        self._sums = {group: (np.array(total), np.array(drawn)) for group, (total, drawn) in state["sums"].items()}

    def total(self, group: Hashable, column: int) -> float:
        """The sum of a column."""
        self._draw()
        return float(self._sums[group][0][column])

    def ratio(self, group: Hashable, column: int, over: int) -> tuple[float, float, float] | None:
        """One column's sum over another's, with the 95 % interval; None where the other is 0."""
        self._draw()
        sums, drawn = self._sums[group]
        if not sums[over]:
            return None
        able = drawn[:, over] != 0
        ratios = drawn[able, column] / drawn[able, over] if able.any() else np.zeros(1)
        low, high = np.quantile(ratios, (LOW, HIGH))
        return float(sums[column] / sums[over]), float(low), float(high)

    def _draw(self) -> None:
        if not self._waiting:
            return
        values = np.array([values for _, values, _ in self._waiting], dtype=np.float64)
        weights = self._weights()
        members: dict[Hashable, list[int]] = {}
        for row, (groups, _, _) in enumerate(self._waiting):
            for group in groups:
                members.setdefault(group, []).append(row)
        for group, rows in members.items():
            sums, drawn = self._sums.setdefault(group, (np.zeros(self._columns), np.zeros((self._draws, self._columns))))
            sums += values[rows].sum(axis=0)
            # einsum, since BLAS wakes a thread for each core for a product of this size: fifteen times the time
            drawn += np.einsum("rd,rc->dc", weights[rows], values[rows])
        self._waiting = []

    def _weights(self) -> Numbers:
        """How often each draw counts each of those that wait: [request, draw]."""
        units = [unit for _, _, unit in self._waiting]
        if None in units:
            return self._random.poisson(1.0, size=(len(units), self._draws)).astype(np.float64)
        drawn = {unit: self._weights_of(str(unit)) for unit in set(units)}
        return np.array([drawn[unit] for unit in units], dtype=np.float64)

    def _weights_of(self, unit: str) -> Numbers:
        """The same for a unit in whichever batch it comes again."""
        hashed = int.from_bytes(sha256(f"{self._seed}:{unit}".encode("utf-8", "surrogatepass")).digest()[:8], "big")
        return np.random.default_rng(hashed).poisson(1.0, self._draws).astype(np.float64)
