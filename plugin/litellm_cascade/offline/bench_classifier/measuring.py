"""All cells of the benchmark, one engine after the other, so that two never share the machine or the memory."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from litellm_cascade.classifiers.batching import Engine
from litellm_cascade.classifiers.nvidia.checkpoint import Checkpoint, read_checkpoint
from litellm_cascade.classifiers.nvidia.files import locate
from litellm_cascade.classifiers.nvidia.loading import load
from litellm_cascade.classifiers.nvidia.options import Options
from litellm_cascade.offline.bench_classifier.limits import measured_peak, prompt_flops
from litellm_cascade.offline.bench_classifier.open_loop import Waits, waits_of
from litellm_cascade.offline.bench_classifier.plain import PlainEngine
from litellm_cascade.offline.bench_classifier.speed import Speed, speed_of

PLAIN: Final = "transformers"
_FEWEST: Final = 100
"""Prompts of an open loop: a 99th percentile of fewer is one prompt's."""
WAYS: Final = (PLAIN, "torch", "onnx", "onnx-int8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is measured."""

    ways: Sequence[str]
    lengths: Sequence[int]  # tokens
    batches: Sequence[int]  # prompts
    rates: Sequence[float]  # prompts per second
    rate_length: int  # tokens
    seconds: float  # of a cell
    device: str
    dtype: str
    threads: int | None
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that was measured, and where."""

    checkpoint: str  # digest
    random_weights: bool
    device: str
    threads: int
    load: float  # the machine's load average before anything was measured
    peaks: dict[str, float]  # FLOP/s by precision
    speeds: Sequence[Speed]
    waits: Sequence[Waits]
    seconds: float
    seed: int
    versions: dict[str, str]


def measured(folder: Path, cache: Path, wanted: Wanted, *, random_weights: bool, said: Callable[[str], None]) -> Results:
    """Measure a checkpoint; ``said`` is told of each engine. Raises ``ClassifierError`` where it cannot be loaded."""
    import torch  # noqa: PLC0415 - of the extra

    load_average = os.getloadavg()[0]
    checkpoint = read_checkpoint(locate(str(folder.resolve()), None, folder))
    peaks: dict[str, float] = {}
    speeds: list[Speed] = []
    waits: list[Waits] = []
    device = "cpu"
    for way in wanted.ways:
        engine, device, most_prompts = _engine(way, checkpoint, folder, cache, wanted)
        if engine.precision not in peaks and (peak := measured_peak(device, engine.precision)):
            peaks[engine.precision] = peak
        said(f"{way} in {engine.precision} on {device}")
        speeds += _speeds(way, engine, device, checkpoint, peaks.get(engine.precision), wanted)
        waits += _waits(way, engine, checkpoint, most_prompts, wanted)
    return Results(
        checkpoint=checkpoint.digest,
        random_weights=random_weights,
        device=torch.cuda.get_device_name(device) if device != "cpu" else platform.processor() or platform.machine(),
        threads=torch.get_num_threads(),
        load=load_average,
        peaks=peaks,
        speeds=speeds,
        waits=waits,
        seconds=wanted.seconds,
        seed=wanted.seed,
        versions={name: version(name) for name in ("litellm-cascade", "torch", "transformers", "onnxruntime", "numpy")},
    )


def _engine(way: str, checkpoint: Checkpoint, folder: Path, cache: Path, wanted: Wanted) -> tuple[Any, str, int]:
    """The engine, its device, and how many prompts a batch of it may have. On the device that the first of them is on."""
    options = Options.model_validate(
        {
            "checkpoint": str(folder.resolve()),
            "device": wanted.device if way in {PLAIN, "torch"} else "cpu",
            "engine": "torch" if way == PLAIN else way,
            "dtype": "fp32" if way == PLAIN else wanted.dtype,
            "threads": wanted.threads,
            "cache": cache.resolve(),
        }
    )
    loaded = load(options, folder)
    if way == PLAIN:
        return PlainEngine(checkpoint, loaded.device), loaded.device, 1
    return loaded.engine, loaded.device, loaded.most_prompts


def _speeds(way: str, engine: Any, device: str, checkpoint: Checkpoint, peak: float | None, wanted: Wanted) -> Iterator[Speed]:
    import torch  # noqa: PLC0415 - of the extra

    for length in wanted.lengths:
        limit = peak / prompt_flops(checkpoint.dimensions, length) if peak else None
        for batch in wanted.batches:
            yield speed_of(
                engine,
                way=way,
                precision=engine.precision,
                length=length,
                batch=batch,
                seconds=wanted.seconds,
                limit_per_s=limit,
                cores=torch.get_num_threads() if device == "cpu" else 0,
                seed=wanted.seed,
                rows=checkpoint.dimensions.vocabulary,
            )


def _waits(way: str, engine: Engine, checkpoint: Checkpoint, most_prompts: int, wanted: Wanted) -> Iterator[Waits]:
    for rate in wanted.rates:
        yield waits_of(
            engine,
            way=way,
            precision=engine.precision,  # type: ignore[attr-defined]
            length=wanted.rate_length,
            asked_per_s=rate,
            seconds=max(wanted.seconds, _FEWEST / rate),
            most_prompts=most_prompts,
            seed=wanted.seed,
            rows=checkpoint.dimensions.vocabulary,
        )
