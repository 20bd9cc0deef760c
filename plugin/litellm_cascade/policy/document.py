"""A policy as it is written. What the fields mean to an operator stands in their descriptions, which the schema carries to the editor."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticKnownError

from litellm_cascade.policy.constraints import ConstraintRule
from litellm_cascade.policy.gates import GateRule
from litellm_cascade.policy.overrides import OverrideRule
from litellm_cascade.policy.pool import TIERS, ModelCard
from litellm_cascade.policy.routes import Route
from litellm_cascade.policy.sessions import SessionRule
from litellm_cascade.policy.strict import Label, Strict


class Document(Strict):
    """A policy: the pool, the routes in the order they are tried, and the gates of the cascades."""

    version: Literal[1] = Field(description="The version of the policy language.")
    name: Label = Field(description="How this policy is called in traces, metrics and records.")
    description: str = Field(default="", description="One sentence: whom this policy serves.")
    models: dict[Label, ModelCard] = Field(min_length=1, description="The pool: each alias is a LiteLLM model_name.")
    routes: Annotated[tuple[Route, ...], Field(strict=False, min_length=1)] = Field(
        description="First match wins; one that every request can fall through to has no condition."
    )
    gates: dict[Label, GateRule] = Field(default_factory=dict, description="When an answer of a cascade is good enough.")
    constraints: ConstraintRule = Field(default=ConstraintRule(), description="When nothing keeps to all that a request asks.")
    overrides: OverrideRule = Field(default=OverrideRule(), description="What clients may ask for themselves; nothing, unless it is said.")
    sessions: SessionRule = Field(default=SessionRule(), description="Whether a conversation stays with the alias that answered it.")

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

    @property
    def smallest(self) -> str:
        """The alias of the lowest tier; among equals the one written first."""
        return min(self.models, key=lambda alias: TIERS.index(self.models[alias].tier))
