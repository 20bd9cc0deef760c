"""A small grammar for wordings: ``[a|b]`` is a or b, ``{name}`` is one of the named words, ``¶`` begins a new line.

Brackets without a bar and names that nobody knows stay as they are, so that code can be written down as it is.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from random import Random

WORDINGS: Final = Path(__file__).parent / "wordings"
_NAMED: Final = re.compile(r"([a-z_]+[0-9]?):? = (.*)")
_NAME: Final = re.compile(r"\{([a-z_]+[0-9]?)\}")


class Grammar:
    """Says wordings, each time in another way."""

    def __init__(self, random: Random, words: Mapping[str, tuple[str, ...]], makers: Mapping[str, Callable[[], str]]) -> None:
        self._random = random
        self._words = words
        self._makers = makers

    def say(self, wording: str) -> str:
        """The wording with all its choices made."""
        return "".join(self._parts(wording)).replace("¶", "\n")

    def word(self, name: str) -> str:
        """One of the words of that name."""
        return self.say(self._random.choice(self._words[name]))

    def _parts(self, wording: str) -> Iterator[str]:
        place = 0
        while place < len(wording):
            end = _closing(wording, place) if wording[place] == "[" else -1
            named = _NAME.match(wording, place)
            if end > 0:
                yield self._choice(wording[place + 1 : end])
                place = end + 1
            elif named and (named[1] in self._words or named[1] in self._makers):
                yield self._makers[named[1]]() if named[1] in self._makers else self.word(named[1])
                place = named.end()
            else:
                yield wording[place]
                place += 1

    def _choice(self, inside: str) -> str:
        options = alternatives(inside)
        return self.say(self._random.choice(options)) if len(options) > 1 else f"[{self.say(inside)}]"


@cache
def alternatives(text: str) -> tuple[str, ...]:
    """What stands between the bars that are in no bracket of their own."""
    found, depth, begin = [], 0, 0
    for place, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if character == "|" and not depth:
            found.append(text[begin:place])
            begin = place + 1
    return (*found, text[begin:])


@cache
def _closing(text: str, opening: int) -> int:
    depth = 0
    for place in range(opening, len(text)):
        depth += (text[place] == "[") - (text[place] == "]")
        if not depth:
            return place
    return -1


def lines_of(name: str) -> list[str]:
    """Of a file of wordings, without comments and empty lines."""
    text = (WORDINGS / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("# ")]


def named(lines: list[str]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The named words among the lines, and the other lines. A name that stands there twice has the words of both."""
    words: dict[str, tuple[str, ...]] = {}
    others = []
    for line in lines:
        found = _NAMED.fullmatch(line)
        if found is None:
            others.append(line)
        else:
            words[found[1]] = words.get(found[1], ()) + tuple(option.strip() for option in alternatives(found[2]))
    return words, others
