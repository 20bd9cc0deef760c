"""What each alias of the pool is expected to get right, to cost and to take, for one request."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from litellm_cascade.policy.pool import Known, ModelCard, Table
from litellm_cascade.vocabulary import Estimate, Evidence, Signals

TASK_DOMAINS: Mapping[str, str] = {
    "Code Generation": "code",
    "Brainstorming": "creative",
    "Rewrite": "creative",
    "Text Generation": "creative",
}
"""The kind of work a task is; any other task is reasoning where that dimension is high, else general."""

FALLBACKS: Mapping[str, tuple[str, ...]] = {
    "sql": ("sql", "code", "general"),
    "code": ("code", "general"),
    "reasoning": ("reasoning", "general"),
    "creative": ("creative", "general"),
    "general": ("general",),
}
"""Each kind of work, with the entries of ``quality`` that count for it, the first that is there."""

MUCH_REASONING = 0.5
"""The middle of the dimension."""

LOGITS_PER_COMPLEXITY = 2.0
"""How much the log-odds of a right answer fall from complexity 0 to 1. The simulator's roles (docs/simulator.md) lose 3.6, 1.3 and 1.0
between simple and complex prompts; this is their mean."""

OUTPUT_TOKENS = 256
"""Where neither the signals nor the client say how long an answer will be. The 210,000 recorded benchmark answers that the lab uses have
110 on average, and chat answers are longer."""

_FURTHEST = 30.0  # log-odds; beyond, a probability is 0 or 1 to thirteen digits


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alias:
    """One alias, prepared: log-odds by kind of work, dollars per token, milliseconds."""

    name: str
    log_odds: Mapping[str, float]
    usd_in: float | None
    usd_out: float
    latency_ms: float | None
    ms_per_token: float

    def estimate(self, domain: str, harder: float, tokens: tuple[float, float]) -> Estimate:
        known, (tokens_in, tokens_out) = self.log_odds.get(domain), tokens
        return Estimate(
            alias=self.name,
            quality=None if known is None else sigmoid(known - harder),
            cost_usd=None if self.usd_in is None else self.usd_in * tokens_in + self.usd_out * tokens_out,
            latency_ms=None if self.latency_ms is None else self.latency_ms + self.ms_per_token * tokens_out,
        )


class Estimator:
    """The pool, ready to be asked about a request. The prices of ``table`` count for the aliases that have none of their own."""

    def __init__(self, pool: Mapping[str, ModelCard], table: Table | None = None) -> None:
        self._aliases = tuple(_prepared(name, pool[name], table or {}) for name in sorted(pool))
        self.unknown = {name: Estimate(alias=name) for name in sorted(pool)}

    def of(self, evidence: Evidence) -> dict[str, Estimate]:
        """An estimate for each alias, by name. Quality is as written at complexity 0.5, and for a request that was not classified."""
        domain = domain_of(evidence)
        harder = LOGITS_PER_COMPLEXITY * (_unit(evidence.classification.complexity) - 0.5) if evidence.classification.known else 0.0
        tokens = float(max(evidence.signals.input_tokens, 0)), output_tokens(evidence.signals)
        return {alias.name: alias.estimate(domain, harder, tokens) for alias in self._aliases}


def domain_of(evidence: Evidence) -> str:
    """Which kind of work a request is: sql, code, creative, reasoning or general."""
    if "sql" in evidence.signals.markup:
        return "sql"
    domain = TASK_DOMAINS.get(evidence.classification.task, "general")
    if domain == "general" and evidence.classification.dimensions.get("reasoning", 0.0) >= MUCH_REASONING:
        return "reasoning"
    return domain


def output_tokens(signals: Signals) -> float:
    """How many tokens all answers together will have: as predicted, else as many as the client allows, else a typical number."""
    predicted = signals.predicted_output_tokens or signals.max_output_tokens
    return float(max(predicted or OUTPUT_TOKENS, 0)) * max(signals.choices, 1)


def sigmoid(log_odds: float) -> float:
    """A probability from log-odds."""
    return 1.0 / (1.0 + math.exp(min(-log_odds, 700.0)))


def _log_odds(share: float) -> float:
    if share in (0.0, 1.0):
        return math.copysign(_FURTHEST, share - 0.5)
    return max(-_FURTHEST, min(math.log(share) - math.log1p(-share), _FURTHEST))


def _unit(value: float) -> float:
    return 0.5 if math.isnan(value) else min(max(value, 0.0), 1.0)


def _prepared(name: str, card: ModelCard, table: Table) -> _Alias:
    price = card.price or table.get(name, Known()).price
    found = {domain: next((card.quality[key] for key in keys if key in card.quality), None) for domain, keys in FALLBACKS.items()}
    return _Alias(
        name=name,
        log_odds={domain: _log_odds(share) for domain, share in found.items() if share is not None},
        usd_in=price.input_usd_per_million / 1e6 if price else None,
        usd_out=price.output_usd_per_million / 1e6 if price else 0.0,
        latency_ms=card.latency_ms,
        ms_per_token=card.latency_ms_per_token or 0.0,
    )
