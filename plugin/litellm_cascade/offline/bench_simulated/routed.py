"""Policies against always asking the large model, on simulated deployments and synthetic text-to-SQL prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from litellm_cascade.offline.bench_common.resampling import Draws, Numbers, bounds, drawn
from litellm_cascade.offline.simulating.driving import Answers, Served
from litellm_cascade.offline.simulating.roles import LARGE, ROLES, SMALL
from litellm_cascade.offline.simulating.text_to_sql import SqlPrompt
from litellm_cascade.offline.wilson import widened

ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method on one band, or on all. Means per request; intervals hold 95 %, drawn over templates.

    ``savings``: the share of always-large's dollars that is not spent. ``mix``: the share of requests that each alias answers in the end;
    ``escalated``: the share for which a second alias is asked.
    """

    set: str
    method: str
    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    cost_usd: float
    savings: float
    savings_low: float
    savings_high: float
    latency_ms: float
    latency_p95_ms: float
    escalated: float
    mix: Mapping[str, float]


def rows_of(
    method: str, served: Sequence[Served], large: Sequence[Served], prompts: Sequence[SqlPrompt], *, seed: int, draws: int
) -> Iterator[Row]:
    """A row for each band and one for all. ``large``: the same prompts, all asked of the large model."""
    bands = dict.fromkeys(prompt.band for prompt in prompts)
    for band in (ALL, *bands):
        rows = [number for number, prompt in enumerate(prompts) if band in {ALL, prompt.band}]
        groups = np.array([prompts[number].template for number in rows])
        yield _row(band, method, [served[number] for number in rows], [large[number] for number in rows], drawn(groups, seed, draws))


def _row(name: str, method: str, served: Sequence[Served], large: Sequence[Served], resampled: Draws) -> Row:
    right, cost, latency = (_numbers(served, field) for field in ("correct", "cost_usd", "latency_ms"))
    full = _numbers(large, "cost_usd")
    low, high = widened(right.mean(), *bounds(right[rows].mean() for rows in resampled), len(right))
    saved_low, saved_high = bounds(1 - cost[rows].sum() / full[rows].sum() for rows in resampled)
    answered = Counter(one.alias for one in served)
    return Row(
        set=name,
        method=method,
        n=len(served),
        accuracy=float(right.mean()),
        accuracy_low=float(low),
        accuracy_high=float(high),
        cost_usd=float(cost.mean()),
        savings=float(1 - cost.sum() / full.sum()),
        savings_low=saved_low,
        savings_high=saved_high,
        latency_ms=float(latency.mean()),
        latency_p95_ms=float(np.quantile(latency, 0.95)),
        escalated=float(np.mean([len(one.asked) > 1 for one in served])),
        mix={alias: answered[alias] / len(served) for alias in ROLES},
    )


def dull(prompts: Sequence[SqlPrompt], answers: Answers, share_large: float, seed: int) -> dict[str, list[Served]]:
    """What needs no router. Random and prompt length ask the large model as often as ``share_large``; the oracle knows the outcome, and
    asks the cheapest model that is right.
    """
    texts, random = [prompt.text for prompt in prompts], Random(seed)
    lengths = [(len(text), random.random()) for text in texts]
    many = round(share_large * len(texts))
    by_chance = {*random.sample(range(len(texts)), many)}
    longest = {*sorted(range(len(texts)), key=lambda number: lengths[number], reverse=True)[:many]}
    numbers = range(len(texts))
    return {
        "always large": [alone(text, LARGE, answers) for text in texts],
        "always small": [alone(text, SMALL, answers) for text in texts],
        "random": [alone(texts[number], LARGE if number in by_chance else SMALL, answers) for number in numbers],
        "prompt length": [alone(texts[number], LARGE if number in longest else SMALL, answers) for number in numbers],
        "oracle": [alone(text, _cheapest_right(text, answers), answers) for text in texts],
    }


def alone(text: str, alias: str, answers: Answers) -> Served:
    """A prompt that one alias answers, unjudged."""
    said = answers(text, alias)
    return Served(
        alias=alias,
        asked=(alias,),
        band="direct",
        correct=said.correct,
        cost_usd=said.cost_usd,
        latency_ms=said.latency_ms,
        complexity=0.0,
        dimensions={},
    )


def _cheapest_right(text: str, answers: Answers) -> str:
    right = [alias for alias in ROLES if answers(text, alias).correct]
    return min(right or ROLES, key=lambda alias: answers(text, alias).cost_usd)


def _numbers(served: Sequence[Served], field: str) -> Numbers:
    return np.array([getattr(one, field) for one in served], float)
