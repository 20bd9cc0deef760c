"""Prompts whose task type is known by construction, from the wordings in constructed_prompts.yaml.

Public data under a licence that allows shipping weights has few English prompts of some task types (no Brainstorming, no Rewrite); these
fill the gaps. A wording belongs to one part for good (``part_of``), so figures on the test part are about unseen wordings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

_SOURCE: Final = Path(__file__).with_name("constructed_prompts.yaml")
_HARD: Final = 0.9
_CHOICE: Final = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")  # [a|b]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constructed:
    """A prompt with the task type it was built for. ``complexity`` is None where we have no opinion."""

    prompt: str
    task_type: str
    wording: str
    complexity: float | None = None


def construct(random: Random, passages: Sequence[str], *, each: int) -> Iterator[Constructed]:
    """``each`` prompts of every task type and half as many hard ones, filled at random; ``passages`` are added to our own."""
    source: dict[str, Any] = yaml.safe_load(_SOURCE.read_text(encoding="utf-8"))
    pool = [*source["passages"], *passages]
    for task, wordings in source["wordings"].items():
        for number in range(each):
            wording = wordings[number % len(wordings)]
            yield Constructed(
                prompt=_fill(wording, random, pool, source["topics"]),
                task_type=task,
                wording=wording,
                complexity=source["complexity"].get(task),
            )
    hard = [(task, wording) for task, wordings in source["hard"].items() for wording in wordings]
    for number in range(each // 2):
        task, wording = hard[number % len(hard)]
        yield Constructed(prompt=_fill(wording, random, pool, source["topics"]), task_type=task, wording=wording, complexity=_HARD)


def _fill(wording: str, random: Random, passages: Sequence[str], topics: Sequence[str]) -> str:
    values = {
        "{p}": "\n".join(random.sample(passages, random.randint(1, 3))),
        "{t}": random.choice(topics),
        "{u}": random.choice(topics),
        "{n}": str(random.randint(2, 99)),
        "{m}": str(random.randint(2, 999)),
    }
    wording = _CHOICE.sub(lambda choice: random.choice(choice[1].split("|")), wording)
    for place, value in values.items():
        wording = wording.replace(place, value)
    return wording


def part_of(key: str) -> str:
    """``train`` (70 %), ``tune`` (10 %) or ``test`` (20 %) by a hash of the key, for good."""
    return ("test", "test", "tune", *["train"] * 7)[crc32(f"part:{key}".encode()) % 10]
