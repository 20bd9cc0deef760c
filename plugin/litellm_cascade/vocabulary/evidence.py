"""What is known before a decision: signals, a classification, limits and load. From here on nothing holds message text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from litellm_cascade.vocabulary.request import Caller, Envelope, Overrides, Session

TASK_TYPES: Final = (
    "Brainstorming",
    "Chatbot",
    "Classification",
    "Closed QA",
    "Code Generation",
    "Extraction",
    "Open QA",
    "Other",
    "Rewrite",
    "Summarization",
    "Text Generation",
)
"""NVIDIA's eleven task types, in the order of nvidia/prompt-task-and-complexity-classifier. Its twelfth, ``Unknown``, means no answer."""
DIMENSIONS: Final = ("creativity_scope", "reasoning", "contextual_knowledge", "number_of_few_shots", "domain_knowledge", "constraint_ct")
"""The complexity dimensions of the same model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What a request tells without a model. See docs/signals.md for units, cost and examples."""

    input_tokens: int = 0
    turns: int = 0
    turn: int = 0  # which of the user's turns this is; 1 is the first
    modalities: tuple[str, ...] = ("text",)
    attachments: int = 0
    mime_types: tuple[str, ...] = ()  # of the attachments, from a closed list; sorted
    markup: tuple[str, ...] = ()  # xml | json | code | sql | markdown_table
    tools: int = 0
    tool_results: int = 0
    continues_tool_call: bool = False  # the last turn brings back a tool's result
    response_format: str = "text"  # text | json_object | json_schema
    temperature: float | None = None
    language: str = "unknown"  # ISO 639-1, or "unknown"
    max_output_tokens: int | None = None
    predicted_output_tokens: int | None = None  # of one answer
    choices: int = 1
    quality_requirement: str = "unspecified"  # unspecified | low | normal | high
    urgency: str = "unspecified"  # unspecified | low | normal | high
    latency_budget_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What a classifier believes about the prompt.

    ``complexity`` and every dimension lie in 0..1 (``number_of_few_shots``: 0..5). ``degraded`` names what went wrong on the way.
    ``chances``: by alias, how probable a right answer of it is, 0..1, from a classifier that was fitted to outcomes.
    ``small_copes`` is the probability that a small model is right, ``gain`` how much more probable that is for a strong one (-1..1);
    None: this classifier does not know.
    """

    known: bool = True
    task: str = "Unknown"
    task_probability: float = 0.0
    task_probabilities: Mapping[str, float] = field(default_factory=dict)
    domain: str = ""  # what the prompt is about, in the classifier's own words; "" where it tells none
    label: str = ""  # the likeliest of the labels
    labels: Mapping[str, float] = field(default_factory=dict)  # aliases, tiers, or whatever else it tells apart, with probabilities
    complexity: float = 0.5
    dimensions: Mapping[str, float] = field(default_factory=dict)
    chances: Mapping[str, float] = field(default_factory=dict)
    small_copes: float | None = None
    gain: float | None = None
    classifier: str = "none"
    digest: str = ""
    device: str = "cpu"
    took_ms: float = 0.0
    truncated: bool = False
    cached: bool = False  # it was remembered from an equal prompt
    degraded: tuple[str, ...] = ()


UNCLASSIFIED = Classification(known=False)
"""What stands in when no classifier answered: task ``Unknown``, complexity in the middle, ``known`` false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What a request asks of whoever answers it. None: it does not ask."""

    max_cost_usd: float | None = None
    max_latency_ms: float | None = None
    min_quality: float | None = None  # 0..1


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy one alias is, as this process sees it. The default stands for an alias nothing is known of: idle, and there."""

    cooling_down: bool = False  # every deployment of the alias is in a cooldown
    in_flight: int = 0  # calls of ours that have not ended
    available: int = 1  # deployments that are in no cooldown


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything a policy may see, and nothing it may not: no message text."""

    envelope: Envelope
    caller: Caller = Caller()
    signals: Signals = Signals()
    classification: Classification = UNCLASSIFIED
    constraints: Constraints = Constraints()
    load: Mapping[str, Load] = field(default_factory=dict)  # by alias of the pool
    direct_only: str | None = None
    overrides: Overrides = Overrides()
    session: Session = Session()
