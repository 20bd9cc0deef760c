"""POST .../models/{model}:generateContent and :streamGenerateContent, as far as a direct call needs them: text and usage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litellm_cascade.testing.chat import Event
from litellm_cascade.testing.replies import Body, Reply, joined

ENDINGS = {"stop": "STOP", "length": "MAX_TOKENS"}


def whole(reply: Reply, body: Body) -> dict[str, Any]:
    """The answer in one piece."""
    return _answer(reply, body, joined(reply.answer_tokens), ended=True)


def events(reply: Reply, body: Body) -> Iterator[Event]:
    """The answer as a stream: a chunk a token, the last one with the finish reason."""
    tokens = reply.answer_tokens
    for place, token in enumerate(tokens, start=1):
        yield Event(_answer(reply, body, token.token, ended=place == len(tokens)), 1)
    if not tokens:
        yield Event(_answer(reply, body, "", ended=True))


def _answer(reply: Reply, body: Body, text: str, *, ended: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}
    if ended:
        candidate["finishReason"] = ENDINGS.get(reply.ending, "OTHER")
    counts = {"promptTokenCount": reply.input_tokens, "candidatesTokenCount": reply.output_tokens}
    counts["totalTokenCount"] = sum(counts.values())
    return {"candidates": [candidate], "usageMetadata": counts, "modelVersion": body.get("model", "")}
