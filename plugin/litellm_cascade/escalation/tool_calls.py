"""Tool calls that come in pieces, put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from litellm_cascade.vocabulary import ToolCall


@dataclass(frozen=True, slots=True)
class ToolPiece:
    """What a chunk adds to a tool call. ``place``: which choice, and which of its calls; ``key``: the call's own id, where it is told."""

    place: tuple[int, int]
    name: str = ""
    arguments: str = ""
    key: str | None = None


def assembled(pieces: Iterable[ToolPiece]) -> tuple[ToolCall, ...]:
    """The calls in the order in which they began."""
    calls: list[list[ToolPiece]] = []
    at: dict[tuple[int, int], list[ToolPiece]] = {}
    for piece in pieces:
        before = at.get(piece.place)
        # Some providers give every call of an answer the same place, and only ids tell them apart.
        if before is None or (piece.key and piece.key != before[0].key):
            before = at[piece.place] = []
            calls.append(before)
        before.append(piece)
    return tuple(ToolCall(_name(call), "".join(piece.arguments for piece in call)) for call in calls)


def _name(call: Iterable[ToolPiece]) -> str:
    """Some providers repeat the name in every piece; none has been seen to send it in parts, but it may."""
    return "".join(_each_once(piece.name for piece in call))


def _each_once(names: Iterable[str]) -> Iterator[str]:
    before = ""
    for name in names:
        if name and name != before:
            yield name
            before = name
