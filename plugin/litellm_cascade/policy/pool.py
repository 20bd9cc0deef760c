"""The ``models:`` section: what is known of each alias a policy may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator

from litellm_cascade.policy.strict import Label, Strict
from litellm_cascade.vocabulary import AliasFacts

Tier = Literal["budget", "standard", "premium"]
TIERS: tuple[Tier, ...] = ("budget", "standard", "premium")
"""From cheap to capable."""


class Price(Strict):
    """US dollars per million tokens. Without it LiteLLM's own table counts."""

    input_usd_per_million: float = Field(ge=0, description="Dollars for a million input tokens.")
    output_usd_per_million: float = Field(ge=0, description="Dollars for a million output tokens.")


Modality = Literal["text", "image", "pdf", "audio", "video", "file"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What an alias can take. None: nobody says, so anything."""

    context_tokens: int | None = None
    output_tokens: int | None = None  # of one answer; a limit above that is lowered to it
    modalities: frozenset[str] | None = None
    tools: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the proxy knows of one alias from LiteLLM's table."""

    price: Price | None = None
    capacity: Capacity = Capacity()


Table = Mapping[str, Known]
"""By alias."""


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
    context_tokens: int | None = Field(
        default=None, gt=0, description="Tokens it can read and write in one call, where LiteLLM's table does not say or is wrong."
    )
    modalities: Annotated[tuple[Modality, ...], Field(strict=False)] | None = Field(
        default=None, description="What it can read: text, image, pdf, audio, video, file; left out, what LiteLLM's table says."
    )
    tools: bool | None = Field(default=None, description="Whether it can call tools; left out, what LiteLLM's table says.")

    @field_validator("modalities")
    @classmethod
    def _in_one_order(cls, modalities: tuple[Modality, ...] | None) -> tuple[Modality, ...] | None:
        return None if modalities is None else tuple(sorted(set(modalities)))

    def capacity(self, known: Capacity) -> Capacity:
        """What it can take: as written here, else as ``known``."""
        return Capacity(
            context_tokens=self.context_tokens or known.context_tokens,
            output_tokens=known.output_tokens,
            modalities=known.modalities if self.modalities is None else frozenset(self.modalities),
            tools=known.tools if self.tools is None else self.tools,
        )

    def facts(self, known: Known) -> AliasFacts:
        """All that was said of it, here or else in the table, for the record."""
        price, capacity = self.price or known.price, self.capacity(known.capacity)
        return AliasFacts(
            input_usd_per_million=price.input_usd_per_million if price else None,
            output_usd_per_million=price.output_usd_per_million if price else None,
            context_tokens=capacity.context_tokens,
            output_tokens=capacity.output_tokens,
            modalities=capacity.modalities,
            tools=capacity.tools,
        )


def known_from(facts: AliasFacts) -> Known:
    """What the table must have said, or more: enough to load the policy once more as it was."""
    usd_in, usd_out = facts.input_usd_per_million, facts.output_usd_per_million
    price = Price(input_usd_per_million=usd_in, output_usd_per_million=usd_out) if usd_in is not None and usd_out is not None else None
    capacity = Capacity(
        context_tokens=facts.context_tokens, output_tokens=facts.output_tokens, modalities=facts.modalities, tools=facts.tools
    )
    return Known(price=price, capacity=capacity)
