"""What a classifier is, and which words of a request it reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litellm_cascade.vocabulary import Classification, Request

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


class Options(BaseModel):
    """What an operator may write about a classifier; each has its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Ask(Protocol):
    """How to ask a deployment of LiteLLM's, by its alias, in OpenAI's chat dialect."""

    async def __call__(self, alias: str, messages: list[dict[str, Any]], parameters: Mapping[str, Any]) -> Any:
        """The whole completion, as OpenAI's chat dialect has it. Raises whatever the provider's client raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What there is around a classifier: where relative paths begin, and how deployments are asked (None: not at all)."""

    folder: Path = Path()
    ask: Ask | None = None


class Classifier(Protocol):
    """Believes something about a prompt. May be slow, may raise: ``Guarded`` is what the pipeline holds."""

    @property
    def name(self) -> str:
        """The name it is registered under."""

    @property
    def digest(self) -> str:
        """Identity of its weights, ``""`` while they are not loaded or where there are none."""

    async def classify(self, request: Request) -> Classification:
        """Raise ``ClassifierError`` when it cannot be loaded or cannot answer."""


@runtime_checkable
class WarmsUp(Protocol):
    """A classifier with something to load before the first request."""

    async def warm_up(self) -> None:
        """Load what is needed. Raises ``ClassifierError`` at start-up, where it is still cheap to mend."""


@runtime_checkable
class ReadsAPart(Protocol):
    """A classifier that does not read all of a conversation. What it does not read cannot change what it believes."""

    def reads(self, request: Request) -> str:
        """The text that it reads."""


def prompt_of(request: Request) -> str:
    """What the user asked last; the whole conversation's text when no user turn has any."""
    asked = [turn.text for turn in request.turns if turn.role == "user" and turn.text.strip()]
    return asked[-1] if asked else "\n".join(turn.text for turn in request.turns)


def ends(text: str, *, head: int, tail: int) -> tuple[str, bool]:
    """The first ``head`` and last ``tail`` characters, and whether anything was left out. Instructions stand at one end or the other."""
    if len(text) <= head + tail:
        return text, False
    return f"{text[:head]}\n{text[len(text) - tail :]}", True
