"""Fits curves from scores to the probability of a right answer, or of one that is no worse than the next rung's.

Isotonic regression (Zadrozny & Elkan 2002) gives steps, in which answers of different scores would be equal. So each step leans a little
towards its neighbours, and lines join their ends; and the whole is mixed with a smooth curve of three numbers, as much as helps on answers
that neither was fitted on. A task type with at least FEWEST_OF_A_TASK records has a curve of its own, drawn towards the pooled one as far
as the task types are alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.escalation import feature, probability
from litellm_cascade.offline.calibrating.pooling import records_worth
from litellm_cascade.offline.calibrating.records import NO_TASK, Numbers, Records
from litellm_cascade.offline.calibrating.smooth import smooth_curve
from litellm_cascade.policy.calibration_file import MOST_POINTS, MOST_TASKS
from litellm_cascade.policy.problems import did_you_mean
from litellm_cascade.vocabulary import LOG, Curve, Curves, Isotonic, Logistic

FEWEST_OF_A_TASK = 50
"""As for a calibration as a whole: below, a curve of its own says next to nothing."""
STACKING_FOLDS = 5
SMOOTH_POINTS = 65
"""Points in which a file holds the smooth curve, at quantiles of the scores, beside the ends of the steps."""
PENALTY = 0.3
"""scikit-learn's C, on features of unit variance: a little more cautious than its default of 1, for a few hundred records."""
LEAN = 0.15
"""How far an end of a step may lean towards the next, as a share of the way. 0 would be isotonic regression's own steps, which leave
answers of a step in no order."""
_DIGITS = 9
_SHIFT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How to fit: ``isotonic`` on the score, or ``logistic`` on several ``features`` (``log_`` before one: the logarithm of its size)."""

    score: str
    kind: str = "isotonic"
    features: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """What a curve reads."""
        return self.features if self.kind == "logistic" else (self.score,)


def every_feature(records: Records) -> tuple[str, ...]:
    """The scores that the records have and their logarithms: log-probabilities span many powers of ten, and what counts is which.

    Beginnings of answers, where there are any, must have them too: their first token may have come without alternatives.
    """
    everywhere = records.scores if records.prefix_scores is None else records.scores.keys() & records.prefix_scores
    return tuple(f"{prefix}{name}" for name in records.scores if name in everywhere for prefix in ("", LOG))


def fit_curves(records: Records, method: Method, *, prefix: bool = False) -> tuple[Curves, dict[str, int]]:
    """The pooled curve and those of the task types, and the records behind each task's."""
    inputs = np.column_stack([column_of(records, name, prefix=prefix) for name in method.inputs])
    label = records.label
    pooled = _fitted(inputs, label, method)
    own = {task: (_fitted(inputs[rows], label[rows], method), int(rows.sum())) for task, rows in _enough(records.tasks)}
    known = np.isin(records.tasks, [*own])
    said = predicted(Curves(pooled=pooled), records, method, prefix=prefix)
    worth = records_worth(said[known], label[known], records.tasks[known])
    by_task = {task: _shrunk(curve, pooled, n / (n + worth)) for task, (curve, n) in own.items()}
    return Curves(pooled=pooled, by_task=by_task), {task: n for task, (_, n) in own.items()}


def predicted(curves: Curves, records: Records, method: Method, *, prefix: bool = False) -> Numbers:
    """The probability for each record, as a gate would have it."""
    names = tuple(dict.fromkeys(name.removeprefix(LOG) for name in (method.score, *method.inputs)))
    rows = zip(records.tasks, *(column_of(records, name, prefix=prefix) for name in names), strict=True)
    said = (probability(curves.by_task.get(task, curves.pooled), seen[0], dict(zip(names, seen, strict=True))) for task, *seen in rows)
    return np.array([*said], float)


def column_of(records: Records, name: str, *, prefix: bool = False) -> Numbers:
    """A feature of all records. Raises ConfigurationError for one that they do not have."""
    scores, plain = (records.prefix_scores if prefix else records.scores) or {}, name.removeprefix(LOG)
    if plain not in scores:
        raise ConfigurationError([f"the records of {records.alias!r} have no {plain!r}; {did_you_mean(plain, scores)}"])
    return np.array([feature(name, {plain: value}) for value in scores[plain].tolist()])


