"""Texts that prompts are about: news, reviews, e-mails, stories, tables... put together from sentences of our own, or handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from litellm_cascade.offline.prompts.grammar import lines_of, named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

HANDED_IN: Final = 0.35
"""Share of passages that are real ones, where there are any."""
_ORDERED: Final = frozenset({"email", "contract", "recipe"})
_BY_LINE: Final = frozenset({"dialogue", "notes", "table", "recipe"})
_MOST: Final = 9
_SENTENCE_KINDS: Final = ("news", "review", "story", "science", "biography", "post", "article", "history")


class Passages:
    """Makes passages. ``say`` makes the choices of a wording."""

    def __init__(self, random: Random, given: Sequence[str], say: Callable[[str], str]) -> None:
        self._random = random
        self._given = given
        self._sentences, _ = named(lines_of("sentences"))
        self._say = say

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of passages."""
        return tuple(self._sentences)

    def any(self) -> str:
        """A passage of any kind."""
        if self._given and self._random.random() < HANDED_IN:
            return "\n".join(self._random.choices(self._given, k=self._random.choice((1, 1, 1, 2, 3))))
        return self.of(self._random.choice(self.kinds))

    def of(self, kind: str) -> str:
        """A passage of this kind, of one to nine sentences, short ones more often."""
        pool = self._sentences[kind]
        count = min(1 + int(self._random.expovariate(1 / 3)), _MOST, len(pool))
        places = self._random.sample(range(len(pool)), count)
        sentences = [self._say(pool[place]) for place in (sorted(places) if kind in _ORDERED else places)]
        return ("\n" if kind in _BY_LINE else " ").join(sentences)

    def sentence(self) -> str:
        """One sentence."""
        return self._say(self._random.choice(self._sentences[self._random.choice(_SENTENCE_KINDS)]))
