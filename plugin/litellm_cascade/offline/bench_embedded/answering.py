"""Who is compared: the transformer, the same before its weights were rounded, the linear classifier, TF-IDF, and what needs no model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.classifiers.eight_heads import LOGITS, SIZES
from litellm_cascade.classifiers.embedded import token_ids
from litellm_cascade.classifiers.linear import softmax
from litellm_cascade.offline.train_linear import features_of
from litellm_cascade.vocabulary import TASK_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from litellm_cascade.classifiers.embedded import Network
    from litellm_cascade.classifiers.linear import Weights
    from litellm_cascade.offline.training_embedded.examples import Example

TASKS: Final = SIZES["task_type"]
_BINS: Final = 20


class Answers:
    """What a network says of prompts, one prompt at a time as in the proxy. What it has said of one is kept."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._said: dict[str, NDArray[np.float32]] = {}

    def logits(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """All 35 of every prompt."""
        return np.array([self._of(prompt) for prompt in prompts])

    def tasks(self, prompts: Sequence[str]) -> NDArray[np.int64]:
        """Task numbers."""
        return np.asarray(self.logits(prompts)[:, :TASKS].argmax(axis=1))

    def _of(self, prompt: str) -> NDArray[np.float32]:
        if prompt not in self._said:
            self._said[prompt] = self.network.logits(token_ids(self.network.tokenizer, prompt)[0])
        return self._said[prompt]


def task_odds(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities of the twelve task types [prompts, 12]."""
    shifted = logits[:, :TASKS].astype(float)
    odds = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def chances(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Complexity, P(small copes), P(strong copes) [prompts, 3]."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits[:, LOGITS:].astype(float), -30, 30))))


def linear_answers(weights: Weights, prompts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Task numbers and complexity logits of the linear classifier."""
    logits = np.array([weights.logits(features_of(prompt)) for prompt in prompts])
    return np.array([np.argmax(list(softmax(row[:-1]).values())) for row in logits]), logits[:, -1].astype(float)


class TfIdf:
    """Words and pairs of words, weighed by their rarity, and logistic regression, trained on the same prompts as the transformer."""

    def __init__(self, rows: Sequence[Example]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 -- the extra lab
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 -- the extra lab

        known = [it for it in rows if it.task is not None]
        self._words: Any = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
        labels = [TASK_TYPES.index(it.task or "") for it in known]
        weights = [it.task_weight for it in known]
        matrix = self._words.fit_transform([it.prompt for it in known])
        self._model: Any = LogisticRegression(C=10, max_iter=1_000).fit(matrix, labels, sample_weight=weights)

    def answers(self, prompts: Sequence[str]) -> NDArray[np.int64]:
        """Task numbers."""
        return np.asarray(self._model.predict(self._words.transform(prompts)))


class ByLength:
    """The commonest task type among training prompts of about the same length, in twenty bins."""

    def __init__(self, rows: Sequence[Example]) -> None:
        known = [it for it in rows if it.task is not None and it.source != "constructed"]
        lengths = np.log1p([len(it.prompt) for it in known])
        self._edges = np.quantile(lengths, np.linspace(0, 1, _BINS + 1)[1:-1])
        labels = np.array([TASK_TYPES.index(it.task or "") for it in known])
        bins = np.digitize(lengths, self._edges)
        counts = [np.bincount(labels[bins == number], minlength=len(TASK_TYPES)) for number in range(_BINS)]
        self._common = np.array([count.argmax() for count in counts])

    def answers(self, prompts: Sequence[str]) -> NDArray[np.int64]:
        """Task numbers."""
        return np.asarray(self._common[np.digitize(np.log1p([len(prompt) for prompt in prompts]), self._edges)])