def _enough(tasks: NDArray[np.str_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    names, counts = np.unique(tasks, return_counts=True)
    largest = sorted(((int(count), str(name)) for name, count in zip(names, counts, strict=True)), reverse=True)[:MOST_TASKS]
    for count, name in sorted(largest, key=lambda entry: entry[1]):
        if count >= FEWEST_OF_A_TASK and name != NO_TASK:
            yield name, tasks == name


def _fitted(inputs: Numbers, correct: Numbers, method: Method) -> Curve:
    if method.kind == "isotonic":
        return _isotonic(inputs[:, 0], correct)
    return _logistic(inputs, correct, method)


def _isotonic(scores: Numbers, correct: Numbers) -> Isotonic:
    stepped, smooth = _stepped(scores, correct), smooth_curve(scores, correct)
    quantiles = np.quantile(scores, np.linspace(0, 1, SMOOTH_POINTS), method="nearest")
    places = np.unique([*stepped.scores, *quantiles])
    share = _share_of_steps(scores, correct)
    mixed = share * np.interp(places, stepped.scores, stepped.probabilities) + (1 - share) * smooth(places)
    return _bounded(places.tolist(), np.maximum.accumulate(mixed).tolist())


def _share_of_steps(scores: Numbers, correct: Numbers) -> float:
    """The mixture of steps and smooth curve with the least squared error on answers that neither was fitted on (stacking, Breiman 1996)."""
    folds = np.random.default_rng(0).permutation(len(scores)) % STACKING_FOLDS
    stepped, smooth = np.empty(len(scores)), np.empty(len(scores))
    for fold in range(STACKING_FOLDS):
        here, others = folds == fold, folds != fold
        steps = _stepped(scores[others], correct[others])
        stepped[here] = np.interp(scores[here], steps.scores, steps.probabilities)
        smooth[here] = smooth_curve(scores[others], correct[others])(scores[here])
    apart = float(((stepped - smooth) ** 2).sum())
    return float(np.clip(((correct - smooth) * (stepped - smooth)).sum() / apart, 0.0, 1.0)) if apart else 1.0


def _stepped(scores: Numbers, correct: Numbers) -> Isotonic:
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 - the extra lab

    order = np.argsort(scores, kind="stable")
    scores, correct = scores[order], correct[order]
    level = IsotonicRegression().fit_transform(scores, correct)
    steps = np.split(np.arange(len(scores)), np.flatnonzero(np.diff(level)) + 1)
    # Half a right and half a wrong answer more in each step (Jeffreys): a step of twenty right answers is no certainty.
    sizes = np.array([len(step) + 2 * _SHIFT for step in steps])
    shifted = np.array([correct[step].sum() + _SHIFT for step in steps]) / sizes
    shares: Numbers = IsotonicRegression().fit_transform(np.arange(len(steps)), shifted, sample_weight=sizes)
    gaps = _gaps(shares)
    ends = chain.from_iterable(_leaning(scores[step], *each) for step, *each in zip(steps, shares, gaps[:-1], gaps[1:], strict=True))
    places, said = zip(*ends, strict=True)
    return Isotonic(places, said)


def _gaps(shares: Numbers) -> Numbers:
    """Between a step and the next; beyond the first and the last as wide again, as far as there are probabilities."""
    if len(shares) == 1:
        return np.zeros(2)
    below, above = max(0.0, 2 * shares[0] - shares[1]), min(1.0, 2 * shares[-1] - shares[-2])
    return np.diff(shares, prepend=below, append=above)


def _leaning(scores: Numbers, share: float, below: float, above: float) -> Iterator[tuple[float, float]]:
    """Both ends of a step. Its answers' mean stays what it was, also where they crowd at one end: five votes are right as often as said."""
    low, mean, high = float(scores[0]), float(scores.mean()), float(scores[-1])
    slope = LEAN * min(below / (mean - low), above / (high - mean)) if low < mean < high else 0.0
    yield low, float(share - slope * (mean - low))
    yield high, float(share + slope * (high - mean))


def _bounded(scores: Sequence[float], probabilities: Sequence[float]) -> Isotonic:
    """Rounded, each score once, and not more points than a file may hold."""
    points = {float(f"{score:.{_DIGITS}g}"): round(said, _DIGITS) for score, said in zip(scores, probabilities, strict=True)}
    kept = sorted(points.items())
    if len(kept) > MOST_POINTS:
        kept = [kept[round(place)] for place in np.linspace(0, len(kept) - 1, MOST_POINTS)]
    return Isotonic(tuple(score for score, _ in kept), tuple(said for _, said in kept))


def _logistic(inputs: Numbers, correct: Numbers, method: Method) -> Logistic:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - the extra lab

    if len(set(correct)) == 1:  # a task type whose answers are all right: no weight, and half an answer of the other kind
        share = (float(correct.sum()) + _SHIFT) / (len(correct) + 2 * _SHIFT)
        return Logistic(float(np.log(share / (1 - share))), dict.fromkeys(method.inputs, 0.0))
    centre, spread = inputs.mean(axis=0), np.where(inputs.std(axis=0) > 0, inputs.std(axis=0), 1.0)
    model = LogisticRegression(C=PENALTY, max_iter=2_000).fit((inputs - centre) / spread, correct > 0)
    weights: Numbers = model.coef_[0] / spread
    return Logistic(float(model.intercept_[0] - weights @ centre), dict(zip(method.inputs, weights.tolist(), strict=True)))


def _shrunk(own: Curve, pooled: Curve, share: float) -> Curve:
    """A mean of both curves: of probabilities at each score where they are isotonic, of log-odds where they are logistic."""
    if isinstance(own, Isotonic) and isinstance(pooled, Isotonic):
        scores = sorted({*own.scores, *pooled.scores})
        mixed = [share * _at(own, score) + (1 - share) * _at(pooled, score) for score in scores]
        return _bounded(scores, np.maximum.accumulate(mixed).tolist())
    return _shrunk_logistic(own, pooled, share)


def _shrunk_logistic(own: Any, pooled: Any, share: float) -> Logistic:
    weights = {name: share * weight + (1 - share) * pooled.weights[name] for name, weight in own.weights.items()}
    return Logistic(share * own.intercept + (1 - share) * pooled.intercept, weights)


def _at(curve: Isotonic, score: float) -> float:
    value = probability(curve, score, {})
    return 0.0 if value is None else value
