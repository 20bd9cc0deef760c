"""POST /v1/responses, as far as a direct call needs it: one message, with usage; whole and as a stream of events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litellm_cascade.testing.chat import Event, envelope
from litellm_cascade.testing.replies import Body, Reply, joined


def whole(reply: Reply, body: Body) -> dict[str, Any]:
    """The answer in one piece."""
    return _response(reply, body, status="completed")


def events(reply: Reply, body: Body) -> Iterator[Event]:
    """The answer as a stream: created, a delta a token, completed."""
    item = {"item_id": "msg-1", "output_index": 0, "content_index": 0}
    yield Event({"type": "response.created", "response": {**_response(reply, body, status="in_progress"), "output": [], "usage": None}})
    for token in reply.answer_tokens:
        yield Event({"type": "response.output_text.delta", **item, "delta": token.token}, 1)
    yield Event({"type": "response.output_text.done", **item, "text": joined(reply.answer_tokens)})
    yield Event({"type": "response.completed", "response": _response(reply, body, status="completed")})


def _response(reply: Reply, body: Body, *, status: str) -> dict[str, Any]:
    head = envelope(body, "response")
    part = {"type": "output_text", "text": joined(reply.answer_tokens), "annotations": []}
    message = {"type": "message", "id": "msg-1", "role": "assistant", "status": status, "content": [part]}
    counts = {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}
    return {
        **head,
        "created_at": head["created"],
        "status": status,
        "output": [message],
        "usage": {**counts, "total_tokens": sum(counts.values())},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
    }
