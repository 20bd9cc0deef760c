"""Stand-ins for the two things a cascade talks to besides models: a classifier and an audit sink."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from litellm_cascade.vocabulary import AuditRecord, Classification, Request, Texts

Script = Classification | Mapping[str, Classification] | Callable[[Request], Classification]


@dataclass(kw_only=True)
class FakeClassifier:
    """Answers what it was told to, after ``delay_s`` seconds, or raises ``error``.

    ``answer`` is one classification, a function of the request, or a mapping from a word of the prompt to its classification: the
    first word found wins, and a prompt with none of them is answered ``Classification()``. ``requests`` remembers who asked.
    """

    answer: Script = field(default_factory=Classification)
    delay_s: float = 0.0
    error: Exception | None = None
    name: str = "fake"
    digest: str = "sha256:fake"
    requests: list[Request] = field(default_factory=list)

    async def classify(self, request: Request) -> Classification:
        """The scripted belief about ``request``."""
        self.requests.append(request)
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        return self._scripted(request)

    def _scripted(self, request: Request) -> Classification:
        if isinstance(self.answer, Classification):
            return self.answer
        if isinstance(self.answer, Mapping):
            prompt = "\n".join(turn.text for turn in request.turns)
            return next((belief for word, belief in self.answer.items() if word in prompt), Classification())
        return self.answer(request)


@dataclass
class RememberingSink:
    """An audit sink that keeps what it is told. ``texts`` has an entry for each record whose policy asks for what was said."""

    records: list[AuditRecord] = field(default_factory=list)
    texts: list[Texts] = field(default_factory=list)

    def __call__(self, record: AuditRecord, texts: Texts | None = None) -> None:
        """Remember ``record``."""
        self.records.append(record)
        if texts is not None:
            self.texts.append(texts)

    @property
    def last(self) -> AuditRecord:
        """The newest record."""
        return self.records[-1]

    def clear(self) -> None:
        """Forget everything."""
        self.records.clear()
        self.texts.clear()
