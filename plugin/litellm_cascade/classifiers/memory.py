"""What was believed of a prompt is believed again of an equal one, without asking. See docs/decisions/0002-what-is-remembered.md."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from litellm_cascade.classifiers.guard import Guarded
    from litellm_cascade.vocabulary import Classification, Request

Kept = TypeVar("Kept")


class Recent(Generic[Kept]):
    """A map that never holds more than ``most`` values, and none for longer than it was asked to. The one unused longest goes first."""

    def __init__(self, *, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._entries: OrderedDict[Hashable, tuple[float, Kept]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Kept | None:
        """What was put there, if that is not too long ago."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= self._clock():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: Hashable, value: Kept, *, seconds: float) -> None:
        """Keep it for so long, unless ``most`` others are used after it."""
        self._entries[key] = (self._clock() + seconds, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)


class Remembering:
    """A guarded classifier that answers at once when it has read the same text not long ago.

    The text itself is not kept, only a keyed hash of it. What went wrong (``degraded``) is not remembered: the next request may fare
    better. ``most`` 0 remembers nothing.
    """

    def __init__(self, classifier: Guarded, *, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._classifier = classifier
        self._seconds = seconds
        self._believed: Recent[Classification] = Recent(most=most, clock=clock)
        self._salt = secrets.token_bytes(32)  # of this process: nobody can work out from outside which prompts have been seen

    @property
    def name(self) -> str:
        """The classifier's name."""
        return self._classifier.name

    @property
    def digest(self) -> str:
        """The classifier's digest."""
        return self._classifier.digest

    async def warm_up(self) -> None:
        """Load what is needed. Raises ``ClassifierError``."""
        await self._classifier.warm_up()

    async def classify(self, request: Request) -> Classification:
        """What the classifier believes, or believed less than ``seconds`` ago."""
        began = time.perf_counter()
        key = self._key(request)
        believed = self._believed.get(key)
        if believed is not None:
            return replace(believed, cached=True, took_ms=(time.perf_counter() - began) * 1000)
        fresh = await self._classifier.classify(request)
        if fresh.known and not fresh.degraded:
            self._believed.put(key, fresh, seconds=self._seconds)
        return fresh

    def _key(self, request: Request) -> bytes:
        """Of the classifier, its weights and all that it reads."""
        return keyed_hash(self._salt, self.name, self.digest, *self._classifier.reads(request)).digest()


def keyed_hash(key: bytes, *parts: str) -> hashlib.blake2b:
    """Of 160 bits; nobody without the key can work it out. Lengths go before texts, so that no two lists of parts mix."""
    text = "".join([f"{len(part)} {part}" for part in parts])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=20)
