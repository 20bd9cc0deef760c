"""How servers that all speak "OpenAI" differ in their log-probabilities, as seen on real ones."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from litellm_cascade.testing.replies import Body, Reply
from litellm_cascade.vocabulary import TokenLogprob

MOST_ALTERNATIVES = 20
LEAST_LOGPROB = -9999.0  # what vLLM writes for minus infinity, which JSON cannot hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The differences. ``unasked_top`` is how many alternatives come when ``top_logprobs`` is left out."""

    silent: bool = False  # sends none, though asked
    unasked_top: int = 0
    none_at_zero: bool = False  # ``top_logprobs: 0`` switches log-probabilities off
    ends_whole_with_empty_token: bool = False
    adds_the_chosen_token: bool = False  # to the alternatives, when it is not among the best
    scores_reasoning: bool = True  # reasoning tokens stand in ``content`` too
    scores_tool_calls: bool = False  # so do, in streams, those of the arguments of tool calls
    lists: bool = False  # whole answers have a list of tokens and one of numbers, chunks the number alone


DIALECTS = {
    "openai": Dialect(scores_reasoning=False),
    "vllm": Dialect(adds_the_chosen_token=True, scores_tool_calls=True),
    "llama_cpp": Dialect(unasked_top=MOST_ALTERNATIVES, none_at_zero=True, ends_whole_with_empty_token=True),
    "together": Dialect(scores_reasoning=False, lists=True),
    "none": Dialect(silent=True),
}


def refusal(body: Body) -> str | None:
    """Why a server answers 400 to the way log-probabilities are asked for, or None."""
    if "prompt" in body or body.get("top_logprobs") is None:
        return None
    if not body.get("logprobs"):
        return "top_logprobs requires logprobs to be set to true"
    if not 0 <= body["top_logprobs"] <= MOST_ALTERNATIVES:
        return f"top_logprobs must lie between 0 and {MOST_ALTERNATIVES}"
    return None


def wanted(reply: Reply, body: Body) -> int | None:
    """How many alternatives per token this server sends for this request, or None when it sends no log-probabilities."""
    dialect = DIALECTS[reply.dialect]
    if dialect.silent or not body.get("logprobs"):
        return None
    top = body.get("top_logprobs")
    if dialect.none_at_zero and top == 0:
        return None
    return dialect.unasked_top if top is None else top


def whole_logprobs(reply: Reply, body: Body) -> dict[str, Any] | None:
    """``choices[].logprobs`` of a whole answer."""
    dialect = DIALECTS[reply.dialect]
    if dialect.lists and wanted(reply, body) is not None:
        tokens = reply.answer_tokens
        return {"tokens": [token.token for token in tokens], "token_logprobs": [token.logprob for token in tokens]}
    scored = (reply.reasoning_tokens if dialect.scores_reasoning else ()) + reply.answer_tokens
    if scored and dialect.ends_whole_with_empty_token:
        scored = (*scored, TokenLogprob("", reply.logprob))
    return _logprobs(reply, body, scored)


def chunk_logprobs(reply: Reply, body: Body, token: TokenLogprob, *, reasoning: bool = False) -> dict[str, Any] | float | None:
    """``choices[].logprobs`` of the chunk that carries ``token``."""
    dialect = DIALECTS[reply.dialect]
    if reasoning and not dialect.scores_reasoning:
        return None
    if dialect.lists:
        return token.logprob if wanted(reply, body) is not None else None
    return _logprobs(reply, body, (token,))


def _logprobs(reply: Reply, body: Body, tokens: Iterable[TokenLogprob]) -> dict[str, Any] | None:
    top = wanted(reply, body)
    if top is None:
        return None
    chosen_too = DIALECTS[reply.dialect].adds_the_chosen_token and top > 0
    content = [_entry(token, alternatives(token, top, chosen_too=chosen_too)) for token in tokens]
    return {"content": content, "refusal": None} if content else None


def _entry(token: TokenLogprob, top: list[tuple[str, float]]) -> dict[str, Any]:
    return _scored(token.token, token.logprob) | {"top_logprobs": [_scored(*pair) for pair in top]}


def _scored(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": max(logprob, LEAST_LOGPROB), "bytes": list(token.encode())}


def alternatives(token: TokenLogprob, count: int, *, chosen_too: bool = False) -> list[tuple[str, float]]:
    """The ``count`` likeliest tokens, best first. What probability ``token`` leaves is halved from one alternative to the next."""
    ranked = _named(token) if token.top else sorted([(token.token, token.logprob), *_rest(token)], key=lambda pair: -pair[1])
    best = ranked[:count]
    if chosen_too and token.token not in dict(best):
        best.append((token.token, token.logprob))
    return best


def _rest(token: TokenLogprob) -> list[tuple[str, float]]:
    left = max(1.0 - math.exp(token.logprob), 1e-30)
    return [(f"~{place}", math.log(left) - place * math.log(2)) for place in range(1, MOST_ALTERNATIVES)]


def _named(token: TokenLogprob) -> list[tuple[str, float]]:
    own = token.top.index(token.logprob) if token.logprob in token.top else None
    return [(token.token if place == own else f"~{place}", logprob) for place, logprob in enumerate(token.top)]
