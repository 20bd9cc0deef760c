"""How much one must know and think to answer a prompt well, as rated: a measure of complexity for all kinds of prompts.

``ratings.csv`` says what a language model made of public prompts, from 1 (anybody, at once) to 10 (research), twice, without knowing the
other time; beside it a digest of the prompt, not its text. Nothing that ships is fitted on it.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from litellm_cascade.offline.bench_common.reading import DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litellm_cascade.offline.training_embedded.examples import Example

_RATINGS: Final = Path(__file__).with_name("ratings.csv")
_LEAST, _MOST = 1, 10


def rated(examples: Iterable[Example]) -> list[Example]:
    """Those that have a rating, each once, with it as their complexity."""
    each = {it.prompt: it for it in examples}
    return [replace(it, complexity=rating) for it in each.values() if (rating := ratings().get(digest(it.prompt))) is not None]


@cache
def ratings() -> dict[str, float]:
    """By the prompt's digest: the mean of both ratings, on 0..1."""
    with _RATINGS.open(encoding="utf-8", newline="") as lines:
        return {row["prompt"]: (_place(row["first"]) + _place(row["second"])) / 2 for row in csv.DictReader(lines)}


def digest(prompt: str) -> str:
    """The first 12 hexadecimal digits of its SHA-256."""
    return sha256(prompt.encode()).hexdigest()[:DIGITS]


def _place(rating: str) -> float:
    return (int(rating) - _LEAST) / (_MOST - _LEAST)
