"""Ten constraint scenarios of six kinds: what each strategy does with a pool of seven models under a caller's limits.

Prices, latencies and qualities of the pool are the design's starting points, and so is what happens: an answer is right as often as the
pool's quality says for the scenario's kind of work. A strategy sees the pool, the prompt through the classifier, and the limits; it does
not see the kind of work or the outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import yaml

from litellm_cascade.offline.bench_common.resampling import Numbers, bounds, drawn
from litellm_cascade.offline.simulating.driving import Answers, Asked, Said, Served
from litellm_cascade.policy import Policy, parse_policy
from litellm_cascade.signals import estimate_tokens
from litellm_cascade.simulated.profiles import LATENCY_JITTER
from litellm_cascade.vocabulary import Completion, Overrides

_SHIPPED: Final = Path(__file__).with_name("scenarios.yaml")
KINDS: Final = ("cost", "quality", "latency", "balanced", "code", "creative")
TIERS: Final = ("budget", "standard", "premium")
PRIORITY: Final = {
    "cost": (1, 4, 1),
    "quality": (4, 1, 1),
    "latency": (1, 1, 4),
    "balanced": (1, 1, 1),
    "code": (2, 1, 1),
    "creative": (2, 1, 1),
}
"""How much quality, cost and latency count for ``multi_objective``, by the kind of scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario: what is asked, under which limits, and what it is worth."""

    name: str
    kind: str
    domain: str
    limits: Overrides
    weights: Mapping[str, float]
    output_tokens: int
    prompts: tuple[Asked, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy in one scenario. Means per request; ``utility`` in the value of a right answer, with its 95 % interval.

    ``violations``: the share of requests whose limits were not kept; ``tiers``: the share that each tier answers.
    """

    set: str
    kind: str
    method: str
    n: int
    quality: float
    cost_usd: float
    latency_ms: float
    utility: float
    utility_low: float
    utility_high: float
    violations: float
    tiers: Mapping[str, float]


def read_scenarios() -> tuple[list[Scenario], Mapping[str, Any]]:
    """The ten, and the pool that they share."""
    written: Mapping[str, Any] = yaml.safe_load(_SHIPPED.read_text(encoding="utf-8"))
    return [_scenario(one, written["texts"]) for one in written["scenarios"]], written["pool"]


def _scenario(written: Mapping[str, Any], texts: Sequence[str]) -> Scenario:
    limits = Overrides(**written["limits"])
    asked = [wording.replace("{text}", text) for wording in written["prompts"] for text in texts]
    prompts = tuple(Asked(id=f"{written['name']} {number}", text=text, overrides=limits) for number, text in enumerate(asked))
    rest = {name: written[name] for name in ("name", "kind", "domain", "weights", "output_tokens")}
    return Scenario(limits=limits, prompts=prompts, **rest)


def strategies(scenario: Scenario, pool: Mapping[str, Any]) -> dict[str, Policy]:
    """A policy for each strategy that needs no outcomes of the past."""
    quality, cost, latency = PRIORITY[scenario.kind]
    candidates = sorted(pool, key=lambda alias: (pool[alias]["usd_per_1k"], alias))
    weights, floor = dict(scenario.weights), scenario.limits.min_quality or 0.8
    ladder = ["claude-3-haiku", "claude-3-sonnet", "gpt-4"]
    chosen: dict[str, Mapping[str, Any]] = {
        "utility": {"strategy": "utility", "candidates": candidates, "weights": weights},
        "multi_objective": {
            "strategy": "multi_objective",
            "candidates": candidates,
            "weights": {"quality": quality, "cost": cost, "latency": latency},
        },
        "quality_first": {"strategy": "quality_first", "candidates": candidates, "floor": floor},
        "thresholds": {"strategy": "thresholds", "cuts": [0.3, 0.6], "candidates": ladder},
    }
    return {name: _policy(name, choose, pool) for name, choose in chosen.items()}


def _policy(name: str, choose: Mapping[str, Any], pool: Mapping[str, Any]) -> Policy:
    written = {
        "version": 1,
        "name": name,
        "description": "Of a benchmark.",
        "models": {alias: _card(facts) for alias, facts in pool.items()},
        "overrides": {"allow": ["max_cost_usd", "max_latency_ms", "min_quality"]},
        "routes": [{"name": "all", "choose": dict(choose)}],
    }
    return parse_policy(yaml.safe_dump(written, sort_keys=False))


