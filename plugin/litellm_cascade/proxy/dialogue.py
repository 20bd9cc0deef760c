"""What ties the requests of a conversation together, in the words of each dialect: its turns, tool calls and their results.

Nothing a client or a provider sends makes these functions raise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

MOST_MARKS = 128
"""Tool calls or thoughts of one request that are looked up, the newest first: no client may make us look for more."""


def results_brought(data: Json) -> list[str]:
    """The ids of the tool calls whose results the last turns of a request bring back; empty when it ends otherwise."""
    found: list[str] = []
    for entry in reversed(entries_of(data)):
        ids = list(_result_ids(entry))
        if not ids:
            break
        found += ids
    return found[:MOST_MARKS]


def entries_of(data: Json) -> list[Json]:
    """The turns of a request."""
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
    return any(entry.get("role") == "assistant" or entry.get("type") == "function_call" for entry in entries_of(data))


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
