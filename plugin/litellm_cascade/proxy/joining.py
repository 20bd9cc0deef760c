"""Held chunks of a stream, handed on as few: LiteLLM does as much for a chunk of one word as for one of thirty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby, islice
from typing import Any, Final

from litellm_cascade.escalation import Piece

MOST: Final = 32
"""Pieces in one. Some clients refuse long lines, and a provider's piece may be a sentence."""
WORDS: Final = ("content", "reasoning_content")


def together(held: Iterable[Piece]) -> Iterator[Piece]:
    """The same pieces, with those that differ in nothing but their words as one."""
    for _, alike in groupby(held, _all_but_its_words):
        while few := list(islice(alike, MOST)):
            yield few[0] if len(few) == 1 else _as_one(few)


def _all_but_its_words(piece: Piece) -> Any:
    """What a chunk has beside its words; where it says anything else, or nothing, an object that equals no other."""
    told = piece.payload.model_dump(warnings=False)
    delta = (told["choices"][0]["delta"] if len(told["choices"]) == 1 else None) or {}
    said = {name for name, value in delta.items() if value and name != "role"}
    if piece.finish_reason is not None or piece.usage is not None or said not in ({WORDS[0]}, {WORDS[1]}):
        return object()
    (field,) = said
    del delta[field]
    return field, told


def _as_one(pieces: list[Piece]) -> Piece:
    text, reasoning = "".join(piece.text for piece in pieces), "".join(piece.reasoning for piece in pieces)
    first = pieces[0]
    (choice,) = first.payload.choices
    choice.delta = choice.delta.model_copy(update={WORDS[0]: text} if text else {WORDS[1]: reasoning})
    return replace(
        first,
        text=text,
        reasoning=reasoning,
        tokens=tuple(token for piece in pieces for token in piece.tokens),
        pieces_of_output=sum(piece.pieces_of_output for piece in pieces),
    )
