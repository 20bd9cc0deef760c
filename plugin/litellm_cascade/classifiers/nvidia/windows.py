"""Several windows of one long prompt, read as one: it is as hard as its hardest part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from litellm_cascade.classifiers.eight_heads import Reading, score_of
from litellm_cascade.vocabulary import DIMENSIONS


def together(readings: Sequence[Reading]) -> Reading:
    """Of each dimension the largest; the task type of the last window, which holds both ends, where instructions stand."""
    dimensions = {name: max(reading.dimensions[name] for reading in readings) for name in DIMENSIONS}
    return replace(readings[-1], dimensions=dimensions, score=score_of(dimensions))
