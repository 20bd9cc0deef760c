"""What is a score worth? A calibration's curves turn it into the probability that the answer is right, or no worse than the next.

An isotonic curve is piecewise linear in the gate's score: a higher score never means less. A logistic one weighs several features of the
tokens (``confidence.features``). The task type chooses the curve; task types that had too few records share the pooled one. Fitted by
``cascade calibrate``; formulas and sources stand in docs/cascade.md.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import exp, log

from litellm_cascade.escalation.confidence import alternatives_for, features
from litellm_cascade.vocabulary import LOG, Calibration, Confidence, Curve, Gate, Isotonic, Logistic, TokenLogprob

MISSING = "missing"
"""Stands for the id where a calibrated gate has nothing for an alias; a policy that is loaded from a file never gets there."""

_SMALLEST = 1e-9
"""Nats below which a log-probability is as good as certain, so that its logarithm is finite."""
_MOST_LOG_ODDS = 30.0
"""Beyond it the logistic function is 0 or 1 for every purpose, and ``exp`` might overflow."""


def calibrated(
    confidence: Confidence, gate: Gate, tokens: Sequence[TokenLogprob] | None, *, alias: str, task: str, complete: bool
) -> Confidence:
    """The confidence with its probability and the id of the calibration, where the gate has one for the alias."""
    if not gate.calibrations:
        return confidence
    calibration = gate.calibrations.get(alias)
    if calibration is None or confidence.score is None:
        return replace(confidence, calibration=calibration.id if calibration is not None else MISSING)
    curve = curve_for(calibration, task, complete=complete)
    seen = features(tokens, gate.of) if isinstance(curve, Logistic) else {}
    return replace(confidence, probability=probability(curve, confidence.score, seen), calibration=calibration.id)


def curve_for(calibration: Calibration, task: str, *, complete: bool) -> Curve:
    """The task type's own curve, or the pooled one; the beginning of a stream has its own where it was fitted."""
    curves = calibration.whole if complete or calibration.prefix is None else calibration.prefix
    return curves.by_task.get(task, curves.pooled)


def probability(curve: Curve, score: float, seen: Mapping[str, float]) -> float | None:
    """Between 0 and 1. None when a feature that a logistic curve weighs is not among ``seen`` (a provider without alternatives)."""
    if isinstance(curve, Isotonic):
        return _interpolated(curve, score)
    try:
        log_odds = curve.intercept + sum(weight * feature(name, seen) for name, weight in curve.weights.items())
    except KeyError:
        return None
    return 1 / (1 + exp(-min(max(log_odds, -_MOST_LOG_ODDS), _MOST_LOG_ODDS)))


def feature(name: str, seen: Mapping[str, float]) -> float:
    """A feature by name; ``log_`` before it asks for the logarithm of its size. Raises KeyError for one that is not there."""
    return log(max(abs(seen[name.removeprefix(LOG)]), _SMALLEST)) if name.startswith(LOG) else seen[name]


def _interpolated(curve: Isotonic, score: float) -> float:
    above = bisect_right(curve.scores, score)
    if above == 0 or above == len(curve.scores):
        return curve.probabilities[above - 1 if above else 0]
    low, high = curve.probabilities[above - 1], curve.probabilities[above]
    left, right = curve.scores[above - 1], curve.scores[above]
    # Clipped, because rounding must not leave the line by a hair: a higher score never means less.
    return min(max(low + (high - low) * (score - left) / (right - left), low), high)


def alternatives_needed(gate: Gate) -> int:
    """How many alternatives to each token the gate must know to judge; 1: the token's own, 0: no tokens are looked at."""
    curves = (curve for one in gate.calibrations.values() for curve in _all_curves(one) if isinstance(curve, Logistic))
    return max(map(alternatives_for, (gate.score, *(name.removeprefix(LOG) for curve in curves for name in curve.weights))))


def _all_curves(calibration: Calibration) -> Iterator[Curve]:
    for curves in filter(None, (calibration.whole, calibration.prefix)):
        yield curves.pooled
        yield from curves.by_task.values()
