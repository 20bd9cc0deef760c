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
_SHIFT: Final = 0.5


def fit_chances(texts: Sequence[str], scores: Mapping[str, Numbers], card: Mapping[str, Any] | None = None) -> Chances:
    """For each alias the chance of a right answer. ``scores``: by alias, 0..1 a text, not a number where it was not asked.

    Raises ConfigurationError where an alias has too few outcomes, or only right or only wrong ones.
    """
    cut = [ends(text, head=HEAD_CHARACTERS, tail=TAIL_CHARACTERS)[0] for text in texts]
    dense = np.stack([read_proportions(text) for text in cut]).astype(float) if cut else np.zeros((0, 1))
    spread = np.where(dense.std(axis=0) > 1e-6, dense.std(axis=0), np.inf) if len(dense) else np.ones(1)  # noqa: PLR2004
    hashed, standard = _hashed(cut), (dense - dense.mean(axis=0)) / spread
    fitted = [_fitted(alias, hashed, standard, np.asarray(score, float)) for alias, score in scores.items()]
    words = np.column_stack([weights[:BUCKETS] for weights, _ in fitted])
    slopes = np.column_stack([weights[BUCKETS:] * DENSE / spread for weights, _ in fitted])
    scales = np.maximum(np.abs(words).max(axis=0) / _INT8, 1e-12)
    return Chances(
        tuple(scores),
        np.rint(words / scales).astype(np.int8),
        scales.astype(np.float32),
        slopes.astype(np.float32),
        (np.array([intercept for _, intercept in fitted]) - dense.mean(axis=0) @ slopes).astype(np.float32),
        dict(card or {}),
    )


def _hashed(texts: Sequence[str]) -> Any:
    """Texts by buckets, each of length 1 in the Euclidean sense."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - comes with the extra lab

    found = [read_words(text) for text in texts]
    counts = np.array([len(words) for words in found])
    values = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts)
    places = np.concatenate([np.zeros(0, np.intp), *found]), np.concatenate([[0], np.cumsum(counts)])
    return csr_matrix((values, *places), shape=(len(texts), BUCKETS))


def _fitted(alias: str, hashed: Any, dense: Numbers, scores: Numbers) -> tuple[Numbers, float]:
    """Weights of buckets, then of proportions; and the intercept. A score between 0 and 1 counts as that much of a right answer."""
    from scipy.sparse import csr_matrix, hstack, vstack  # noqa: PLC0415 - comes with the extra lab
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - the extra lab

    known = np.flatnonzero(np.isfinite(scores))
    if len(known) < FEWEST:
        raise ConfigurationError([f"{alias!r} has {len(known)} outcomes, and it takes at least {FEWEST}; record more answers of it"])
    if np.ptp(scores[known]) == 0:
        raise ConfigurationError([f"all {len(known)} outcomes of {alias!r} are {scores[known][0]:g}; it takes right and wrong answers"])
    inputs = hstack([hashed[known], csr_matrix(dense[known] * DENSE)]).tocsr()
    right = scores[known]
    if np.isin(right, (0.0, 1.0)).all():
        model = LogisticRegression(C=PENALTY, max_iter=300).fit(inputs, right > _SHIFT)
    else:
        truths, weights = np.repeat([True, False], len(right)), np.concatenate([right, 1 - right])
        model = LogisticRegression(C=PENALTY, max_iter=300).fit(vstack([inputs, inputs]).tocsr(), truths, sample_weight=weights)
    return model.coef_[0], float(model.intercept_[0])
