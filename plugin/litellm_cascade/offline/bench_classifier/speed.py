"""Batches of one size after another: how long one takes, and how many prompts a second holds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from litellm_cascade.classifiers.batching import Engine, Ids, Launches
from litellm_cascade.offline.bench_common.resampling import bounds, picked

_FEWEST: Final = 3  # batches
_DRAWS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Of one way to compute, at one length and batch size. Milliseconds of a whole batch."""

    way: str
    precision: str
    length: int  # tokens of each prompt
    batch: int  # prompts
    batches: int  # that were timed
    p50_ms: float
    p50_low_ms: float  # 95 % bootstrap interval of the median
    p50_high_ms: float
    cpu_ms: float  # processor time of a batch, all threads: on a busy CPU it says more than the clock; for a GPU, what feeding it takes
    prompts_per_s: float  # with the next batch launched before the last is collected, where the engine can
    limit_per_s: float | None  # what the measured peak of matrix products allows; None: not known
    share: float | None  # of the limit: on a GPU by the clock, on a CPU by processor time
    seed: int


def speed_of(
    engine: Engine,
    *,
    way: str,
    precision: str,
    length: int,
    batch: int,
    seconds: float,
    limit_per_s: float | None,
    cores: int,
    seed: int,
    rows: int,
) -> Speed:
    """``rows``: token ids are drawn below it. ``cores``: that the limit is of; 0: of a GPU. Takes ``seconds``, or twice that."""
    prompts = drawn_prompts([length] * batch, rows=rows, seed=seed)
    engine.logits(prompts)  # the first sets things up
    cpu_began = time.process_time()
    took_s = _one_by_one(engine, prompts, seconds)
    cpu_s = (time.process_time() - cpu_began) / len(took_s)
    per_s = _in_a_stream(engine, prompts, seconds) if isinstance(engine, Launches) else batch / float(np.mean(took_s))
    low, high = bounds(np.median(np.asarray(took_s)[places]) for places in picked(len(took_s), seed, _DRAWS))
    return Speed(
        way=way,
        precision=precision,
        length=length,
        batch=batch,
        batches=len(took_s),
        p50_ms=float(np.median(took_s)) * 1000,
        p50_low_ms=low * 1000,
        p50_high_ms=high * 1000,
        cpu_ms=cpu_s * 1000,
        prompts_per_s=per_s,
        limit_per_s=limit_per_s,
        share=None if limit_per_s is None else (batch * cores / cpu_s if cores else per_s) / limit_per_s,
        seed=seed,
    )


def drawn_prompts(lengths: Sequence[int], *, rows: int, seed: int) -> list[Ids]:
    """[CLS], random tokens, [SEP]."""
    draw = np.random.default_rng(seed)
    return [[1, *draw.integers(4, rows, max(0, length - 2)).tolist(), 2][:length] for length in lengths]


def _one_by_one(engine: Engine, prompts: Sequence[Ids], seconds: float) -> list[float]:
    took_s: list[float] = []
    while len(took_s) < _FEWEST or sum(took_s) < seconds:
        began = time.perf_counter()
        engine.logits(prompts)
        took_s.append(time.perf_counter() - began)
    return took_s


def _in_a_stream(engine: Launches, prompts: Sequence[Ids], seconds: float) -> float:
    """Prompts per second with one batch in flight and one prepared."""
    batches, began = 0, time.perf_counter()
    wait = engine.launch(prompts)
    while batches < _FEWEST or time.perf_counter() - began < seconds:
        following = engine.launch(prompts)
        wait()
        wait, batches = following, batches + 1
    wait()
    return (batches + 1) * len(prompts) / (time.perf_counter() - began)
