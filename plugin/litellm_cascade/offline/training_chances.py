"""Chances for the classifier ``linear``, fitted to traffic whose answers somebody judged; ``gaining/chances.py`` does the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litellm_cascade.classifiers.base import prompt_of
from litellm_cascade.classifiers.chances import Chances
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.calibrating.records import fold_of
from litellm_cascade.offline.fit_gain import Figure, figures_of
from litellm_cascade.offline.gaining.chances import Numbers, fit_chances
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.traffic.reading import Reading
from litellm_cascade.offline.traffic.rows import Source
from litellm_cascade.offline.training_gain import FEWEST, PARTS, TESTED
from litellm_cascade.signals import read_signals
from litellm_cascade.vocabulary import Envelope, Evidence, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Requests of which an answer of at least one alias was judged. ``scores``: by alias, 0..1, not a number where nobody judged it."""

    texts: Sequence[str]
    groups: Sequence[str]
    scores: Mapping[str, Numbers]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Chances, and how they order requests that they were not fitted on: by the gain of the last alias over the first."""

    chances: Chances
    figures: Sequence[Figure]
    fitted_n: int
    tested_n: int

    @property
    def beats_length(self) -> bool:
        """Beyond the interval."""
        return self.figures[-1].low > 0


class _Noting:
    """Keeps the text of the request that was read last: what is recorded of a request has none."""

    def __init__(self) -> None:
        self._envelope: Envelope | None = None
        self._text = ""

    def __call__(self, request: Request) -> Evidence:
        self._envelope, self._text = request.envelope, prompt_of(request)
        return Evidence(envelope=request.envelope, caller=request.caller, signals=read_signals(request))

    def text_of(self, item: Item) -> str:
        """Empty where the item is of a record without text."""
        return self._text if item.evidence.envelope is self._envelope else ""


def judged_of(source: Source, aliases: Sequence[str]) -> Judged:
    """What a source holds. Raises ConfigurationError in one sentence, for a source without texts too."""
    noting, texts, groups, scores = _Noting(), [], [], []
    for item in Reading(source, noting):
        known = [float(item.correct.get(alias, np.nan)) for alias in aliases]
        text = noting.text_of(item)
        if text.strip() and not np.isnan(known).all():
            texts.append(text)
            groups.append(item.group or item.evidence.envelope.request_id)
            scores.append(known)
    if len(texts) < FEWEST:
        need = f"it takes at least {FEWEST} with their text and `correct`: cascade label --all writes them"
        raise ConfigurationError(
            [f"{source.name}: has {len(texts)} requests with text and a judged answer of {', '.join(aliases)}, and {need}"]
        )
    return Judged(texts=texts, groups=groups, scores=dict(zip(aliases, np.array(scores).T, strict=True)))


def fit_judged(judged: Judged, aliases: Sequence[str], origin: Mapping[str, str], seed: int) -> Fitted:
    """Fitted on three fifths, measured on the rest, near-duplicates together."""
    groups = np.array(judged.groups)
    tested = fold_of(groups, PARTS, seed) < TESTED
    there = [text for text, held in zip(judged.texts, tested, strict=True) if not held]
    card = {**origin, "fitted on": len(there)}
    chances = fit_chances(there, {alias: scores[~tested] for alias, scores in judged.scores.items()}, card)
    weak, strong = (judged.scores[alias] for alias in (aliases[0], aliases[-1]))
    both = np.flatnonzero(tested & np.isfinite(weak) & np.isfinite(strong))
    gains = (strong - weak)[both]
    if gains.sum() <= 0:
        told = f"{aliases[-1]!r} gains nothing over {aliases[0]!r} on the {len(both)} requests to measure on"
        raise ConfigurationError([f"{origin['traces']}: {told}; write --aliases from cheap to capable, and judge answers of both"])
    texts = [judged.texts[place] for place in both.tolist()]
    said = [chances.of(text) for text in texts]
    order = np.array([one[aliases[-1]] - one[aliases[0]] for one in said])
    lengths = np.array([float(len(text)) for text in texts])
    return Fitted(
        chances=chances,
        figures=figures_of("chances", order, lengths, gains, groups[both], seed),
        fitted_n=len(there),
        tested_n=len(both),
    )
