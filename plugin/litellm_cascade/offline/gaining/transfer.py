"""Gain without a single label of the benchmark at hand: from what models made of other benchmarks.

The pair's own two models come first: what either was right about elsewhere says most about it, whoever served it there. Failures of all
models stand beside the smaller one's, since a single model's outcome is mostly chance, and in its place where it was never asked elsewhere.
A longer prompt is the one thing that is known to gain more on most benchmarks, so its length counts as much as all of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from litellm_cascade.offline.gaining.chances import FEWEST, Numbers
from litellm_cascade.offline.gaining.ensemble import Predict, ridge, words_and_proportions

PENALTY: Final = 8.0
"""Of the ridge regressions: more than within a benchmark, since fewer words mean the same in the next."""
LENGTH: Final = 1.0
"""What a standard deviation of the logarithm of the length counts for beside one of all that was fitted."""
ERRORS: Final = 2.0
"""Standard errors by which what is fitted to half of a model's outcomes must agree with the other half."""

Answered = tuple[Sequence[str], Mapping[str, Numbers]]
"""Prompts, and how right each model was about them (0..1)."""
_Outcomes = Mapping[str, float]
"""By text."""
_Right = Callable[[Any], Numbers]
"""From inputs to how likely an answer is right, of mean 0 and spread 1."""


def fit_elsewhere(answered: Sequence[Answered], weak_model: str, strong_model: str) -> Predict:
    """From other benchmarks' prompts to the gain on prompts of this one, in an order that can be trusted more than its size."""
    by_model = _by_model(answered)
    anyone = _mean_of(by_model.values())
    if len(anyone) < FEWEST:
        return _length
    inputs = words_and_proportions()
    rows = inputs.fit_transform([*anyone])
    places = {text: place for place, text in enumerate(anyone)}

    def right(outcomes: _Outcomes) -> _Right:
        return _right(rows[[places[text] for text in outcomes]], np.array([*outcomes.values()]))

    strong, weak = (right(by_model.get(_plain(model), {})) for model in (strong_model, weak_model))
    any_model = right(anyone)

    def predict(texts: Sequence[str]) -> Numbers:
        given = inputs.transform(texts)
        return _standard(strong(given) - _standard(weak(given) + any_model(given))) + LENGTH * _length(texts)

    return predict


def _by_model(answered: Iterable[Answered]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for texts, scores in answered:
        for model, said in scores.items():
            found.setdefault(_plain(model), {}).update(zip(texts, said.tolist(), strict=True))
    return found


def _plain(model: str) -> str:
    """The model's name without who serves it."""
    return model.rpartition("/")[2].casefold()


def _mean_of(outcomes: Iterable[_Outcomes]) -> dict[str, float]:
    """Of all who were asked."""
    found: dict[str, list[float]] = {}
    for one in outcomes:
        for text, score in one.items():
            found.setdefault(text, []).append(score)
    return {text: sum(scores) / len(scores) for text, scores in found.items()}


def _right(rows: Any, scores: Numbers) -> _Right:
    """0 for all, where too little is known to tell a model's prompts apart: standardised, noise would have as much say as knowledge."""
    if len(scores) < FEWEST or not _is_told(rows, scores):
        return lambda given: np.zeros(given.shape[0])
    model = ridge(PENALTY).fit(rows, scores)
    return lambda given: _standard(model.predict(given))


def _is_told(rows: Any, scores: Numbers) -> bool:
    said = _standard(ridge(PENALTY).fit(rows[::2], scores[::2]).predict(rows[1::2]))
    return bool((said * _standard(scores[1::2])).mean() > ERRORS / len(said) ** 0.5)


def _length(texts: Sequence[str]) -> Numbers:
    return _standard(np.log1p([len(text) for text in texts]))


def _standard(values: Numbers) -> Numbers:
    return np.asarray((values - values.mean()) / (float(values.std()) or 1.0))
