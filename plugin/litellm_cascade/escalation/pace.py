"""Which of the answers that ask for an escalation get one, when not all can: the least confident."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

REMEMBERED = 100
"""Scores to compare with: enough that a share of them is known to a few percent, few enough to follow a mix that changes."""
WITHOUT_SCORE = 0.5
"""Where an answer that cannot be compared stands among the others: unknown is not low, and not high either."""


class Pace:
    """Ranks a score among the last ones that asked at the same gate."""

    def __init__(self) -> None:
        self._newest: deque[float] = deque()
        self._sorted: list[float] = []

    def rank(self, score: float | None) -> float:
        """The share of the remembered scores that are lower, 0 to below 1; remembers this one too."""
        if score is None:
            return WITHOUT_SCORE
        self._newest.append(score)
        insort(self._sorted, score)
        if len(self._newest) > REMEMBERED:
            del self._sorted[bisect_left(self._sorted, self._newest.popleft())]
        return bisect_left(self._sorted, score) / len(self._sorted)
