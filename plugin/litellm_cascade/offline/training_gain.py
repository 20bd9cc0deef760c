"""The gain model of a policy's strategy ``learned``, fitted to traffic whose answers somebody judged; ``fit_gain`` does the arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline import fit_gain
from litellm_cascade.offline.calibrating.records import fold_of
from litellm_cascade.offline.fit_gain import Figure, Recorded
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.policy.features import FEATURES, vector_of

FEWEST = 200
"""Requests with a judged answer of every alias: three fifths to fit on, the rest to measure on."""
PARTS = 5
TESTED = 2
"""Of the parts, so many are measured on."""
_RIGHT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class GainModel:
    """A file of ``strategy: learned``, and how it does on requests that it was not fitted on."""

    content: dict[str, Any]
    figures: Sequence[Figure]
    fitted_n: int
    tested_n: int

    @property
    def beats_length(self) -> bool:
        """Beyond the interval."""
        return self.figures[-1].low > 0


def recorded_of(items: Iterable[Item], aliases: Sequence[str], name: str, seed: int) -> Recorded:
    """The requests that have an answer of each alias judged. Raises ConfigurationError in one sentence."""
    features, lengths, groups, scores = [], [], [], []
    for item in items:
        if all(alias in item.correct for alias in aliases):
            features.append(vector_of(item.evidence, tuple(FEATURES)))
            lengths.append(float(item.evidence.signals.input_tokens))
            groups.append(item.group or item.evidence.envelope.request_id)
            scores.append([float(item.correct[alias] > _RIGHT) for alias in aliases])
    if len(scores) < FEWEST:
        need = f"it takes at least {FEWEST} with `correct` for {' and '.join(aliases)}: cascade label --all writes them"
        raise ConfigurationError([f"{name}: has {len(scores)} requests with an answer of each judged, and {need}"])
    by_alias = dict(zip(aliases, np.array(scores).T, strict=True))
    tested = fold_of(np.array(groups), PARTS, seed) < TESTED
    recorded = Recorded(
        features=np.array(features),
        lengths=np.array(lengths),
        scores=by_alias,
        groups=np.array(groups),
        fitted_on=~tested,
        tested_on=tested,
    )
    _check(recorded, aliases, name)
    return recorded


def gain_model(recorded: Recorded, aliases: Sequence[str], origin: Mapping[str, str], seed: int) -> GainModel:
    """Fitted on one part, measured on the other: the first alias against the last, which is the dearest."""
    content = fit_gain.fit(recorded)
    ends = {"small": aliases[0], "large": aliases[-1]}
    pair = {"features": content["features"], "aliases": {end: content["aliases"][alias] for end, alias in ends.items()}}
    of_pair = Recorded(
        features=recorded.features,
        lengths=recorded.lengths,
        scores={end: recorded.scores[alias] for end, alias in ends.items()},
        groups=recorded.groups,
        fitted_on=recorded.fitted_on,
        tested_on=recorded.tested_on,
    )
    figures = fit_gain.measure(of_pair, pair, seed)
    model = GainModel(content=content, figures=figures, fitted_n=int(recorded.fitted_on.sum()), tested_n=int(recorded.tested_on.sum()))
    content["card"] = _card(model, aliases, origin)
    return model


def _check(recorded: Recorded, aliases: Sequence[str], name: str) -> None:
    if not (recorded.fitted_on.any() and recorded.tested_on.any()):
        raise ConfigurationError([f"{name}: nearly all requests ask the same: no others are left to measure on what some were fitted on"])
    for alias, of_alias in recorded.scores.items():
        scores = of_alias[recorded.fitted_on]
        if len(set(scores)) == 1:
            what = "right" if scores[0] else "wrong"
            raise ConfigurationError([f"{name}: all answers of {alias!r} are {what}; it takes right and wrong ones to learn from"])
    small, large = (recorded.scores[alias][recorded.tested_on].mean() for alias in (aliases[0], aliases[-1]))
    if large <= small:
        told = f"{aliases[-1]!r} is right for {large:.1%} of the requests to measure on, and {aliases[0]!r} for {small:.1%}"
        raise ConfigurationError([f"{name}: {told}: there is no gain to learn; write --aliases from cheap to capable"])


def _card(model: GainModel, aliases: Sequence[str], origin: Mapping[str, str]) -> str:
    verdict = "beats the prompt's length" if model.beats_length else "does not beat the prompt's length beyond the interval"
    sentences = (
        f"P(right) of {', '.join(aliases)} by judged answers of {origin['traces']} ({origin['data'][:19]})",
        f"Fitted on {model.fitted_n} requests, measured on {model.tested_n} others; task and complexity as {origin['classifier']} sees "
        "them, so fit anew for another classifier",
        f"APGR of {aliases[0]} against {aliases[-1]} with 95 % interval (random is 0.5): {'; '.join(map(str, model.figures))}",
        f"The model {verdict}",
        f"Logistic regression, C = {fit_gain.PENALTY:g}; {origin['command']}",
    )
    return ". ".join(sentences) + "."
