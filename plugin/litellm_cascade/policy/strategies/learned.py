"""``strategy: learned``: a small fitted model says how likely each candidate is right about this request; utility decides.

Without a file the classifier says so: one that was fitted to outcomes (``classification.chances``), which has read the prompt. The file
needs no such classifier. It is JSON: the features it reads (docs/policies.md lists them) and, for each alias, an intercept and a weight per
feature. The probability that the alias is right is the logistic function of ``intercept + weights x features``.
``cascade train gain`` writes such files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import mul
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from litellm_cascade.policy.estimates import sigmoid
from litellm_cascade.policy.features import vector_of
from litellm_cascade.policy.options import Kit, Situation
from litellm_cascade.policy.strategies.contents import Features, Vector, as_long_as
from litellm_cascade.policy.strategies.scoring import Scorer, ScoringBase
from litellm_cascade.policy.strategies.utility import UtilityScorer, Worth
from litellm_cascade.policy.strict import Label, Strict
from litellm_cascade.vocabulary import Estimate


class Fitted(Strict):
    """The fitted numbers of one alias, in log-odds."""

    intercept: float
    weights: Vector


class GainFile(Strict):
    """A gain model. ``card`` says in a few sentences what it was fitted on and how good it is."""

    version: Literal[1]
    card: str = Field(min_length=1)
    features: Features
    aliases: dict[Label, Fitted] = Field(min_length=1)

    @field_validator("aliases")
    @classmethod
    def _a_weight_for_each_feature(cls, aliases: dict[str, Fitted], info: ValidationInfo) -> dict[str, Fitted]:
        for alias, fitted in aliases.items():
            as_long_as(info, f"the weights of {alias!r}", fitted.weights)
        return aliases


class Learned(ScoringBase):
    """Utility, with the probability of a right answer from a fitted model instead of the pool."""

    file: ClassVar[str | None] = "gain"
    content: ClassVar[type[BaseModel] | None] = GainFile

    strategy: Literal["learned"] = Field(description="Expected gain, from a fitted model.")
    gain: str | None = Field(
        default=None, description="The JSON file with the fitted model, relative to this policy; without it the classifier's `chances`."
    )
    weights: Worth = Field(default=Worth(), description="What a right answer, a dollar and a second are worth.")

    @classmethod
    def silent_on(cls, content: Any, alias: str) -> bool:
        """Every candidate must have been fitted."""
        return alias not in content.aliases

    def scorer(self, kit: Kit) -> Scorer:
        """With the fitted probabilities."""
        return _Chances(weights=self.weights) if self.gain is None else _Gain(weights=self.weights, content=kit.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chances(UtilityScorer):
    """With what the classifier believes of each alias."""

    def expect(self, situation: Situation) -> Mapping[str, Estimate]:
        """The pool's estimates, with the classifier's probabilities for the aliases that it knows."""
        chances = situation.evidence.classification.chances
        return {
            alias: replace(estimate, quality=chances[alias]) if alias in chances else estimate
            for alias, estimate in situation.estimates.items()
        }

    def scores(self, candidates: Sequence[Estimate]) -> list[float]:
        """The gain in utility over the first, which is the cheapest."""
        utilities = UtilityScorer.scores(self, candidates)
        return [utility - utilities[0] for utility in utilities]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gain(_Chances):
    """With a file of its own."""

    content: GainFile

    def expect(self, situation: Situation) -> Mapping[str, Estimate]:
        """The pool's costs and latencies with the model's probabilities, where it knows the alias."""
        features = vector_of(situation.evidence, self.content.features)
        fitted = self.content.aliases
        return {
            alias: replace(estimate, quality=_probability(fitted[alias], features)) if alias in fitted else estimate
            for alias, estimate in situation.estimates.items()
        }


def _probability(fitted: Fitted, features: Sequence[float]) -> float:
    return sigmoid(fitted.intercept + sum(map(mul, fitted.weights, features)))
