"""A smooth curve of three numbers, for what few records cannot say.

Beta calibration (Kull, Silva Filho & Flach 2017): log-odds = c + a ln p - b ln(1 - p), with a and b not negative, so that it never falls,
for scores that are shares p. For scores s in nats it is c + a s - b ln(-s): that is p = e^s, and near certainty 1 - e^s is -s; further
off, where e^s is 0 for every s, -ln(-s) still tells one long answer from another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litellm_cascade.offline.calibrating.records import Numbers

LEAST_SHARE = 0.01
"""Shares are few samples' at times: none of five is not never."""
LEAST_NATS = 1e-9
HALF = 0.5
RIDGE = 1.0
"""On slopes of inputs of unit variance: scikit-learn's default."""
MOST_STEPS, PRECISION = 25, 1e-8
MOST_LOG_ODDS = 30.0

Smooth = Callable[[Numbers], Numbers]


def smooth_curve(scores: Numbers, correct: Numbers) -> Smooth:
    """P(right) by score; level where the score says nothing, or the contrary of what it should."""
    in_shares = bool(scores.max() > 0)
    seen = _transformed(scores, in_shares)
    centre, spread = seen.mean(axis=0), np.where(seen.std(axis=0) > 0, seen.std(axis=0), 1.0)
    weights = _rising((seen - centre) / spread, correct)
    return lambda others: _chance(_with_one((_transformed(others, in_shares) - centre) / spread) @ weights)


def _rising(inputs: Numbers, correct: Numbers) -> Numbers:
    """Intercept and slopes without a falling one, as Kull et al. do it: what falls is left out, and the rest fitted again."""
    used = np.ones(1 + inputs.shape[1], bool)
    while True:
        weights = np.where(used, _fitted(_with_one(inputs) * used, correct), 0.0)
        falling = weights[1:] < 0
        if not falling.any():
            return weights
        used[1:] &= ~falling


def _fitted(inputs: Numbers, correct: Numbers) -> Numbers:
    """Newton's method for logistic regression with a ridge on the slopes, and half a right and half a wrong answer more for the level."""
    ridge = np.diag([0.0, *np.full(inputs.shape[1] - 1, RIDGE)])
    level = np.zeros(inputs.shape[1])
    level[0] = 1.0
    weights = np.zeros(inputs.shape[1])
    for _ in range(MOST_STEPS):
        said, middle = _chance(inputs @ weights), float(_chance(weights[:1])[0])
        gradient = inputs.T @ (said - correct) + ridge @ weights + (middle - HALF) * level
        curvature = (inputs.T * (said * (1 - said))) @ inputs + ridge + middle * (1 - middle) * np.outer(level, level)
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if np.abs(step).max() < PRECISION:
            break
    return np.asarray(weights)


def _chance(log_odds: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -MOST_LOG_ODDS, MOST_LOG_ODDS))))


def _with_one(inputs: Numbers) -> Numbers:
    return np.column_stack([np.ones(len(inputs)), inputs])


def _transformed(scores: Numbers, in_shares: bool) -> Numbers:
    if in_shares:
        shares = np.clip(scores, LEAST_SHARE, 1 - LEAST_SHARE)
        return np.column_stack([np.log(shares), -np.log1p(-shares)])
    return np.column_stack([scores, -np.log(np.maximum(-scores, LEAST_NATS))])
