"""``strategy: utility``: the candidate whose expected answer is worth most, after what it costs and how long it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from litellm_cascade.policy.options import Kit, Situation
from litellm_cascade.policy.strategies.scoring import Scorer, ScoringBase, known
from litellm_cascade.policy.strict import Strict
from litellm_cascade.vocabulary import Estimate


class Worth(Strict):
    """What a right answer, a dollar and a second are worth, in one unit of your choice."""

    quality: float = Field(default=1.0, gt=0, description="A right answer.")
    cost: float = Field(default=0.0, ge=0, description="A dollar.")
    latency: float = Field(default=0.0, ge=0, description="A second of waiting.")


class Utility(ScoringBase):
    """Quality x P(right) - cost x dollars - latency x seconds."""

    strategy: Literal["utility"] = Field(description="Expected utility.")
    weights: Worth = Field(default=Worth(), description="What a right answer, a dollar and a second are worth.")

    def scorer(self, kit: Kit) -> Scorer:
        """With the pool's estimates."""
        del kit
        return UtilityScorer(weights=self.weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class UtilityScorer:
    """The expected utility of each candidate."""

    weights: Worth

    @property
    def unit(self) -> float:
        """What a right answer is worth."""
        return self.weights.quality

    def expect(self, situation: Situation) -> Mapping[str, Estimate]:
        """What the pool says."""
        return situation.estimates

    def scores(self, candidates: Sequence[Estimate]) -> list[float]:
        """In the unit of the weights."""
        costs = known([candidate.cost_usd for candidate in candidates])
        latencies = known([candidate.latency_ms for candidate in candidates])
        weights = self.weights
        return [
            weights.quality * (candidate.quality or 0.0) - weights.cost * cost - weights.latency * latency / 1000
            for candidate, cost, latency in zip(candidates, costs, latencies, strict=True)
        ]
