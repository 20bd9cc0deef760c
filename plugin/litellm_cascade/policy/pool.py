"""The ``models:`` section: what is known of each alias a policy may ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from litellm_cascade.policy.strict import Label, Strict

Tier = Literal["budget", "standard", "premium"]
TIERS: tuple[Tier, ...] = ("budget", "standard", "premium")
"""From cheap to capable."""


class Price(Strict):
    """US dollars per million tokens. Without it LiteLLM's own table counts."""

    input_usd_per_million: float = Field(ge=0, description="Dollars for a million input tokens.")
    output_usd_per_million: float = Field(ge=0, description="Dollars for a million output tokens.")


Prices = Mapping[str, Price]
"""By alias: what the proxy knows from LiteLLM's table."""


class ModelCard(Strict):
    """What is known of one alias of the pool."""

    tier: Tier = Field(description="budget, standard or premium: where the alias stands in the pool.")
    strengths: Annotated[tuple[Label, ...], Field(strict=False)] = Field(default=(), description="What it is good at, in your words.")
    quality: dict[Label, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict,
        description="How often it is right, 0 to 1, by kind of work: general, and where it differs sql, code, reasoning, creative.",
    )
    latency_ms: float | None = Field(default=None, gt=0, description="Milliseconds a typical answer takes.")
    latency_ms_per_token: float | None = Field(
        default=None, gt=0, description="Milliseconds more for each output token; latency_ms is then the time to the first one."
    )
    price: Price | None = Field(default=None, description="Dollars per million tokens, where LiteLLM's table does not say or is wrong.")
