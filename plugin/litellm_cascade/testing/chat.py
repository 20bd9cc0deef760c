"""POST /v1/chat/completions, as OpenAI writes its answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from litellm_cascade.testing.dialects import DIALECTS, chunk_logprobs, whole_logprobs
from litellm_cascade.testing.replies import Body, Reply, joined
from litellm_cascade.vocabulary import TokenLogprob, ToolCall

_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event and how many tokens it carries."""

    payload: dict[str, Any]
    tokens: int = 0


def envelope(body: Body, kind: str) -> dict[str, Any]:
    """What every answer of the OpenAI family starts with."""
    return {"id": f"fake-{next(_NUMBERS)}", "object": kind, "created": int(time.time()), "model": body.get("model")}


def choices(body: Body) -> range:
    """The indices of the choices asked for."""
    return range(body.get("n") or 1)


def usage(reply: Reply, body: Body) -> dict[str, Any]:
    """The tokens of all choices together."""
    output = reply.output_tokens * len(choices(body))
    thought = len(reply.reasoning_tokens) * len(choices(body))
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": output,
        "total_tokens": reply.input_tokens + output,
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def wants_usage(body: Body) -> bool:
    """True when a stream shall end with a chunk that carries the usage."""
    return bool((body.get("stream_options") or {}).get("include_usage"))


def whole(reply: Reply, body: Body) -> dict[str, Any]:
    """The answer in one piece."""
    answer = {"message": _message(reply), "logprobs": whole_logprobs(reply, body), "finish_reason": reply.ending}
    every = [{"index": index, **answer} for index in choices(body)]
    return {**envelope(body, "chat.completion"), "choices": every, "usage": usage(reply, body), **reply.beside}


def events(reply: Reply, body: Body) -> Iterator[Event]:
    """The answer as a stream: role, reasoning, text, tool calls, ending, and the usage when asked for."""
    head = envelope(body, "chat.completion.chunk") | ({"usage": None} if wants_usage(body) else {})
    for part, tokens in _parts(reply, body):
        for index in choices(body):
            yield Event({**head, "choices": [{"index": index, "logprobs": None, "finish_reason": None, **part}]}, tokens)
    if wants_usage(body):
        yield Event({**head, "choices": [], "usage": usage(reply, body)})


def _message(reply: Reply) -> dict[str, Any]:
    text = joined(reply.answer_tokens)
    message: dict[str, Any] = {"role": "assistant", "content": None if reply.tool_calls and not text else text, "refusal": None}
    if reply.reasoning_tokens:
        message["reasoning_content"] = joined(reply.reasoning_tokens)
    if reply.tool_calls:
        message["tool_calls"] = [_tool_call(place, call) for place, call in enumerate(reply.tool_calls)]
    return message


def _parts(reply: Reply, body: Body) -> Iterator[tuple[dict[str, Any], int]]:
    yield {"delta": {"role": "assistant", "content": ""}}, 0
    for token in reply.reasoning_tokens:
        yield {"delta": {"reasoning_content": token.token}, "logprobs": chunk_logprobs(reply, body, token, reasoning=True)}, 1
    for token in reply.answer_tokens:
        yield {"delta": {"content": token.token}, "logprobs": chunk_logprobs(reply, body, token)}, 1
    for place, call in enumerate(reply.tool_calls):
        yield from _tool_parts(reply, body, place, call)
    yield {"delta": {}, "finish_reason": reply.ending}, 0


def _tool_parts(reply: Reply, body: Body, place: int, call: ToolCall) -> Iterator[tuple[dict[str, Any], int]]:
    opening = _tool_call(place, replace(call, arguments="")) | {"index": place}
    yield {"delta": {"tool_calls": [opening]}}, 0
    for piece in reply.argument_pieces(call):
        token = TokenLogprob(piece, reply.logprob)
        scored = chunk_logprobs(reply, body, token) if DIALECTS[reply.dialect].scores_tool_calls else None
        yield {"delta": {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}, "logprobs": scored}, 1


def _tool_call(place: int, call: ToolCall) -> dict[str, Any]:
    return {"id": call.id or f"call_{place}", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
