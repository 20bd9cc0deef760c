"""A CUDA graph is for one batch size and one length, so few of each are recorded, and batches are padded up to the next."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LENGTHS: Final = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Tokens. Multiples of 16, as tensor cores and the fused attention want them."""
PROMPTS: Final = (1, 2, 4, 8, 16, 32, 64)
MOST_TOKENS: Final = 8_192
"""Of a recorded batch. A larger one computes for longer than it takes to launch, and what is launched as it is needs less padding."""
_STEP: Final = 16


@dataclass(frozen=True, slots=True)
class Bucket:
    """A batch as it is computed, padding included."""

    prompts: int
    length: int  # tokens


def bucket_of(prompts: int, longest: int) -> Bucket | None:
    """The smallest recorded one that holds so many prompts; None when none does."""
    row, column = bisect_left(PROMPTS, prompts), bisect_left(LENGTHS, longest)
    if row == len(PROMPTS) or column == len(LENGTHS):
        return None
    found = Bucket(PROMPTS[row], LENGTHS[column])
    return found if found.prompts * found.length <= MOST_TOKENS else None


def unrecorded(prompts: int, longest: int, most: int) -> Bucket:
    """What is computed when no recorded one holds it: no row too many, and a length that suits the device, up to ``most`` tokens."""
    return Bucket(prompts, max(longest, min(most, -(-longest // _STEP) * _STEP)))


def recorded(longest: int) -> Sequence[Bucket]:
    """All that are recorded for prompts of up to ``longest`` tokens, the largest first: the memory of the first then serves all others."""
    fitting = (Bucket(prompts, length) for prompts in PROMPTS for length in LENGTHS if length <= longest)
    return sorted(
        (bucket for bucket in fitting if bucket.prompts * bucket.length <= MOST_TOKENS),
        key=lambda bucket: (bucket.prompts * bucket.length, bucket.length),
        reverse=True,
    )
