"""How good is a classifier? Per class and as a whole, beside dull baselines. Shares in 0..1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.offline.bench_common.resampling import bounds, picked
from litellm_cascade.offline.training_sequence.examples import Examples

DRAWS = 1_000
Places = NDArray[np.int_]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfClass:
    """Of one label on the test part. ``precision`` is 0 where it is never said."""

    label: str
    precision: float
    recall: float
    f1: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Of a method on the test part, with 95 % intervals."""

    method: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    macro_f1_low: float
    macro_f1_high: float


def per_class(said: Places, right: Places, labels: Sequence[str]) -> list[OfClass]:
    """One after the other."""
    found = []
    for place, label in enumerate(labels):
        hits = int(((said == place) & (right == place)).sum())
        told, there = int((said == place).sum()), int((right == place).sum())
        precision, recall = hits / told if told else 0.0, hits / there if there else 0.0
        f1 = 2 * hits / (told + there) if told + there else 0.0
        found.append(OfClass(label=label, precision=precision, recall=recall, f1=f1, n=there))
    return found


def macro_f1(said: Places, right: Places, classes: int) -> float:
    """The mean F1 over the classes that are there."""
    hits = np.bincount(right[said == right], minlength=classes)
    both = np.bincount(said, minlength=classes) + np.bincount(right, minlength=classes)
    there = np.bincount(right, minlength=classes) > 0
    return float((2 * hits[there] / both[there]).mean())


def whole(method: str, said: Places, right: Places, classes: int, seed: int) -> Whole:
    """With intervals by bootstrap over texts."""
    drawn = list(picked(len(right), seed, DRAWS))
    accuracies = bounds((said[rows] == right[rows]).mean() for rows in drawn)
    f1s = bounds(macro_f1(said[rows], right[rows], classes) for rows in drawn)
    return Whole(
        method=method,
        accuracy=float((said == right).mean()),
        accuracy_low=accuracies[0],
        accuracy_high=accuracies[1],
        macro_f1=macro_f1(said, right, classes),
        macro_f1_low=f1s[0],
        macro_f1_high=f1s[1],
    )


def baselines(examples: Examples, seed: int) -> list[Whole]:
    """Always the most frequent label, chance, the text's length, and a linear model on words where scikit-learn is there."""
    (texts, targets), (tested, right) = examples.of("train"), examples.of("test")
    classes = len(examples.labels)
    random = np.random.default_rng(seed)
    said = {
        "most frequent label": np.full(len(right), np.bincount(targets).argmax()),
        "random, by frequency": random.choice(targets, len(right)),
        "prompt length": _by_length(texts, targets, tested),
    }
    if find_spec("sklearn") is not None:
        said["words, linear"] = _by_words(texts, targets, tested)
    return [whole(method, places, right, classes, seed) for method, places in said.items()]


def _by_length(texts: Sequence[str], targets: Places, tested: Sequence[str]) -> Places:
    """The most frequent label of texts about as long: of ten parts of the training part."""
    lengths = np.array([len(text) for text in texts], float)
    edges = np.quantile(lengths, np.linspace(0, 1, 11)[1:-1])
    parts = np.searchsorted(edges, lengths)
    usual = int(np.bincount(targets).argmax())
    best = [int(np.bincount(targets[parts == part]).argmax()) if (parts == part).any() else usual for part in range(10)]
    return np.array(best)[np.searchsorted(edges, np.array([len(text) for text in tested], float))]


def _by_words(texts: Sequence[str], targets: Places, tested: Sequence[str]) -> Places:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - the extra lab
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - the extra lab

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = LogisticRegression(max_iter=1_000, class_weight="balanced").fit(words.fit_transform(texts), targets)
    return np.asarray(model.predict(words.transform(tested)))
