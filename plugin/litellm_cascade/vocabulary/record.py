"""What is told to the operator of one request, and what its caller says of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from litellm_cascade.vocabulary.answer import Outcome, Usage
from litellm_cascade.vocabulary.decision import Plan
from litellm_cascade.vocabulary.request import Band, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasFacts:
    """What was known of an alias when a request was decided: of the policy, else of LiteLLM. None: nobody says."""

    input_usd_per_million: float | None = None
    output_usd_per_million: float | None = None
    context_tokens: int | None = None
    output_tokens: int | None = None
    modalities: frozenset[str] | None = None
    tools: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a decision rests on besides its evidence, so that it can be made again; and who was asked what, as a hash."""

    seed: int = 0
    aliases: Mapping[str, AliasFacts] = field(default_factory=dict)  # of the pool
    price_table: str | None = None  # which prices those are: another hash, other prices
    smallest: str | None = None  # the pool's aliases of the lowest and the highest tier
    largest: str | None = None
    input_hash: str | None = None  # HMAC-SHA256 of the conversation, 64 hexadecimal digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One answer of a deployment that a classifier asked, whatever it was worth. None: the provider, or LiteLLM, does not say."""

    usage: Usage | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a request cost, and what its answer would have cost from the smallest and from the largest alias alone. USD; None: unknown.

    ``classifier_usd`` is that part of ``actual_usd`` which a classifier's questions to deployments cost.
    """

    actual_usd: float | None = None
    classifier_usd: float | None = 0.0
    all_small_usd: float | None = None
    all_large_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """What is told to the operator about one request, without a word of its text."""

    plan: Plan
    outcome: Outcome
    basis: Basis = Basis()
    costs: Costs = Costs()
    took_ms: float = 0.0
    trace_id: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What was said, for the decision record alone, of requests whose policy asks for that. ``answers`` by rung."""

    turns: tuple[Turn, ...] = ()
    answers: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The place of a record in its chain: its own hash and the one before it, 64 hexadecimal digits each."""

    hash: str
    previous: str


class Opinion(StrEnum):
    """What a caller says an answer came to."""

    RIGHT = "right"
    WRONG = "wrong"
    INCOMPLETE = "incomplete"
    UNHELPFUL = "unhelpful"
    HARMFUL = "harmful"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What is remembered of an answer for as long as its caller may say what it was worth. No word of it."""

    request_id: str
    trace_id: str | None = None  # 32 hexadecimal digits
    span_id: str | None = None  # of the span cascade.route; 16 hexadecimal digits
    key_hash: str | None = None
    policy: str
    digest: str
    band: Band
    alias: str | None = None  # that answered
    task: str = "Unknown"
    score_name: str | None = None  # None: the answer was not judged
    score: float | None = None
    probability: float | None = None
    of_beginning: bool = False  # only the first tokens of a stream were judged
    at: float  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a caller says of one of its answers. ``rating``: -1 (useless) to 1 (just right); None: not said."""

    answer: Answered
    rating: float | None = None
    outcome: Opinion | None = None
    label: str | None = None

    @property
    def verdict(self) -> str:
        """The outcome; where only a rating was given ``up``, ``down`` or ``neutral``."""
        if self.outcome is not None:
            return self.outcome.value
        return "neutral" if not self.rating else "up" if self.rating > 0 else "down"

    @property
    def correct(self) -> bool | None:
        """Whether the answer was right, as far as that was said. An outcome says more than a rating; None: neither says it."""
        if self.outcome is not None:
            return self.outcome is Opinion.RIGHT
        return self.rating > 0 if self.rating else None
