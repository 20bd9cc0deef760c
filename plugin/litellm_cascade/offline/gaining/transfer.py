"""Gain without a single label of the benchmark at hand: fitted to pairs of other models on other benchmarks.

A larger model gains for reasons that pairs share (a question that needs knowledge, or steps), but some pairs say little about that: each
is weighed by how far above the noise its own model orders its own prompts, out of sample. A longer prompt is the one thing that is known to
gain more on most benchmarks, so its length counts as much as all of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from litellm_cascade.offline.calibrating.figures import apgr
from litellm_cascade.offline.gaining.chances import FEWEST, Numbers
from litellm_cascade.offline.gaining.ensemble import Predict, fit_by_chances

MOST: Final = 2_000
"""Prompts of one pair: more say little more about other benchmarks, and take time."""
LENGTH: Final = 1.0
"""What a standard deviation of the logarithm of the length counts for beside one of all that was fitted."""

Pair = tuple[Sequence[str], Numbers, Numbers]


def fit_elsewhere(pairs: Sequence[Pair]) -> Predict:
    """From other benchmarks' pairs (texts, and how right the weak and the strong model were) to the gain on prompts of this one."""
    usable = [_some(pair) for pair in pairs if _is_usable(pair)]
    fitted = [(weight, fit_by_chances(*pair)) for pair in usable if (weight := _signal(pair)) > 0]

    def predict(texts: Sequence[str]) -> Numbers:
        said = np.sum([weight * _standard(gain(texts)) for weight, gain in fitted], axis=0) if fitted else np.zeros(len(texts))
        return _standard(said) + LENGTH * _standard(np.log1p([len(text) for text in texts]))

    return predict


def _is_usable(pair: Pair) -> bool:
    texts, weak, strong = pair
    return len(texts) >= 2 * FEWEST and all(np.ptp(half) > 0 for scores in (weak, strong) for half in (scores[::2], scores[1::2]))


def _signal(pair: Pair) -> float:
    """APGR less that of chance, each half of the prompts ordered by a model of the other, over its standard error but for a factor: that
    falls with the gap between the models and the root of the prompts. 0 where the larger model gains nothing.
    """
    texts, weak, strong = pair
    said = np.empty(len(texts))
    for here in (0, 1):
        there = fit_by_chances(texts[1 - here :: 2], weak[1 - here :: 2], strong[1 - here :: 2])
        said[here::2] = _standard(there(texts[here::2]))
    gains = strong - weak
    gap = float(gains.mean())
    return max(apgr(-said, gains) - 0.5, 0.0) * gap * len(texts) ** 0.5 if gap > 0 else 0.0


def _some(pair: Pair) -> Pair:
    texts, weak, strong = pair
    kept = np.random.default_rng(0).permutation(len(texts))[:MOST]
    return [texts[place] for place in kept.tolist()], weak[kept], strong[kept]


def _standard(values: Numbers) -> Numbers:
    return np.asarray((values - values.mean()) / (float(values.std()) or 1.0))
