"""What is wrong in a file, and where: gathered first, told once, in the order of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from litellm_cascade.errors import PolicyError

if TYPE_CHECKING:
    from litellm_cascade.policy.source import Source

Path = tuple[str | int, ...]
"""The keys and indices that lead to a place in a document."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One sentence about one place. ``offset`` counts characters into a text value; ``on_key`` points at the key, not at its value."""

    path: Path
    message: str
    offset: int = 0
    on_key: bool = False


def as_text(path: Path) -> str:
    """``$.models["gpt-4.1"].tier``: a path as an operator can follow it."""
    return "$" + "".join(_segment(part) for part in path)


def _segment(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN_KEY.fullmatch(part) else f'["{part}"]'


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question naming the closest known word, else the list of them; empty when there are none."""
    words = sorted(word for word in known if word)
    close = get_close_matches(word, words, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are {', '.join(words)}" if words else ""


def policy_error(source: Source, problems: Iterable[Problem]) -> PolicyError:
    """Every problem as ``file:line:col: $.path: message``, sorted by position."""
    placed = sorted({(source.position(problem), as_text(problem.path), problem.message) for problem in problems})
    return PolicyError([f"{source.name}:{line}:{column}: {path}: {message}" for (line, column), path, message in placed])
