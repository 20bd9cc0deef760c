"""POST .../models/{model}:generateContent and :streamGenerateContent: text, calls of tools, usage; log-probabilities where asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from litellm_cascade.testing.chat import Event
from litellm_cascade.testing.dialects import alternatives
from litellm_cascade.testing.replies import Body, Reply, joined
from litellm_cascade.vocabulary import TokenLogprob

ENDINGS = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
SIGNATURE = "c2lnbmVkIGJ5IEdlbWluaQ=="
"""What it signs the calls of tools with; base64, as LiteLLM expects."""


def whole(reply: Reply, body: Body) -> dict[str, Any]:
    """The answer in one piece."""
    return _answer(reply, body, reply.answer_tokens, _calls(reply), ended=True)


def events(reply: Reply, body: Body) -> Iterator[Event]:
    """The answer as a stream: a chunk a token, the last one with the calls of tools and the finish reason."""
    tokens, calls = reply.answer_tokens, _calls(reply)
    for place, token in enumerate(tokens, start=1):
        ended = place == len(tokens)
        yield Event(_answer(reply, body, (token,), calls if ended else [], ended=ended), 1)
    if not tokens:
        yield Event(_answer(reply, body, (), calls, ended=True))


def _calls(reply: Reply) -> list[dict[str, Any]]:
    calls = ({"name": call.name, "args": json.loads(call.arguments)} for call in reply.tool_calls)
    return [{"functionCall": call, "thoughtSignature": SIGNATURE} for call in calls]


def _answer(reply: Reply, body: Body, tokens: Sequence[TokenLogprob], calls: list[dict[str, Any]], *, ended: bool) -> dict[str, Any]:
    parts = [*([{"text": joined(tokens)}] if tokens or not calls else []), *calls]
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}, **_logprobs(body, tokens)}
    if ended:
        candidate["finishReason"] = ENDINGS.get(reply.ending, "OTHER")
    counts = {"promptTokenCount": reply.input_tokens, "candidatesTokenCount": reply.output_tokens}
    counts["totalTokenCount"] = sum(counts.values())
    return {"candidates": [candidate], "usageMetadata": counts, "modelVersion": body.get("model", "")}


def _logprobs(body: Body, tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    asked = body.get("generationConfig") or {}
    if not asked.get("responseLogprobs") or not tokens:
        return {}
    top = [{"candidates": [_scored(*pair) for pair in alternatives(token, asked.get("logprobs") or 0)]} for token in tokens]
    chosen = [_scored(token.token, token.logprob) for token in tokens]
    return {
        "avgLogprobs": sum(token.logprob for token in tokens) / len(tokens),
        "logprobsResult": {"chosenCandidates": chosen, **({"topCandidates": top} if asked.get("logprobs") else {})},
    }


def _scored(token: str, logprob: float) -> Mapping[str, Any]:
    return {"token": token, "tokenId": 7, "logProbability": logprob}
