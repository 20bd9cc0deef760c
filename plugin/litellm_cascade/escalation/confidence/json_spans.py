"""Where the values of JSON, and the arguments of tool calls, stand in a text: also in one that breaks off anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]
"""Places in a text: from, and up to but without."""

_JSON_BEGINS = re.compile(r"\A\s*(?=[\[{])|```(?:json\w*)?\s*(?=[\[{])", re.IGNORECASE)
_ARGUMENTS = re.compile(r'"(?:arguments|parameters)"\s*:\s*(?=\{)')
"""Before the arguments of a call as open models write it: Hermes and Mistral say ``arguments``, Llama 3 says ``parameters``."""
_PIECE = re.compile(r'"(?P<string>[^"\\]*(?:\\.[^"\\]*)*\\?)"?|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
"""A string (perhaps cut off), a mark, or anything else between them."""


def value_spans(text: str) -> list[Span] | None:
    """Where values stand: the insides of strings, numbers, true, false and null, but no keys, quotes and marks.

    JSON is what begins the text, or the first fenced block that holds some. None: there is none.
    """
    begins = _JSON_BEGINS.search(text)
    return list(_values(text, begins.end())) if begins else None


def argument_spans(text: str) -> list[Span] | None:
    """Where the arguments of each tool call stand, with their braces. None: there are none that can be told from the rest."""
    spans: list[Span] = []
    while begins := _ARGUMENTS.search(text, spans[-1][1] if spans else 0):
        spans.append((begins.end(), _end(text, begins.end())))
    return spans or None


def _values(text: str, start: int) -> Iterator[Span]:
    containers: list[str] = []
    is_key = False
    for piece in _PIECE.finditer(text, start):
        mark = text[piece.start()]
        if mark in "{[":
            containers.append(mark)
            is_key = mark == "{"
        elif mark in "}]":
            containers.pop()
            if not containers:
                return
        elif mark == ",":
            is_key = containers[-1] == "{"
        elif mark == ":":
            is_key = False
        elif not is_key:
            yield piece.span("string") if piece["string"] is not None else piece.span()


def _end(text: str, start: int) -> int:
    """Where the object that begins at ``start`` ends; the end of the text when it is cut off."""
    depth = 0
    for piece in _PIECE.finditer(text, start):
        mark = text[piece.start()]
        depth += (mark in "{[") - (mark in "}]")
        if depth == 0:
            return piece.end()
    return len(text)
