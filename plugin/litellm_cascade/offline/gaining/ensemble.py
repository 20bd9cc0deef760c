"""The strongest model of gain that the lab has: means of models that err differently, too large to run before each request.

A logistic regression on TF-IDF of words and pairs, boosted trees on the proportions of ``classifiers/chances.py``, which words do not see,
and the model of chances itself, which has both. Each says how likely either model of a pair is right; the difference is the gain. The
fourth is a ridge regression of the gain itself, on words and proportions: where other models have answered the same prompts, what they
failed at counts too, since a single pair's outcome is mostly chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from litellm_cascade.classifiers.chances import read_proportions
from litellm_cascade.offline.gaining.chances import Numbers, fit_chances

Predict = Callable[[Sequence[str]], Numbers]

TREES: Final = 80
_TOKEN: Final = r"(?u)\b\w+\b|[^\w\s]"  # noqa: S105 - a pattern for words and marks
_HALF: Final = 0.5
RIDGE: Final = 2.0
"""The penalty of the ridge regression."""
FAILED: Final = 0.5
"""What a failure of all other models counts for beside a gain."""
SLOPES: Final = 0.1
"""What a standard deviation of a proportion counts for beside all of a text's words, in the ridge regression."""
WEIGHT: Final = 4.0
"""Of the ridge regression beside each other part: it fits what it was fitted to closely, so its spread there is large."""


def fit_gain(texts: Sequence[str], weak: Numbers, strong: Numbers, elsewhere: Numbers | None = None) -> Predict:
    """From prompts and what two models made of them (0..1) to the gain that is expected on others, in an order that can be trusted more
    than its size: the parts are brought to one spread before they are added.

    ``elsewhere``: how right other models were about the same prompts, not a number where none was asked.
    """
    parts = [
        fit_by_chances(texts, weak, strong),
        *(_difference(make, texts, weak, strong) for make in (_words, _proportions)),
        _ridge(texts, strong - weak, elsewhere),
    ]
    weights = [weight / (float(part(texts).std()) or 1.0) for part, weight in zip(parts, (1.0, 1.0, 1.0, WEIGHT), strict=True)]

    def predict(others: Sequence[str]) -> Numbers:
        return np.asarray(np.sum([weight * part(others) for part, weight in zip(parts, weights, strict=True)], axis=0))

    return predict


def fit_by_chances(texts: Sequence[str], weak: Numbers, strong: Numbers) -> Predict:
    """The same with the model that ships: what ``strategy: learned`` makes of ``classifiers/chances.py``."""
    chances = fit_chances(texts, {"weak": weak, "strong": strong})

    def predict(others: Sequence[str]) -> Numbers:
        said = [chances.of(text) for text in others]
        return np.array([one["strong"] - one["weak"] for one in said])

    return predict


def fit_words(texts: Sequence[str], weak: Numbers, strong: Numbers) -> Predict:
    """The usual learned baseline: a logistic regression on TF-IDF alone."""
    return _difference(_words, texts, weak, strong)


def _difference(make: Callable[[], Any], texts: Sequence[str], weak: Numbers, strong: Numbers) -> Predict:
    of_weak, of_strong = (_right(make(), texts, scores) for scores in (weak, strong))
    return lambda others: of_strong(others) - of_weak(others)


def _right(model: Any, texts: Sequence[str], scores: Numbers) -> Predict:
    """P(right). Scores between 0 and 1 count as right from the middle on."""
    middle = _HALF if np.isin(scores, (0.0, 1.0)).all() else float(np.median(scores))
    right = scores > middle
    if right.all() or not right.any():
        return lambda others: np.full(len(others), float(right[0]))
    with _one_thread():
        model.fit(texts, right)
    return lambda others: np.asarray(model.predict_proba(others)[:, 1])


def _one_thread() -> Any:
    """OpenMP's threads turn while they wait: on two busy cores the trees, which are small, took forty times as long with two of them."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn

    return threadpool_limits(limits=1, user_api="openmp")


def _ridge(texts: Sequence[str], gains: Numbers, elsewhere: Numbers | None) -> Predict:
    """The gain, and half of what other models failed at: about a prompt that none of them knows the smaller model is likelier wrong."""
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - the extra lab

    known = np.isfinite(elsewhere) if elsewhere is not None else np.zeros(len(gains), bool)
    failed = np.zeros(len(gains))
    if elsewhere is not None and known.any():
        failed[known] = elsewhere[known].mean() - elsewhere[known]
    model = make_pipeline(words_and_proportions(), ridge(RIDGE))
    model.fit(texts, gains + FAILED * failed)
    return lambda others: np.asarray(model.predict(others))


def ridge(penalty: float) -> Any:
    """A regression, not fitted yet, on ``words_and_proportions``."""
    from sklearn.linear_model import Ridge  # noqa: PLC0415 - the extra lab

    return Ridge(alpha=penalty, solver="sparse_cg", tol=1e-3)


def words_and_proportions() -> Any:
    """Makes of texts the inputs of a ridge regression, when it is fitted: TF-IDF of words and pairs, and the proportions."""
    from sklearn.pipeline import make_pipeline, make_union  # noqa: PLC0415 - the extra lab
    from sklearn.preprocessing import FunctionTransformer, StandardScaler  # noqa: PLC0415 - the extra lab

    return make_union(_vectorizer(), make_pipeline(FunctionTransformer(_counted), StandardScaler(), FunctionTransformer(_sloped)))


def _words() -> Any:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - the extra lab
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - the extra lab

    return make_pipeline(_vectorizer(), LogisticRegression(max_iter=300))


def _vectorizer() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - the extra lab

    return TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2), token_pattern=_TOKEN)


def _proportions() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - the extra lab
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - the extra lab
    from sklearn.preprocessing import FunctionTransformer  # noqa: PLC0415 - the extra lab

    counted = FunctionTransformer(_counted)
    trees = HistGradientBoostingClassifier(
        max_iter=TREES, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=30, l2_regularization=5.0, random_state=0
    )
    return make_pipeline(counted, trees)


def _counted(texts: Sequence[str]) -> Any:
    return np.stack([read_proportions(text) for text in texts])


def _sloped(scaled: Numbers) -> Numbers:
    return SLOPES * scaled
