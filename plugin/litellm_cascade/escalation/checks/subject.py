"""What a check sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from litellm_cascade.vocabulary import AnswerContract, Completion

ANYTHING = AnswerContract()


class UncheckableError(Exception):
    """Something that cannot be checked at a bounded cost, or at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a request's answers are held against. ``find_language``: the ISO 639-1 code of a text, or ``unknown``."""

    contract: AnswerContract = ANYTHING
    find_language: Callable[[str], str] = lambda _: "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An answer, or (``complete`` false) the part of a stream that has arrived, with what is expected of it."""

    completion: Completion
    complete: bool = True
    expectation: Expectation = Expectation()

    @property
    def contract(self) -> AnswerContract:
        """What the request says of its answers."""
        return self.expectation.contract

    @property
    def one_text(self) -> str:
        """The text of the only choice. Raises UncheckableError where several choices were asked for: their texts come as one."""
        if self.contract.choices > 1:
            raise UncheckableError("several choices")
        return self.completion.text
