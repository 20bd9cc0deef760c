"""What ties the requests of a conversation together, in the words of each dialect: tool calls and their results, thoughts, the response
it goes on from. Nothing a client or a provider sends makes these functions raise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

Json = Mapping[str, Any]

THINKING = frozenset({"thinking", "redacted_thinking"})
MOST_MARKS = 128
"""Tool calls or thoughts of one request that are looked up, the newest first: no client may make us look for more."""


def results_brought(data: Json) -> list[str]:
    """The ids of the tool calls whose results the last turns of a request bring back; empty when it ends otherwise."""
    found: list[str] = []
    for entry in reversed(_entries(data)):
        ids = list(_result_ids(entry))
        if not ids:
            break
        found += ids
    return found[:MOST_MARKS]


def _entries(data: Json) -> list[Json]:
    for key in ("messages", "input"):
        if key in data:
            return blocks(data[key])
    return []


def _result_ids(entry: Json) -> Iterator[str]:
    if entry.get("role") == "tool":
        yield _text(entry.get("tool_call_id"))
    elif str(entry.get("type")).endswith("_call_output"):
        yield _text(entry.get("call_id"))
    else:
        yield from (_text(block.get("tool_use_id")) for block in blocks(entry.get("content")) if block.get("type") == "tool_result")


def has_an_answer(data: Json) -> bool:
    """Whether a request has an earlier answer in it, so that it cannot be a conversation's first."""
    return any(entry.get("role") == "assistant" or entry.get("type") == "function_call" for entry in _entries(data))


def thoughts_in(data: Json) -> list[str]:
    """A mark for each thought of earlier answers that a request carries, the newest first."""
    found = [mark for entry in reversed(_entries(data)) for mark in marks_of(entry)]
    return found[:MOST_MARKS]


def marks_of(entry: Json) -> Iterator[str]:
    """What tells a turn's thoughts from all others: their signatures, or their texts where they have none."""
    for thought in (*blocks(entry.get("content")), *blocks(entry.get("thinking_blocks")), *blocks(entry.get("output"))):
        if thought.get("type") in THINKING | {"reasoning"}:
            yield mark_of(thought)
    if entry.get("type") == "reasoning":
        yield mark_of(entry)
    if entry.get("reasoning_content"):
        yield _text(entry["reasoning_content"])


def mark_of(thought: Json) -> str:
    """What tells a thought from all others."""
    named = (thought.get(key) for key in ("signature", "data", "encrypted_content", "thinking", "id"))
    return next((_text(value) for value in named if value), "")


def without_foreign(data: MutableMapping[str, Any], is_own: Any) -> None:
    """Take the thoughts out of a request that are not ``is_own(mark)``: no other provider can read them, and some refuse them."""
    for key in ("messages", "input"):
        if isinstance(data.get(key), list):
            data[key] = own_turns(data[key], is_own)


def own_turns(entries: list[Any], is_own: Any) -> list[Any]:
    """The turns without foreign thoughts; those that had none are the same objects."""
    kept = (_own(entry, is_own) if isinstance(entry, Mapping) and _thinks(entry) else entry for entry in entries)
    return [entry for entry in kept if entry is not None]


def _thinks(entry: Json) -> bool:
    return next(marks_of(entry), None) is not None


def _own(entry: Json, is_own: Any) -> Any:
    """None where nothing is left of the turn."""
    if entry.get("type") == "reasoning":
        return entry if is_own(mark_of(entry)) else None
    bare = dict(entry)
    for key in ("content", "thinking_blocks"):
        if isinstance(bare.get(key), list):
            bare[key] = [part for part in bare[key] if not _is_thought(part) or is_own(mark_of(part))]
    if bare.get("thinking_blocks") == []:
        del bare["thinking_blocks"]
    if "reasoning_content" in bare and not is_own(_text(bare["reasoning_content"])):
        del bare["reasoning_content"]
    return None if bare.get("content") == [] and not bare.get("tool_calls") else bare


def _is_thought(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") in THINKING


def answered(response: Any) -> list[Json]:
    """A whole answer as turns, in whichever dialect it is; nothing of a stream."""
    if isinstance(response, Mapping):
        return [response] if response.get("type") == "message" else []
    choices, output = getattr(response, "choices", None), getattr(response, "output", None)
    parts = [getattr(choice, "message", None) for choice in choices] if isinstance(choices, list) else output
    return [turn for part in parts if (turn := _plain(part))] if isinstance(parts, list) else []


def calls_made(turns: list[Json]) -> list[str]:
    """The ids of the tool calls of an answer."""
    return [call for turn in turns for call in _call_ids(turn) if call][:MOST_MARKS]


def _call_ids(turn: Json) -> Iterator[str]:
    if str(turn.get("type")).endswith("_call"):
        yield _text(turn.get("call_id"))
    yield from (_text(call.get("id")) for call in blocks(turn.get("tool_calls")))
    yield from (_text(block.get("id")) for block in blocks(turn.get("content")) if block.get("type") == "tool_use")


def _plain(part: Any) -> Json:
    if isinstance(part, Mapping):
        return part
    dump = getattr(part, "model_dump", None)
    plain = dump() if callable(dump) else None
    return plain if isinstance(plain, Mapping) else {}


def blocks(content: Any) -> list[Json]:
    """The mappings in a list."""
    return [block for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
