"""What a classifier is, and which words of a request it reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from litellm_cascade.vocabulary import UNCLASSIFIED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from litellm_cascade.vocabulary import Classification, Request, Signals

EMPTY: Final = "prompt_empty"  # an image alone, for example: there is nothing to believe anything about


class Options(BaseModel):
    """What an operator may write about a classifier; each has its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Ask(Protocol):
    """How to ask a deployment of LiteLLM's, by its alias, in OpenAI's chat dialect."""

    async def __call__(self, alias: str, messages: list[dict[str, Any]], parameters: Mapping[str, Any]) -> Any:
        """The whole completion, as OpenAI's chat dialect has it. Raises whatever the provider's client raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What there is around a classifier: where relative paths begin, and how deployments are asked (None: not at all).

    ``perceive`` gives the signals of a request (None: they are not known), for classifiers that reckon with them. ``on_batch`` is told of
    each batch how many prompts were computed together, in any thread, and must not raise.
    """

    folder: Path = Path()
    ask: Ask | None = None
    perceive: Callable[[Request], Signals] | None = None
    on_batch: Callable[[int], None] | None = None


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
class Instant(Protocol):
    """A classifier that waits for nothing: it is asked without a task and a timer of its own, which would cost as much as its answer."""

    def at_once(self, request: Request) -> Classification | None:
        """What it believes; None: this time ``classify`` has to be awaited. Raises as that does."""


@runtime_checkable
class ReadsAPart(Protocol):
    """A classifier that does not read all of a conversation. What it does not read cannot change what it believes."""

    def reads(self, request: Request) -> str:
        """The text that it reads."""


@runtime_checkable
class AsksAliases(Protocol):
    """A classifier that asks deployments of LiteLLM's. Start-up checks that they are there, and that there is time for them."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Whom it asks."""

    @property
    def patience_ms(self) -> float:
        """How long it waits for an answer. A guard that waits for less makes most of its answers come too late."""


@runtime_checkable
class FallsBack(Protocol):
    """A classifier with another one behind it. Start-up checks that there is time for both."""

    @property
    def patience_ms(self) -> float:
        """How long it waits before the other one answers."""

    @property
    def fallback(self) -> str:
        """The other one's name."""


@runtime_checkable
class HasParts(Protocol):
    """A classifier made of others."""

    @property
    def parts(self) -> Sequence[Classifier]:
        """All that may be asked."""


@runtime_checkable
class ShowsItsWork(Protocol):
    """A classifier that can show what its model said before that was read as a Classification: for people who look into it."""

    async def show(self, request: Request) -> tuple[Classification, Mapping[str, Any]]:
        """What it believes, and the model's raw output. The output may hold text: it goes on a screen, never into spans or records."""


async def shown_by(classifier: Classifier, request: Request) -> tuple[Classification, Mapping[str, Any]]:
    """What it believes, and its model's raw output; or one sentence where there is none."""
    if isinstance(classifier, ShowsItsWork):
        return await classifier.show(request)
    return await classifier.classify(request), {"none": f"there is no model behind the classifier {classifier.name!r}"}


def nothing_to_read(classifier: Classifier) -> Classification:
    """What is believed of a prompt without text."""
    return replace(UNCLASSIFIED, classifier=classifier.name, digest=classifier.digest, degraded=(EMPTY,))


def all_read(classifier: Classifier, request: Request) -> tuple[str, ...]:
    """All of the request's text that can change the answer: where the classifier does not say, every turn and who spoke."""
    if isinstance(classifier, ReadsAPart):
        return (classifier.reads(request),)
    return tuple(part for turn in request.turns for part in (turn.role, turn.text))


def prompt_of(request: Request) -> str:
    """What the user asked last; the whole conversation's text when no user turn has any."""
    asked = [turn.text for turn in request.turns if turn.role == "user" and turn.text.strip()]
    return asked[-1] if asked else "\n".join(turn.text for turn in request.turns)


def well_formed(text: str) -> str:
    """The text with ``?`` for each half of a surrogate pair, which is no text that a tokeniser takes."""
    return text.encode("utf-8", "replace").decode()


def ends(text: str, *, head: int, tail: int) -> tuple[str, bool]:
    """The first ``head`` and last ``tail`` characters, and whether anything was left out. Instructions stand at one end or the other."""
    if len(text) <= head + tail:
        return text, False
    return f"{text[:head]}\n{text[len(text) - tail :]}", True
