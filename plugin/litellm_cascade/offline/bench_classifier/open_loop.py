"""Prompts that come when they come, at a rate, whether or not the ones before are answered: what a proxy's requests wait."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import numpy as np

from litellm_cascade.classifiers.batching import Batcher, Computed, Engine, Ids
from litellm_cascade.errors import ClassifierError
from litellm_cascade.offline.bench_classifier.speed import drawn_prompts


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """From when a prompt was due to its logits, in milliseconds. A late start of the sender counts as waiting."""

    way: str
    precision: str
    length: int  # tokens
    asked_per_s: float
    prompts: int
    refused: int
    batch: float  # prompts of a batch, on average
    p50_ms: float
    p95_ms: float
    p99_ms: float
    seed: int


def waits_of(
    engine: Engine, *, way: str, precision: str, length: int, asked_per_s: float, seconds: float, most_prompts: int, seed: int, rows: int
) -> Waits:
    """Arrivals are a Poisson process of ``asked_per_s`` for ``seconds``."""
    computed: list[Computed] = []
    batcher = Batcher(way, engine, most_prompts=most_prompts, on_batch=computed.append)
    due_s = _arrivals(asked_per_s, seconds, seed)
    prompts = drawn_prompts([length] * len(due_s), rows=rows, seed=seed)
    waited = asyncio.run(_sent(batcher, prompts, due_s))
    batcher.close()
    waited_ms = np.array([one for one in waited if one is not None] or [np.nan]) * 1000
    p50, p95, p99 = np.quantile(waited_ms, (0.5, 0.95, 0.99)).tolist()
    return Waits(
        way=way,
        precision=precision,
        length=length,
        asked_per_s=asked_per_s,
        prompts=len(due_s),
        refused=waited.count(None),
        batch=float(np.mean([batch.prompts for batch in computed] or [0])),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        seed=seed,
    )


def _arrivals(asked_per_s: float, seconds: float, seed: int) -> list[float]:
    """Seconds from the beginning; at least one."""
    draw = np.random.default_rng(seed)
    gaps = draw.exponential(1 / asked_per_s, size=max(1, round(asked_per_s * seconds)))
    due: list[float] = np.cumsum(gaps).tolist()
    return due


async def _sent(batcher: Batcher, prompts: list[Ids], due_s: list[float]) -> list[float | None]:
    began = time.perf_counter()

    async def one(ids: Ids, due: float) -> float | None:
        await asyncio.sleep(began + due - time.perf_counter())
        try:
            await batcher.logits(ids)
        except ClassifierError:  # refused: too many wait
            return None
        return time.perf_counter() - began - due

    return await asyncio.gather(*(one(ids, due) for ids, due in zip(prompts, due_s, strict=True)))
