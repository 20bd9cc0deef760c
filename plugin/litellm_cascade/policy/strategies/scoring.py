"""What the strategies that give each candidate a number have in common: the highest number wins."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import Field, field_validator

from litellm_cascade.policy.estimates import sigmoid
from litellm_cascade.policy.options import Choice, Chooser, Kit, Option, Situation, narrow
from litellm_cascade.policy.strategies.base import Place, StrategyBase
from litellm_cascade.policy.strict import Label, Strict
from litellm_cascade.policy.targets import Target, each_once, option_of
from litellm_cascade.vocabulary import Estimate, Step

CLEAR_LEAD = 0.1
"""The lead over the runner-up that makes a choice 73 % sure: a tenth of what a right answer is worth."""


class Unsure(Strict):
    """What to do when two candidates are too close."""

    below: float = Field(gt=0.5, le=1, description="The confidence under which this applies; 0.5 is a tie.")
    take: Target = Field(description="An alias, a cascade or a later route.")


class ScoringBase(StrategyBase):
    """A strategy that gives each candidate a number."""

    targets: ClassVar[tuple[Place, ...]] = (("candidates", "*"), ("unsure", "take"))

    candidates: Annotated[tuple[Label, ...], Field(strict=False, min_length=2)] = Field(
        description="Aliases, cheapest first; the first of equals wins."
    )
    unsure: Unsure | None = Field(default=None, description="What to do when the two best are too close.")

    @field_validator("candidates")
    @classmethod
    def _each_once(cls, candidates: tuple[str, ...]) -> tuple[str, ...]:
        return each_once(candidates)

    @classmethod
    def weighed(cls, written: Mapping[str, Any]) -> tuple[str, ...]:
        """Quality, and the rest where it has a weight."""
        weights = written.get("weights")
        others = (name for name in ("cost", "latency") if isinstance(weights, dict) and weights.get(name))
        return ("quality", *others)

    @abstractmethod
    def scorer(self, kit: Kit) -> Scorer:
        """What gives the numbers."""

    def chooser(self, kit: Kit) -> Chooser:
        """Ready to run."""
        return _ByScore(
            name=self.strategy,
            candidates=tuple(Option(ladder=(alias,)) for alias in self.candidates),
            scorer=self.scorer(kit),
            unsure=option_of(self.unsure.take, kit) if self.unsure else None,
            unsure_below=self.unsure.below if self.unsure else 0.0,
        )


class Scorer(Protocol):
    """Gives the numbers. ``unit`` is what a right answer is worth."""

    @property
    def unit(self) -> float: ...

    def expect(self, situation: Situation) -> Mapping[str, Estimate]:
        """What is known of each alias."""

    def scores(self, candidates: Sequence[Estimate]) -> list[float]:
        """What each candidate is worth, higher is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ByScore:
    name: str
    candidates: tuple[Option, ...]
    scorer: Scorer
    unsure: Option | None
    unsure_below: float

    @property
    def options(self) -> tuple[Option, ...]:
        return (*self.candidates, *((self.unsure,) if self.unsure else ()))

    def choose(self, situation: Situation) -> Choice:
        """The candidate with the highest number, or what the policy wants when the lead is small."""
        estimates = self.scorer.expect(situation)
        narrowed = narrow(self.candidates, situation, estimates)
        admitted = [self.candidates[place] for place in narrowed.places]
        scores = self.scorer.scores([estimates[option.ladder[0]] for option in admitted])
        best = scores.index(max(scores))
        confidence = sureness(scores, self.scorer.unit)
        chosen = self._or_unsure(admitted[best], confidence, situation, estimates)
        told = ", ".join(f"{option.label} {score:.4g}" for option, score in zip(admitted, scores, strict=True))
        return Choice(
            option=chosen,
            confidence=confidence,
            reasons=(f"{self.name}:{scores[best]:.4g}", *(("unsure",) if chosen is self.unsure else ())),
            steps=(*narrowed.steps, Step(name=self.name, outcome=chosen.label, detail=told)),
            degraded=narrowed.degraded,
            estimates=estimates,
        )

    def _or_unsure(self, best: Option, confidence: float, situation: Situation, estimates: Mapping[str, Estimate]) -> Option:
        if self.unsure is None or confidence >= self.unsure_below or narrow([self.unsure], situation, estimates).degraded:
            return best
        return self.unsure


def sureness(scores: Sequence[float], unit: float) -> float:
    """How sure a choice by score is, 0.5 to 1: a logistic function of the best one's lead over the runner-up."""
    if len(scores) == 1:
        return 1.0
    runner_up, best = sorted(scores)[-2:]
    return sigmoid((best - runner_up) / (CLEAR_LEAD * unit))


def known(values: Sequence[float | None]) -> list[float]:
    """Costs or latencies; what nobody knows counts as much as the highest that is known."""
    highest = max((value for value in values if value is not None), default=0.0)
    return [highest if value is None else value for value in values]