def _card(facts: Mapping[str, Any]) -> dict[str, Any]:
    usd = facts["usd_per_1k"] * 1000
    price = {"input_usd_per_million": usd, "output_usd_per_million": usd}
    return {name: facts[name] for name in ("tier", "quality", "latency_ms", "context_tokens")} | {"price": price}


def pool_answers(scenario: Scenario, pool: Mapping[str, Any], seed: int) -> Answers:
    """What the pool's models say: right as often as their quality has it for the scenario's kind of work, the same for every strategy."""

    @cache
    def said(prompt: str, alias: str) -> Said:
        facts, random = pool[alias], Random(f"{seed}:{alias}:{prompt}")
        tokens = estimate_tokens(prompt) + scenario.output_tokens
        return Said(
            completion=Completion(text="simulated", finish_reason="stop"),
            correct=float(random.random() < facts["quality"][scenario.domain]),
            cost_usd=tokens * facts["usd_per_1k"] / 1000,
            latency_ms=facts["latency_ms"] * random.uniform(1 - LATENCY_JITTER, 1 + LATENCY_JITTER),
        )

    return said


def dull(scenario: Scenario, pool: Mapping[str, Any], seed: int) -> dict[str, list[str]]:
    """An alias for each prompt by what needs no router: always the best, always the cheapest, by chance, by length, and the oracle."""
    random, texts = Random(f"{seed}:{scenario.name}"), [prompt.text for prompt in scenario.prompts]
    by_price = sorted(pool, key=lambda alias: (pool[alias]["usd_per_1k"], alias))
    order = np.argsort(np.argsort([len(text) for text in texts], kind="stable"), kind="stable")
    answers = pool_answers(scenario, pool, seed)
    return {
        "always large": [by_price[-1]] * len(texts),
        "always small": [by_price[0]] * len(texts),
        "random": [random.choice(by_price) for _ in texts],
        "prompt length": [by_price[int(place * len(by_price) / len(texts))] for place in order.tolist()],
        "oracle": [_best(scenario, {alias: answers(text, alias) for alias in by_price}, pool) for text in texts],
    }


def _best(scenario: Scenario, said: Mapping[str, Said], pool: Mapping[str, Any]) -> str:
    """The alias whose answer is worth most of those that keep the limits; where none keeps them, the one that breaks them least."""
    return max(said, key=lambda alias: (-_beyond(scenario, said[alias], pool[alias]), _utility(scenario, said[alias])))


def row_of(scenario: Scenario, method: str, served: Sequence[Served], pool: Mapping[str, Any], *, seed: int, draws: int) -> Row:
    """What became of a scenario's prompts."""
    utilities = np.array([_utility(scenario, one) for one in served])
    wording = np.array([str(number // 8) for number in range(len(served))])
    low, high = bounds(utilities[rows].mean() for rows in drawn(wording, seed, draws))
    tiers = Counter(pool[one.alias]["tier"] for one in served)
    return Row(
        set=scenario.name,
        kind=scenario.kind,
        method=method,
        n=len(served),
        quality=_mean(one.correct for one in served),
        cost_usd=_mean(one.cost_usd for one in served),
        latency_ms=_mean(one.latency_ms for one in served),
        utility=float(utilities.mean()),
        utility_low=low,
        utility_high=high,
        violations=_mean(float(_beyond(scenario, one, pool[one.alias]) > 0) for one in served),
        tiers={tier: tiers[tier] / len(served) for tier in TIERS},
    )


def _utility(scenario: Scenario, one: Served | Said) -> float:
    weights = scenario.weights
    return float(weights["quality"] * one.correct - weights["cost"] * one.cost_usd - weights["latency"] * one.latency_ms / 1000)


def _beyond(scenario: Scenario, one: Served | Said, facts: Mapping[str, Any]) -> float:
    """By what share of the limits, added up, an answer was dearer or later than asked, or its model less good for the kind of work."""
    limits = scenario.limits
    held_against = (
        (one.cost_usd, limits.max_cost_usd, 1),
        (one.latency_ms, limits.max_latency_ms, 1),
        (facts["quality"][scenario.domain], limits.min_quality, -1),
    )
    return float(sum(max(0.0, sign * (value / limit - 1)) for value, limit, sign in held_against if limit is not None))


def _mean(values: Iterator[float] | Any) -> float:
    found: Numbers = np.array([*values], float)
    return float(found.mean())
