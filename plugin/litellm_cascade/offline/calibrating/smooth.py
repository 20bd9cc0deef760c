"""A smooth curve of three numbers, for what few records cannot say.

Beta calibration (Kull, Silva Filho & Flach 2017): log-odds = c + a ln p - b ln(1 - p), with a and b not negative, so that it never falls,
for scores that are shares p. For scores s in nats it is c + a s - b ln(-s): that is p = e^s, and near certainty 1 - e^s is -s; further
off, where e^s is 0 for every s, -ln(-s) still tells one long answer from another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litellm_cascade.offline.calibrating.records import Numbers

LEAST_SHARE = 0.01
"""Shares are few samples' at times: none of five is not never."""
LEAST_NATS = 1e-9
HALF = 0.5

Smooth = Callable[[Numbers], Numbers]


def smooth_curve(scores: Numbers, correct: Numbers) -> Smooth:
    """P(right) by score; level where the score says nothing, or the contrary of what it should."""
    in_shares = bool(scores.max() > 0)
    seen = _transformed(scores, in_shares)
    centre, spread = seen.mean(axis=0), np.where(seen.std(axis=0) > 0, seen.std(axis=0), 1.0)
    model, used = _rising((seen - centre) / spread, correct)
    if model is None:
        level = (correct.sum() + HALF) / (len(correct) + 2 * HALF)
        return lambda others: np.full(len(others), level)
    return lambda others: np.asarray(model.predict_proba(((_transformed(others, in_shares) - centre) / spread)[:, used])[:, 1])


def _rising(inputs: Numbers, correct: Numbers) -> tuple[Any, list[int]]:
    """A logistic regression without a falling part, as Kull et al. do it: what falls is left out, and the rest fitted again."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - the extra lab

    used = [0, 1]
    while used and len(set(correct)) > 1:
        model = LogisticRegression(max_iter=2_000).fit(inputs[:, used], correct > 0)
        rising = [column for column, slope in zip(used, model.coef_[0], strict=True) if slope >= 0]
        if rising == used:
            return model, used
        used = rising
    return None, []


def _transformed(scores: Numbers, in_shares: bool) -> Numbers:
    if in_shares:
        shares = np.clip(scores, LEAST_SHARE, 1 - LEAST_SHARE)
        return np.column_stack([np.log(shares), -np.log1p(-shares)])
    return np.column_stack([scores, -np.log(np.maximum(-scores, LEAST_NATS))])
