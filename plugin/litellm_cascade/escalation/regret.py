"""Was it right to release that stream? What follows the judged beginning is scored as it passes, in stretches of the same length.

A stretch, and not the whole so far: a threshold was set for a beginning of so many tokens, and a sum over more tokens, or a mean
diluted by them, would not compare with it. One stretch is kept at a time, and nothing is scored twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from litellm_cascade.escalation.confidence import measure
from litellm_cascade.vocabulary import Gate, TokenLogprob


class LateRegret:
    """Show it every token that is released, judged ones first; ``lowest`` is the worst score below the threshold, None without one."""

    def __init__(self, gate: Gate, judged_tokens: int) -> None:
        self._gate = gate
        self._judged = judged_tokens  # that many are not looked at again
        self._stretch: list[TokenLogprob] = []
        self.lowest: float | None = None

    def passed(self, tokens: Sequence[TokenLogprob]) -> None:
        """These tokens go to the client. What is left over at the end is too short to compare."""
        for token in tokens:
            if self._judged:
                self._judged -= 1
                continue
            self._stretch.append(token)
            if len(self._stretch) == self._gate.stream.tokens:
                self._score()

    def _score(self) -> None:
        confidence = measure(self._gate, self._stretch)
        self._stretch.clear()
        if confidence.band == "low" and confidence.score is not None:
            self.lowest = confidence.score if self.lowest is None else min(self.lowest, confidence.score)
