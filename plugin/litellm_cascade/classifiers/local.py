"""What classifiers have in common whose model runs in this process: it is loaded once, and reads what the user asked last."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from litellm_cascade.classifiers.base import nothing_to_read, prompt_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litellm_cascade.vocabulary import Classification, Request


class Digested(Protocol):
    """A model that knows its weights."""

    @property
    def digest(self) -> str:
        """First 16 hex digits of a SHA-256 over what it was loaded from."""


Model = TypeVar("Model", bound=Digested)


class Local(ABC, Generic[Model]):
    """Loads in a thread, by ``warm_up`` or by the first request; where that fails, the next one tries again."""

    name: str

    def __init__(self) -> None:
        self._model: Model | None = None
        self._loading = threading.Lock()

    @property
    def digest(self) -> str:
        """Of its model; empty until that is loaded."""
        return self._model.digest if self._model is not None else ""

    async def warm_up(self) -> None:
        """Load the model. Raises ``ClassifierError`` where something is missing or not what it should be."""
        await self._ready()

    def reads(self, request: Request) -> str:
        """What the user asked last."""
        return prompt_of(request)

    async def classify(self, request: Request) -> Classification:
        """What it believes. Raises ``ClassifierError`` where the model cannot be loaded, ``BusyError`` where too many prompts wait."""
        return (await self.show(request))[0]

    async def show(self, request: Request) -> tuple[Classification, Mapping[str, Any]]:
        """The same, and what the model said before that was read."""
        model = self._model if self._model is not None else await self._ready()
        text = prompt_of(request)
        return await self._read(model, text) if text.strip() else (nothing_to_read(self), {})

    async def _ready(self) -> Model:
        return await asyncio.to_thread(self._loaded)

    def _loaded(self) -> Model:
        with self._loading:
            if self._model is None:
                self._model = self._load()
            return self._model

    @abstractmethod
    def _load(self) -> Model:
        """Blocks. Raises ``ClassifierError``."""

    @abstractmethod
    async def _read(self, model: Model, text: str) -> tuple[Classification, Mapping[str, Any]]:
        """What the model believes of a text with something in it, and what it said."""
