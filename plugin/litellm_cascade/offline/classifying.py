"""What any classifier says of prompts, one after the other or several at once, without a proxy around it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.classifiers.base import Classifier, WarmsUp, shown_by
from litellm_cascade.errors import ClassifierError
from litellm_cascade.offline.plainly import as_json
from litellm_cascade.signals import read_signals
from litellm_cascade.vocabulary import Classification, Endpoint, Envelope, Request, Turn

DIGITS = 6
"""Of every number that is written: more tells of the processor, not of the prompt."""


class PromptReader:
    """A classifier, asked as nothing but a person would: waited for, and heard out when it fails."""

    def __init__(self, name: str, options: Mapping[str, Any], around: Surroundings, *, within_s: float, debug: bool = False) -> None:
        """Raises ``ClassifierError`` where it cannot be built. ``debug``: what its model said before it was read goes along."""
        self.classifier: Classifier = build(name, options, around)
        self._within_s = within_s
        self._debug = debug

    async def warm_up(self) -> None:
        """Raises ``ClassifierError`` where it cannot be loaded."""
        if isinstance(self.classifier, WarmsUp):
            await self.classifier.warm_up()

    async def read(self, prompt: str) -> dict[str, Any]:
        """What it says, as JSON. Raises ``ClassifierError`` where it says nothing."""
        try:
            belief, shown = await asyncio.wait_for(self._asked(_request(prompt)), self._within_s)
        except TimeoutError:
            raise ClassifierError(f"classifier {self.classifier.name!r}: no answer within {self._within_s:g} s") from None
        except ClassifierError:
            raise
        except Exception as error:  # a model, a driver or a provider's client; its message may repeat the prompt
            raise ClassifierError(f"classifier {self.classifier.name!r}: it failed with {type(error).__name__}") from error
        return said(belief) | ({"debug": _rounded(shown | {"classification": as_json(belief)})} if self._debug else {})

    async def read_all(self, prompts: Sequence[str]) -> list[dict[str, Any]]:
        """The same for several at once; ``error`` has the sentence in place of an answer."""
        return list(await asyncio.gather(*map(self._read_or_say_why, prompts)))

    async def _read_or_say_why(self, prompt: str) -> dict[str, Any]:
        try:
            return await self.read(prompt)
        except ClassifierError as error:
            return {"error": str(error)}

    async def _asked(self, request: Request) -> tuple[Classification, dict[str, Any]]:
        if self._debug:
            belief, shown = await shown_by(self.classifier, request)
            return belief, {"model": dict(shown)}
        return await self.classifier.classify(request), {}


def said(belief: Classification) -> dict[str, Any]:
    """A classification under the names of the files that ``cascade classify`` writes."""
    written = as_json(belief)
    kept = ("task_probabilities", "complexity", "dimensions", "domain", "label", "labels", "gain", "classifier", "degraded")
    answer: dict[str, Any] = {"task_type": belief.task} | {name: written.get(name) for name in kept} | {"ms": belief.took_ms}
    return {name: _rounded(value) for name, value in answer.items()}


def around_here(ask: Any = None) -> Surroundings:
    """Paths begin where the command is called."""
    return Surroundings(ask=ask, perceive=read_signals)


def _request(prompt: str) -> Request:
    envelope = Envelope(request_id="classify", endpoint=Endpoint.CHAT, requested_model="auto", policy="")
    return Request(envelope=envelope, turns=(Turn(role="user", text=prompt),))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
