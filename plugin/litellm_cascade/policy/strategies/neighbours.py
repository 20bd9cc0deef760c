"""``strategy: neighbours``: how well each candidate did on the most similar requests of the past; utility decides.

The file is JSON: the features that say what is similar, and outcomes, each with its alias, its quality (0 to 1) and its features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from litellm_cascade.policy.features import vector_of
from litellm_cascade.policy.options import Kit, Situation
from litellm_cascade.policy.strategies.contents import Features, Vector, as_long_as
from litellm_cascade.policy.strategies.scoring import Scorer, ScoringBase
from litellm_cascade.policy.strategies.utility import UtilityScorer, Worth
from litellm_cascade.policy.strict import Label, Strict
from litellm_cascade.vocabulary import Estimate

MOST_OUTCOMES = 5_000
"""Searching them takes 0.3 ms."""


class PastOutcome(Strict):
    """How one answer of the past turned out."""

    alias: Label
    quality: float = Field(ge=0, le=1)
    at: Vector


class OutcomesFile(Strict):
    """What is remembered."""

    version: Literal[1]
    features: Features
    outcomes: Annotated[tuple[PastOutcome, ...], Field(strict=False, max_length=MOST_OUTCOMES)]

    @field_validator("outcomes")
    @classmethod
    def _a_number_for_each_feature(cls, outcomes: tuple[PastOutcome, ...], info: ValidationInfo) -> tuple[PastOutcome, ...]:
        for place, outcome in enumerate(outcomes):
            as_long_as(info, f"the features of outcome {place}", outcome.at)
        return outcomes


class Neighbours(ScoringBase):
    """Utility, with the quality that the nearest past outcomes show, as far as there are any."""

    file: ClassVar[str | None] = "outcomes"
    content: ClassVar[type[BaseModel] | None] = OutcomesFile

    strategy: Literal["neighbours"] = Field(description="The most similar requests of the past.")
    outcomes: str = Field(description="The JSON file with past outcomes, relative to this policy.")
    nearest: int = Field(default=10, ge=1, le=100, description="How many outcomes of an alias count.")
    prior: float = Field(default=3.0, gt=0, description="How many outcomes the pool's own quality counts for.")
    weights: Worth = Field(default=Worth(), description="What a right answer, a dollar and a second are worth.")

    def scorer(self, kit: Kit) -> Scorer:
        """With what is remembered of each candidate."""
        content: OutcomesFile = kit.content
        memories = {alias: _Memory.of(content, alias) for alias in self.candidates}
        return _Remembered(weights=self.weights, features=content.features, memories=memories, nearest=self.nearest, prior=self.prior)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Memory:
    """The outcomes of one alias: places [outcome, feature] and qualities [outcome]."""

    places: NDArray[np.float64]
    qualities: NDArray[np.float64]

    @classmethod
    def of(cls, content: OutcomesFile, alias: str) -> _Memory:
        mine = [outcome for outcome in content.outcomes if outcome.alias == alias]
        places = np.array([outcome.at for outcome in mine], float).reshape(len(mine), len(content.features))
        return cls(places=places, qualities=np.array([outcome.quality for outcome in mine], float))

    def nearest(self, here: NDArray[np.float64], count: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Squared distances and qualities of the outcomes that are nearest to here; of equals the earlier."""
        offsets = self.places - here
        squared = np.einsum("ij,ij->i", offsets, offsets)
        chosen = np.argsort(squared, kind="stable")[:count]
        return squared[chosen], self.qualities[chosen]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Remembered(UtilityScorer):
    features: tuple[str, ...]
    memories: Mapping[str, _Memory]
    nearest: int
    prior: float

    def expect(self, situation: Situation) -> Mapping[str, Estimate]:
        """The pool's estimates, with the quality of the candidates drawn to what is remembered."""
        here = np.array(vector_of(situation.evidence, self.features))
        remembered = {alias: self._drawn(situation.estimates[alias], memory, here) for alias, memory in self.memories.items()}
        return {**situation.estimates, **remembered}

    def _drawn(self, estimate: Estimate, memory: _Memory, here: NDArray[np.float64]) -> Estimate:
        """A mean of the prior and the neighbours, who count less the further they are: 1 at no distance, 1/2 at distance 1."""
        squared, qualities = memory.nearest(here, self.nearest)
        weights = 1.0 / (1.0 + squared)
        total = self.prior * (estimate.quality or 0.0) + float(weights @ qualities)
        return replace(estimate, quality=total / (self.prior + float(weights.sum())))
