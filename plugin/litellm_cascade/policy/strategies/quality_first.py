"""``strategy: quality_first``: the cheapest candidate that is good enough; the best one when none is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from litellm_cascade.policy.options import Kit, Situation
from litellm_cascade.policy.strategies.scoring import Scorer, ScoringBase, known
from litellm_cascade.vocabulary import Estimate


class QualityFirst(ScoringBase):
    """Good enough first, cheap second."""

    strategy: Literal["quality_first"] = Field(description="The cheapest that is good enough, else the best.")
    floor: float = Field(ge=0, le=1, description="How often an answer must be expected to be right, 0 to 1.")

    @classmethod
    def weighed(cls, written: Mapping[str, Any]) -> tuple[str, ...]:
        """Quality and cost."""
        del written
        return ("quality", "cost")

    def scorer(self, kit: Kit) -> Scorer:
        """With the pool's estimates."""
        del kit
        return _GoodEnough(floor=self.floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class _GoodEnough:
    floor: float
    unit: float = 1.0

    def expect(self, situation: Situation) -> Mapping[str, Estimate]:
        return situation.estimates

    def scores(self, candidates: Sequence[Estimate]) -> list[float]:
        """1 plus the share of the highest cost that is saved, where it is good enough; its quality, where it is not."""
        costs = known([candidate.cost_usd for candidate in candidates])
        highest = max(costs) or 1.0
        return [
            2.0 - cost / highest if (candidate.quality or 0.0) >= self.floor else (candidate.quality or 0.0)
            for candidate, cost in zip(candidates, costs, strict=True)
        ]
