"""Fits ``classifiers/chances.py`` to outcomes: for each alias, a logistic regression on hashed words and proportions of the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.classifiers.base import ends
from litellm_cascade.classifiers.chances import Chances, read_proportions
from litellm_cascade.classifiers.features import BUCKETS, HEAD_CHARACTERS, TAIL_CHARACTERS, read_words
from litellm_cascade.errors import ConfigurationError

Numbers = NDArray[np.float64]

PENALTY: Final = 1.0
"""scikit-learn's C, its default."""
DENSE: Final = 0.2
"""What a standard deviation of a proportion counts for beside all of a text's words: at 1, small sets are overfitted."""
FEWEST: Final = 50
"""Outcomes of an alias below which nothing is fitted."""
_INT8: Final = 127
_HALF: Final = 0.5


def fit_chances(texts: Sequence[str], scores: Mapping[str, Numbers], card: Mapping[str, Any] | None = None) -> Chances:
    """For each alias the chance of a right answer. ``scores``: by alias, 0..1 a text, not a number where it was not asked.

    Raises ConfigurationError where an alias has too few outcomes, or only right or only wrong ones.
    """
    if not texts:
        raise ConfigurationError([f"there are no outcomes, and it takes at least {FEWEST} of an alias; record some"])
    cut = [ends(text, head=HEAD_CHARACTERS, tail=TAIL_CHARACTERS)[0] for text in texts]
    dense = np.stack([read_proportions(text) for text in cut]).astype(float)
    spread = np.where(dense.std(axis=0) > 1e-6, dense.std(axis=0), np.inf)  # noqa: PLR2004
    columns, inputs = _inputs(cut, DENSE * (dense - dense.mean(axis=0)) / spread)
    fitted = [_fitted(alias, inputs, np.asarray(score, float)) for alias, score in scores.items()]
    words, slopes = np.zeros((BUCKETS, len(scores))), np.zeros((dense.shape[1], len(scores)))
    for number, (weights, _) in enumerate(fitted):
        words[columns[columns >= 0], number] = weights[columns >= 0]
        slopes[-1 - columns[columns < 0], number] = weights[columns < 0]
    slopes *= DENSE / spread[:, None]
    scales = np.maximum(np.abs(words).max(axis=0) / _INT8, 1e-12)
    return Chances(
        tuple(scores),
        np.rint(words / scales).astype(np.int8),
        scales.astype(np.float32),
        slopes.astype(np.float32),
        (np.array([intercept for _, intercept in fitted]) - dense.mean(axis=0) @ slopes).astype(np.float32),
        np.stack([dense.min(axis=0), dense.max(axis=0)]).astype(np.float32),
        dict(card or {}),
    )


def _inputs(texts: Sequence[str], dense: Numbers) -> tuple[NDArray[np.int_], Any]:
    """What each column is (a bucket, or proportion p as -1 - p), and each text's numbers; its words have a Euclidean length of 1."""
    from sklearn.feature_extraction import DictVectorizer  # noqa: PLC0415 - the extra lab

    rows = []
    for text, proportions in zip(texts, dense.tolist(), strict=True):
        words = read_words(text).tolist()
        counted = {-1 - place: value for place, value in enumerate(proportions)}
        rows.append(dict.fromkeys(words, len(words) ** -0.5 if words else 0.0) | counted)
    vectorizer = DictVectorizer(sort=False)
    inputs = vectorizer.fit_transform(rows)
    return np.array(vectorizer.feature_names_, int), inputs


def _fitted(alias: str, inputs: Any, scores: Numbers) -> tuple[Numbers, float]:
    """A weight for each column, and the intercept. A score between 0 and 1 counts as that much of a right answer."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - the extra lab

    known = np.flatnonzero(np.isfinite(scores))
    if len(known) < FEWEST:
        raise ConfigurationError([f"{alias!r} has {len(known)} outcomes, and it takes at least {FEWEST}; record more answers of it"])
    if np.ptp(scores[known]) == 0:
        raise ConfigurationError([f"all {len(known)} outcomes of {alias!r} are {scores[known][0]:g}; it takes right and wrong answers"])
    right = scores[known]
    if np.isin(right, (0.0, 1.0)).all():
        model = LogisticRegression(C=PENALTY, max_iter=300).fit(inputs[known], right > _HALF)
    else:
        truths, weights = np.repeat([True, False], len(right)), np.concatenate([right, 1 - right])
        model = LogisticRegression(C=PENALTY, max_iter=300).fit(inputs[np.tile(known, 2)], truths, sample_weight=weights)
    return model.coef_[0], float(model.intercept_[0])
