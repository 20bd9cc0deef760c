"""Two questions, one classification: what is it about, then how hard is it for something of that kind."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from litellm_cascade.classifiers import build
from litellm_cascade.classifiers.base import AsksAliases, Classifier, Surroundings, WarmsUp, all_read, shown_by
from litellm_cascade.classifiers.base import Options as AnyOptions
from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import Classification

if TYPE_CHECKING:
    from litellm_cascade.vocabulary import Request

UNKNOWN: Final = "Unknown"
WITHIN_FAILED: Final = "classifier_within_failed"
"""The first classifier answered, the one for what it saw did not: the first one's answer stands."""


class Part(BaseModel):
    """A classifier, as it is named under ``callback_settings.cascade.classifier``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    options: Mapping[str, Any] = {}


class Options(AnyOptions):
    """Who is asked first, and who then."""

    first: Part
    within: Mapping[str, Part] = Field(min_length=1)
    """By domain, label or task of the first one's answer: whichever of these, in this order, is named here."""
    otherwise: Part | None = Field(default=None, alias="else")
    """For all other answers; without it they stand as they are."""


def make(options: Options, around: Surroundings) -> Hierarchical:
    """The classifier ``hierarchical``. Raises ``ClassifierError`` where one of its parts cannot be built."""
    return Hierarchical(
        _part("first", options.first, around),
        {key: _part(f"within.{key}", part, around) for key, part in options.within.items()},
        _part("else", options.otherwise, around) if options.otherwise is not None else None,
    )


class Hierarchical:
    """``first`` says what a prompt is about, the classifier of that kind says the rest. One deadline, one answer, one trace for both."""

    name: Final = "hierarchical"

    def __init__(self, first: Classifier, within: Mapping[str, Classifier], otherwise: Classifier | None = None) -> None:
        self._first = first
        self._within = within
        self._otherwise = otherwise
        self.parts: Final[tuple[Classifier, ...]] = (first, *within.values(), *((otherwise,) if otherwise is not None else ()))

    @property
    def digest(self) -> str:
        """Of the parts' digests; empty until all that have one are loaded."""
        told = [f"{part.name}:{part.digest}" for part in self.parts]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16] if any(part.digest for part in self.parts) else ""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Whom its parts ask."""
        return tuple(dict.fromkeys(alias for part in self.parts if isinstance(part, AsksAliases) for alias in part.aliases))

    @property
    def patience_ms(self) -> float:
        """How long the first and the slowest of the others wait together."""
        first, *others = (part.patience_ms if isinstance(part, AsksAliases) else 0.0 for part in self.parts)
        return first + max(others)

    async def warm_up(self) -> None:
        """Load all parts. Raises ``ClassifierError``."""
        for part in self.parts:
            if isinstance(part, WarmsUp):
                await part.warm_up()

    def reads(self, request: Request) -> str:
        """What any of its parts reads."""
        return repr([all_read(part, request) for part in self.parts])

    async def classify(self, request: Request) -> Classification:
        """Raises what the first classifier raises. What the second one raises costs its part of the answer."""
        return (await self.show(request))[0]

    async def show(self, request: Request) -> tuple[Classification, Mapping[str, Any]]:
        """What both believe together, and what each showed of its work."""
        began = time.perf_counter()
        broad, shown = await shown_by(self._first, request)
        key, chosen = self._chosen(broad)
        if chosen is None:
            return self._signed(broad, began), {"first": shown}
        try:
            narrow, shown_within = await shown_by(chosen, request)
        except Exception:  # noqa: BLE001 -- as the guard does for a whole classifier: half an answer is better than none
            return self._signed(replace(broad, degraded=(*broad.degraded, WITHIN_FAILED)), began), {"first": shown}
        return self._signed(together(broad, narrow), began), {"first": shown, f"within {key}": shown_within}

    def _chosen(self, broad: Classification) -> tuple[str, Classifier | None]:
        for key in (broad.domain, broad.label, broad.task):
            if key in self._within:
                return key, self._within[key]
        return "else", self._otherwise

    def _signed(self, belief: Classification, began: float) -> Classification:
        return replace(belief, classifier=self.name, digest=self.digest, took_ms=(time.perf_counter() - began) * 1000)


def together(broad: Classification, narrow: Classification) -> Classification:
    """What kind it is from ``broad``, how hard from ``narrow``; each fills in what the other does not say."""
    if not narrow.known:
        return replace(broad, degraded=(*broad.degraded, *narrow.degraded))
    kind = narrow if broad.task == UNKNOWN else broad
    label = narrow if narrow.labels else broad
    return replace(
        narrow,
        task=kind.task,
        task_probability=kind.task_probability,
        task_probabilities=kind.task_probabilities,
        dimensions={**broad.dimensions, **narrow.dimensions},
        domain=broad.domain or narrow.domain,
        label=label.label,
        labels=label.labels,
        truncated=broad.truncated or narrow.truncated,
        degraded=(*broad.degraded, *narrow.degraded),
    )


def _part(where: str, part: Part, around: Surroundings) -> Classifier:
    try:
        return build(part.name, part.options, around)
    except ClassifierError as error:
        raise ClassifierError(
            "\n".join(f"classifier 'hierarchical': options.{where}: {line}" for line in str(error).splitlines())
        ) from None
