"""The part of a request that markup and language look at: what people and tools wrote, newest first, within a budget of characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from litellm_cascade.vocabulary import Request


def newest_text(request: Request, *, roles: Collection[str], head: int, tail: int) -> str:
    """The newest turns of these roles, oldest last, joined with newlines, each cut to its first ``head`` and last ``tail`` characters.

    Stops after ``head + tail`` characters in all. A system prompt is the operator's, not the caller's, and usually the same for every
    request, so it is left out unless nothing else was said.
    """
    parts: list[str] = []
    left = head + tail
    for turn in reversed([turn for turn in request.turns if turn.role in roles] or request.turns):
        parts.append(ends(turn.text, head=min(head, left), tail=min(tail, max(left - head, 0))))
        left -= len(parts[-1])
        if left <= 0:
            break
    return "\n".join(parts)


def ends(text: str, *, head: int, tail: int) -> str:
    """The first ``head`` and last ``tail`` characters, a newline between them; the whole text when it is short enough."""
    if len(text) <= head + tail:
        return text
    return f"{text[:head]}\n{text[len(text) - tail :]}"
