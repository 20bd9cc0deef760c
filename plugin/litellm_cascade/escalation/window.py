"""What was counted over the last while, by this process and by others."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum

BUCKETS = 20
"""A window moves on by a twentieth of its span. It holds all of the span and up to a twentieth more, so a limit is never exceeded in it."""


class SharedSum:
    """A sum over a sliding window of ``over_s`` seconds, in numbered buckets of time that are the same in every process.

    What this process adds counts at once. ``unsent`` hands it to whoever shares it; ``heard`` takes in a bucket's total over all
    processes. Times are seconds since the epoch.
    """

    def __init__(self, over_s: float) -> None:
        self._bucket_s = over_s / BUCKETS
        self._own: dict[int, float] = {}
        self._sent: dict[int, float] = {}
        self._others: dict[int, float] = {}

    def add(self, now: float, amount: float) -> None:
        """Count ``amount`` (below 0: a correction)."""
        bucket = self._bucket(now)
        self._own[bucket] = self._own.get(bucket, 0.0) + amount

    def total(self, now: float) -> float:
        """The sum over the window that ends ``now``."""
        self._forget_before(self.buckets(now)[0])
        return max(0.0, fsum((*self._own.values(), *self._others.values())))

    def buckets(self, now: float) -> range:
        """The buckets of the window, oldest first."""
        newest = self._bucket(now)
        return range(newest - BUCKETS, newest + 1)

    def unsent(self) -> Iterator[tuple[int, float]]:
        """What has not been shared yet, by bucket."""
        for bucket, amount in self._own.items():
            left = amount - self._sent.get(bucket, 0.0)
            if left:
                yield bucket, left

    def heard(self, bucket: int, sent: float, total: float) -> float:
        """``sent`` has been shared, and a bucket has this ``total`` over all processes: what of it is news from others."""
        self._sent[bucket] = self._sent.get(bucket, 0.0) + sent
        before = self._others.get(bucket, 0.0)
        others = total - self._sent[bucket]
        if others < 0:  # whoever keeps the totals has lost them: what was heard before remains true
            return 0.0
        self._others[bucket] = others
        return others - before

    def _bucket(self, now: float) -> int:
        return int(now // self._bucket_s)

    def _forget_before(self, oldest: int) -> None:
        for counted in (self._own, self._sent, self._others):
            for bucket in [bucket for bucket in counted if bucket < oldest]:
                del counted[bucket]
