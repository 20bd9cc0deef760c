"""Asks models through any proxy that speaks OpenAI's chat dialect, and adds up what that costs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import httpx

from litellm_cascade.errors import CascadeError, ConfigurationError
from litellm_cascade.escalation import features
from litellm_cascade.offline.calibrating.records import COLUMNS
from litellm_cascade.vocabulary import AliasFacts, TokenLogprob, Usage

COST_HEADER = "x-litellm-response-cost"
OF = "reasoning_and_answer"
MILLION = 1e6


class UnansweredError(CascadeError):
    """A model gave no answer; the message says why, without a word of what was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer, what it cost, and how sure the model was, by the name of the score."""

    text: str
    usage: Usage
    cost_usd: float
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks through ``client``. ``prices`` by alias count where the proxy does not say what an answer cost."""

    client: httpx.AsyncClient
    prices: Mapping[str, AliasFacts]

    async def check(self, aliases: Iterable[str]) -> None:
        """Raises ConfigurationError in one sentence when the proxy, the key or a model is not there."""
        url = self.client.base_url
        try:
            response = await self.client.get("v1/models")
            listed = response.json() if response.is_success else {}
        except (httpx.HTTPError, ValueError) as error:
            what = type(error).__name__
            raise ConfigurationError([f"no proxy answers at {url} ({what}); start it, or name another with --url"]) from None
        if not response.is_success:
            status = response.status_code
            raise ConfigurationError([f"the proxy at {url} refuses the key in the variable of --key-env (HTTP {status})"])
        known = {str(model.get("id")) for model in listed.get("data") or () if isinstance(model, Mapping)}
        missing = [alias for alias in dict.fromkeys(aliases) if alias not in known]
        if missing:
            there = ", ".join(sorted(known)) or "none"
            raise ConfigurationError([f"the proxy at {url} has no model {' and no '.join(map(repr, missing))}; there are: {there}"])

    async def ask(self, alias: str, messages: Sequence[Any], parameters: Mapping[str, Any]) -> Said:
        """One answer. Raises UnansweredError, and ConfigurationError where nobody knows what it cost."""
        try:
            response = await self.client.post("v1/chat/completions", json={"model": alias, "messages": messages, **parameters})
            answer = response.json() if response.is_success else {}
        except (httpx.HTTPError, ValueError) as error:
            raise UnansweredError(f"{alias}: {type(error).__name__}") from None
        if not response.is_success:
            raise UnansweredError(f"{alias}: HTTP {response.status_code}")
        choice: dict[str, Any] = (answer.get("choices") or [{}])[0] or {}
        usage = _usage(answer.get("usage") or {})
        text = (choice.get("message") or {}).get("content") or ""
        return Said(text=str(text), usage=usage, cost_usd=self._cost(alias, usage, response.headers), scores=_scores(choice))

    def _cost(self, alias: str, usage: Usage, headers: Mapping[str, str]) -> float:
        told = _number(headers.get(COST_HEADER, ""))
        facts = self.prices.get(alias)
        if told is not None:
            return told
        if facts is None or facts.input_usd_per_million is None or facts.output_usd_per_million is None:
            raise ConfigurationError(
                [f"nobody says what {alias!r} costs: the proxy sends no {COST_HEADER}; name a policy with its `price` with --prices"]
            )
        return (facts.input_usd_per_million * usage.input_tokens + facts.output_usd_per_million * usage.output_tokens) / MILLION


def _usage(counted: Mapping[str, Any]) -> Usage:
    return Usage(input_tokens=int(counted.get("prompt_tokens") or 0), output_tokens=int(counted.get("completion_tokens") or 0))


def _scores(choice: Mapping[str, Any]) -> dict[str, float]:
    """As a gate would have them, where the provider sends log-probabilities."""
    tokens = list(_tokens((choice.get("logprobs") or {}).get("content") or ()))
    found = features(tokens, OF) if tokens else {}
    return {name: round(found[name], 6) for name in COLUMNS if name in found and isfinite(found[name])}


def _tokens(content: Iterable[Any]) -> Iterator[TokenLogprob]:
    for token in content:
        top = tuple(float(one["logprob"]) for one in token.get("top_logprobs") or ())
        yield TokenLogprob(str(token.get("token")), float(token["logprob"]), top)


def _number(text: str) -> float | None:
    try:
        value = float(json.loads(text)) if text else None
    except (ValueError, TypeError):
        return None
    return value if value is not None and isfinite(value) and value >= 0 else None
