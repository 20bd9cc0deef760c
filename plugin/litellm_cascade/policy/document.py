"""A policy as it is written. What the fields mean to an operator stands in their descriptions, which the schema carries to the editor."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticKnownError

from litellm_cascade.policy.gates import GateRule
from litellm_cascade.policy.routes import Route
from litellm_cascade.policy.strict import Label, Strict

Tier = Literal["budget", "standard", "premium"]
TIERS: tuple[Tier, ...] = ("budget", "standard", "premium")
"""From cheap to capable."""


class Price(Strict):
    """US dollars per million tokens. Without it LiteLLM's own table counts."""

    input_usd_per_million: float = Field(ge=0, description="Dollars for a million input tokens.")
    output_usd_per_million: float = Field(ge=0, description="Dollars for a million output tokens.")


class ModelCard(Strict):
    """What is known of one alias of the pool."""

    tier: Tier = Field(description="budget, standard or premium: where the alias stands in the pool.")
    strengths: Annotated[tuple[Label, ...], Field(strict=False)] = Field(default=(), description="What it is good at, in your words.")
    quality: dict[Label, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict, description="How often it is right, 0 to 1, by kind of work."
    )
    latency_ms: float | None = Field(default=None, gt=0, description="Milliseconds a typical answer takes.")
    price: Price | None = Field(default=None, description="Dollars per million tokens, where LiteLLM's table does not say or is wrong.")


class Document(Strict):
    """A policy: the pool, the routes in the order they are tried, and the gates of the cascades."""

    version: Literal[1] = Field(description="The version of the policy language.")
    name: Label = Field(description="How this policy is called in traces, metrics and records.")
    description: str = Field(default="", description="One sentence: whom this policy serves.")
    models: dict[Label, ModelCard] = Field(min_length=1, description="The pool: each alias is a LiteLLM model_name.")
    routes: Annotated[tuple[Route, ...], Field(strict=False, min_length=1)] = Field(
        description="First match wins; the last route has no condition."
    )
    gates: dict[Label, GateRule] = Field(default_factory=dict, description="When an answer of a cascade is good enough.")

    @field_validator("version", mode="before")
    @classmethod
    def _a_number(cls, version: object) -> object:
        if isinstance(version, bool):  # True equals 1
            raise PydanticKnownError("literal_error", {"expected": "1"})
        return version

    @property
    def largest(self) -> str:
        """The alias of the highest tier; among equals the one written last."""
        return max(enumerate(self.models), key=lambda entry: (TIERS.index(self.models[entry[1]].tier), entry[0]))[1]
