"""``strategy: multi_objective``: quality, cost and latency on one scale, among the candidates that no other beats in everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.options import Kit, Situation
from litellm_cascade.policy.strategies.scoring import Scorer, ScoringBase, known
from litellm_cascade.policy.strict import Strict
from litellm_cascade.vocabulary import Estimate

_DOMINATED = -1.0
"""The score of a candidate that another one beats; the others have 0 to 1."""

Point = tuple[float, float, float]


class Shares(Strict):
    """How much each objective counts, relative to the others."""

    quality: float = Field(default=1.0, ge=0, description="Right answers.")
    cost: float = Field(default=1.0, ge=0, description="Dollars.")
    latency: float = Field(default=1.0, ge=0, description="Waiting.")

    @model_validator(mode="after")
    def _something_counts(self) -> Shares:
        if not self.quality + self.cost + self.latency:
            raise PydanticCustomError("no_weight", "all weights are 0, so nothing counts; give one of them a weight")
        return self


class MultiObjective(ScoringBase):
    """The weighted mean of the three objectives, each stretched to 0..1 over the candidates that are left."""

    strategy: Literal["multi_objective"] = Field(
        description="Weighted objectives, without candidates that another one beats in everything."
    )
    weights: Shares = Field(default=Shares(), description="How much quality, cost and latency count.")

    @classmethod
    def weighed(cls, written: Mapping[str, Any]) -> tuple[str, ...]:
        """Whatever has a weight; each has one unless it is written as 0."""
        weights = written.get("weights")
        given = weights if isinstance(weights, dict) else {}
        return tuple(name for name in ("quality", "cost", "latency") if given.get(name, 1))

    def scorer(self, kit: Kit) -> Scorer:
        """With the pool's estimates."""
        del kit
        total = self.weights.quality + self.weights.cost + self.weights.latency
        return _Balance(shares=(self.weights.quality / total, self.weights.cost / total, self.weights.latency / total))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Balance:
    shares: Point
    unit: float = 1.0

    def expect(self, situation: Situation) -> Mapping[str, Estimate]:
        return situation.estimates

    def scores(self, candidates: Sequence[Estimate]) -> list[float]:
        points = _points(candidates)
        undominated = [point for point in points if not any(_beats(other, point) for other in points)]
        spans = [(min(values), max(values)) for values in zip(*undominated, strict=True)]
        return [self._mean(point, spans) if point in undominated else _DOMINATED for point in points]

    def _mean(self, point: Point, spans: Sequence[tuple[float, float]]) -> float:
        """An objective in which all are equal counts fully for each."""
        total = 0.0
        for share, value, (low, high) in zip(self.shares, point, spans, strict=True):
            total += share * ((value - low) / (high - low) if high > low else 1.0)
        return total


def _points(candidates: Sequence[Estimate]) -> list[Point]:
    """Quality, cost and latency, all with more being better."""
    costs = known([candidate.cost_usd for candidate in candidates])
    latencies = known([candidate.latency_ms for candidate in candidates])
    return [(candidate.quality or 0.0, -cost, -latency) for candidate, cost, latency in zip(candidates, costs, latencies, strict=True)]


def _beats(one: Point, other: Point) -> bool:
    """At least as good in everything, and better in something."""
    # Written out: a loop over the three would be half of the decision's time.
    return one != other and one[0] >= other[0] and one[1] >= other[1] and one[2] >= other[2]
