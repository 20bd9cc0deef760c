"""What providers write beside the words of their answers, and clients send back with the conversation: thoughts, and notes of their own.

Only who wrote them can read them; others ignore or refuse them. Nothing a client or a provider sends makes these functions raise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from litellm_cascade.proxy.dialogue import MOST_MARKS, Json, blocks, entries_of

THINKING = frozenset({"thinking", "redacted_thinking", "reasoning"})
NOTES = "provider_specific_fields"
PRIVATE = frozenset({"thinking_blocks", "reasoning_content", "reasoning", "reasoning_details", "reasoning_items", "annotations", NOTES})
BESIDE = PRIVATE | {"images"}
"""Fields of a turn in LiteLLM's words. Pictures are for all who can read them, so of those only an empty list goes."""
_NAMED = ("signature", "thought_signature", "data", "encrypted_content", "thinking", "text", "id")

IsOwn = Callable[[str], bool]


def is_noted(data: Json) -> bool:
    """Whether a request carries anything of earlier answers but their words and calls."""
    return any(map(_is_noted, entries_of(data)))


def thoughts_in(data: Json) -> list[str]:
    """A mark for each thought of earlier answers that a request carries, the newest first."""
    found = [mark for entry in reversed(entries_of(data)) for mark in marks_of(entry)]
    return found[:MOST_MARKS]


def marks_of(entry: Json) -> Iterator[str]:
    """What tells a turn's thoughts from all others: their signatures, or their texts where they have none."""
    return filter(None, map(mark_of, _private(entry)))


def mark_of(thought: Any) -> str:
    """What tells a thought, or what else only its writer can read, from all others; "" where it says nothing of its own."""
    if not isinstance(thought, Mapping):
        return _text(thought)
    signed = thought.get("thought_signatures")
    named = (part.get(key) for part in (thought, *blocks(thought.get("thinking_blocks"))) for key in _NAMED)
    return next(filter(None, map(_text, (*named, *(signed if isinstance(signed, list) else ())))), "")


def without_foreign(data: MutableMapping[str, Any], is_own: IsOwn) -> None:
    """Take out of a request what is not ``is_own(mark)``: no other provider can read it, and some refuse it."""
    for key in ("messages", "input"):
        if isinstance(data.get(key), list):
            data[key] = own_turns(data[key], is_own)


def own_turns(entries: list[Any], is_own: IsOwn) -> list[Any]:
    """The turns without foreign thoughts and notes; those that had none are the same objects."""
    kept = (_own(entry, is_own) if isinstance(entry, Mapping) and _is_noted(entry) else entry for entry in entries)
    return [entry for entry in kept if entry is not None]


def _is_noted(entry: Json) -> bool:
    return not BESIDE.isdisjoint(entry) or next(_private(entry), None) is not None


def _private(entry: Json) -> Iterator[Any]:
    """Each thought and note of a turn."""
    if entry.get("type") == "reasoning":
        yield entry
    yield from (part for part in (*blocks(entry.get("content")), *blocks(entry.get("output"))) if _is_thought(part))
    for value in (entry[key] for key in PRIVATE if key in entry):
        yield from value if isinstance(value, list) else (value,)
    for call in blocks(entry.get("tool_calls")):
        yield from (held[NOTES] for held in (call, call.get("function")) if isinstance(held, Mapping) and NOTES in held)


def _is_thought(part: Any) -> bool:
    return isinstance(part, Mapping) and _text(part.get("type")) in THINKING


def _own(entry: Json, is_own: IsOwn) -> Any:
    """None where nothing is left of the turn."""
    if entry.get("type") == "reasoning":
        return entry if is_own(mark_of(entry)) else None
    left = {key: _left(key, value, is_own) for key, value in entry.items()}
    turn = {key: value for key, value in left.items() if value or key not in BESIDE}
    return None if turn.get("content") == [] and not turn.get("tool_calls") else turn


def _left(key: str, value: Any, is_own: IsOwn) -> Any:
    """What stays of one of a turn's fields."""
    if key == "content" and isinstance(value, list):
        return [part for part in value if not _is_thought(part) or is_own(mark_of(part))]
    if key == "tool_calls" and isinstance(value, list):
        return [_own_call(call, is_own) if isinstance(call, Mapping) else call for call in value]
    if key not in PRIVATE:
        return value
    if isinstance(value, list):
        return [part for part in value if is_own(mark_of(part))]
    return value if is_own(mark_of(value)) else None


def _own_call(call: Json, is_own: IsOwn) -> Json:
    """Notes are beside a call, or beside its name and arguments."""
    function = call.get("function")
    inner = {"function": _own_notes(function, is_own)} if isinstance(function, Mapping) else {}
    return _own_notes(call, is_own) | inner


def _own_notes(held: Json, is_own: IsOwn) -> dict[str, Any]:
    return {key: value for key, value in held.items() if key != NOTES or is_own(mark_of(value))}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
