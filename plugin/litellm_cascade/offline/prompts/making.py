"""Prompts of all eleven task types with the six dimensions, labelled by construction: whoever puts a prompt together knows what it is.

Wordings stand in ``wordings/``, one a line, with what is known of them after an ``@``. A wording belongs to one part for good
(``Made.part``), so that figures on the test part are about wordings never seen. The same seed makes the same prompts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from litellm_cascade.offline.prompts.adding import constrained, with_examples
from litellm_cascade.offline.prompts.grammar import Grammar, lines_of, named
from litellm_cascade.offline.prompts.passages import Passages
from litellm_cascade.offline.prompts.spoiling import spoil

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

FILES: Final = (
    "brainstorming",
    "chatbot",
    "classification",
    "closed_qa",
    "code_generation",
    "extraction",
    "open_qa",
    "other",
    "rewrite",
    "summarization",
    "text_generation",
)
"""One of each task type, in the order of ``TASK_TYPES``."""
LEVELS: Final = 4
_LEVEL_WEIGHTS: Final = (4, 3, 2, 1)
_SHOT_SHARE: Final = 0.12
_ALONE: Final = frozenset({"Chatbot", "Other"})  # nobody adds constraints or examples to a greeting
_LEVELS_OF_PASSAGES: Final = {"contract": 2, "science": 1, "article": 1, "history": 1, "table": 1, "notes": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One line of a file."""

    text: str
    task: str
    context: int
    creativity: int  # 0..2
    reasoning: int
    level: int
    few: str | None  # names of input and output, where examples make sense


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A prompt with what is known of it."""

    prompt: str
    wording: str
    task: str
    creativity: int  # 0..2
    reasoning: int
    context: int
    shots: int  # 0..5
    level: int  # 0..3: what everybody knows .. what an expert knows
    constraints: int  # 0..5

    @property
    def part(self) -> str:
        """``train`` (80 %), ``tune`` (10 %) or ``test`` (10 %), by the wording."""
        return {0: "test", 1: "tune"}.get(crc32(f"part:{self.wording}".encode()) % 10, "train")

    @property
    def complexity(self) -> float:
        """Our opinion, 0..1: mostly how much one must know, then reasoning, constraints, creativity."""
        return min(0.95, 0.07 + 0.15 * self.level + 0.2 * self.reasoning + 0.05 * self.constraints + 0.04 * self.creativity)


def make(random: Random, passages: Sequence[str], *, each: int) -> Iterator[Made]:
    """``each`` prompts of every task type; ``passages`` are used beside our own."""
    words, _ = named(lines_of("words"))
    for name in FILES:
        own, lines = named(lines_of(name))
        maker = _Maker(random, words | own | _shared(), passages)
        wordings = _wordings(lines)
        for number in range(each):
            yield maker.made(wordings[number % len(wordings)])


def _shared() -> dict[str, tuple[str, ...]]:
    """Words of a program that examples of any file may need."""
    own, _ = named(lines_of("code_generation"))
    return own


class _Maker:
    def __init__(self, random: Random, words: dict[str, tuple[str, ...]], passages: Sequence[str]) -> None:
        self._random = random
        self._passages = Passages(random, passages, self._say)
        self._level = 0
        self._topics = 0  # in the prompt at hand
        kinds = {kind: lambda kind=kind: self._passages.of(kind) for kind in self._passages.kinds}
        makers = {**kinds, "passage": self._passages.any, "sentence": self._passages.sentence, "topic": self._topic}
        self._grammar = Grammar(random, words, makers)

    def made(self, wording: Wording) -> Made:
        self._level = self._random.choices(range(LEVELS), _LEVEL_WEIGHTS)[0]
        self._topics = 0
        prompt = self._grammar.say(wording.text)
        level = self._level if self._topics else wording.level
        prompt, constraints, shots = self._added(prompt, wording)
        return Made(
            prompt=spoil(prompt, self._random),
            wording=wording.text,
            task=wording.task,
            creativity=wording.creativity,
            reasoning=wording.reasoning,
            context=wording.context,
            shots=shots,
            level=max(level, wording.level),
            constraints=constraints,
        )

    def _added(self, prompt: str, wording: Wording) -> tuple[str, int, int]:
        if wording.task in _ALONE:
            return prompt, 0, 0
        prompt, constraints = constrained(prompt, self._grammar, self._random, of_code=wording.task == "Code Generation")
        if wording.few is None or self._random.random() > _SHOT_SHARE:
            return prompt, constraints, 0
        prompt, shots = with_examples(prompt, wording.few, self._grammar, self._random)
        return prompt, constraints, shots

    def _say(self, wording: str) -> str:
        return self._grammar.say(wording)

    def _topic(self) -> str:
        self._topics += 1
        return self._grammar.word(f"topic{self._level}")


def _wordings(lines: list[str]) -> list[Wording]:
    known = _pairs(lines[0].removeprefix("! "))
    return [_wording(line, known) for line in lines[1:]]


def _wording(line: str, known: dict[str, str]) -> Wording:
    text, _, more = line.partition(" @ ")
    it: dict[str, Any] = {"level": "0", **known, **_pairs(more)}
    return Wording(
        text=text,
        task=it["task"].replace("_", " "),
        context=int(it["context"]),
        creativity=int(it["creativity"]),
        reasoning=int(it["reasoning"]),
        level=int(it["level"]),
        few=it.get("few"),
    )


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split())
