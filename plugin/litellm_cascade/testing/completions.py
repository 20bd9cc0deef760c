"""POST /v1/completions, the legacy dialect: ``logprobs`` is a number there, and log-probabilities stand in four parallel lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from litellm_cascade.testing.chat import Event, choices, envelope, usage, wants_usage
from litellm_cascade.testing.dialects import DIALECTS, alternatives
from litellm_cascade.testing.replies import Body, Reply, joined
from litellm_cascade.vocabulary import TokenLogprob


def whole(reply: Reply, body: Body) -> dict[str, Any]:
    """The answer in one piece."""
    text, logprobs = joined(reply.answer_tokens), _logprobs(reply, body, reply.answer_tokens)
    every = [{"index": index, "text": text, "logprobs": logprobs, "finish_reason": reply.ending} for index in choices(body)]
    return {**envelope(body, "text_completion"), "choices": every, "usage": usage(reply, body)}


def events(reply: Reply, body: Body) -> Iterator[Event]:
    """The answer as a stream."""
    head = envelope(body, "text_completion")
    for token in reply.answer_tokens:
        part = {"text": token.token, "logprobs": _logprobs(reply, body, (token,)), "finish_reason": None}
        yield from (Event({**head, "choices": [{"index": index, **part}]}, 1) for index in choices(body))
    ending = {"text": "", "logprobs": None, "finish_reason": reply.ending}
    yield from (Event({**head, "choices": [{"index": index, **ending}]}) for index in choices(body))
    if wants_usage(body):
        yield Event({**head, "choices": [], "usage": usage(reply, body)})


def _logprobs(reply: Reply, body: Body, tokens: Sequence[TokenLogprob]) -> dict[str, Any] | None:
    count = body.get("logprobs")
    if count is None or DIALECTS[reply.dialect].silent or not tokens:
        return None
    return {
        "tokens": [token.token for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [dict(alternatives(token, int(count))) for token in tokens],
        "text_offset": [0, *accumulate(len(token.token) for token in tokens)][:-1],
    }
