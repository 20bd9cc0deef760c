"""POST /v1/messages, as Anthropic writes its answers: thoughts that it signs, text, tool calls; no log-probabilities."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from litellm_cascade.testing.chat import Event, envelope
from litellm_cascade.testing.replies import Body, Reply
from litellm_cascade.vocabulary import ToolCall

ENDINGS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
SIGNATURE = "signed by Anthropic"
_KNOWN = frozenset(
    {"model", "messages", "max_tokens", "metadata", "stop_sequences", "stream", "system", "temperature", "thinking"}
    | {"tool_choice", "tools", "top_k", "top_p", "output_config", "output_format", "service_tier"}
)


def refusal(body: Body) -> str | None:
    """Why Anthropic answers 400 to a request, or None."""
    strange = sorted(body.keys() - _KNOWN)
    if strange:
        return f"{strange[0]}: Extra inputs are not permitted"
    if "max_tokens" not in body:
        return "max_tokens: Field required"
    thoughts = (block for message in body["messages"] for block in _blocks(message) if block.get("type") == "thinking")
    unsigned = any(thought.get("signature") != SIGNATURE for thought in thoughts)
    return "Invalid `signature` in `thinking` block" if unsigned else None


def whole(reply: Reply, body: Body) -> dict[str, Any]:
    """The answer in one piece."""
    content = [block | _filled(block, pieces) for block, pieces in _content(reply)]
    return {**_message(body), "content": content, "stop_reason": ENDINGS[reply.ending], "usage": _usage(reply, reply.output_tokens)}


def events(reply: Reply, body: Body) -> Iterator[Event]:
    """The answer as a stream: a block after the other, each with its deltas; the ending and the usage behind them."""
    yield Event({"type": "message_start", "message": {**_message(body), "content": [], "usage": _usage(reply, 1)}})
    yield Event({"type": "ping"})
    for index, (block, pieces) in enumerate(_content(reply)):
        yield Event({"type": "content_block_start", "index": index, "content_block": block})
        for piece in pieces:
            yield Event({"type": "content_block_delta", "index": index, "delta": _delta(block["type"], piece)}, 1)
        if block["type"] == "thinking":
            signed = {"type": "signature_delta", "signature": SIGNATURE}
            yield Event({"type": "content_block_delta", "index": index, "delta": signed})
        yield Event({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": ENDINGS[reply.ending], "stop_sequence": None}
    yield Event({"type": "message_delta", "delta": ending, "usage": {"output_tokens": reply.output_tokens}})
    yield Event({"type": "message_stop"})


def _message(body: Body) -> dict[str, Any]:
    head = {"id": envelope(body, "message")["id"], "type": "message", "role": "assistant", "model": body.get("model")}
    return {**head, "stop_reason": None, "stop_sequence": None}


def _content(reply: Reply) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Each block, empty as a stream opens it, and what fills it."""
    if reply.reasoning_tokens:
        yield {"type": "thinking", "thinking": "", "signature": ""}, tuple(token.token for token in reply.reasoning_tokens)
    if reply.answer_tokens:
        yield {"type": "text", "text": ""}, tuple(token.token for token in reply.answer_tokens)
    for place, call in enumerate(reply.tool_calls):
        yield {"type": "tool_use", "id": _id(call, place), "name": call.name, "input": {}}, reply.argument_pieces(call)


def _filled(block: Mapping[str, Any], pieces: tuple[str, ...]) -> dict[str, Any]:
    said = "".join(pieces)
    if block["type"] == "tool_use":
        return {"input": json.loads(said or "{}")}
    return {"thinking": said, "signature": SIGNATURE} if block["type"] == "thinking" else {"text": said}


def _delta(kind: str, piece: str) -> dict[str, Any]:
    if kind == "tool_use":
        return {"type": "input_json_delta", "partial_json": piece}
    return {"type": f"{kind}_delta", kind: piece}


def _id(call: ToolCall, place: int) -> str:
    return call.id or f"toolu_{place}"


def _usage(reply: Reply, output_tokens: int) -> dict[str, Any]:
    cached = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    return {"input_tokens": reply.input_tokens, "output_tokens": output_tokens, **cached}


def _blocks(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message.get("content")
    return [block for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []
