"""From options to an engine that has shown that it computes. Blocks, for seconds; nothing here is called while a request waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from litellm_cascade.classifiers.batching import Engine, Ids
from litellm_cascade.classifiers.devices import device_of, has_bfloat16
from litellm_cascade.classifiers.eight_heads import HeadMap, read
from litellm_cascade.classifiers.nvidia.checkpoint import Checkpoint, read_checkpoint
from litellm_cascade.classifiers.nvidia.files import TOKENIZER, locate, missing_torch
from litellm_cascade.classifiers.nvidia.network import Network, build
from litellm_cascade.classifiers.nvidia.onnx_engine import OnnxEngine, default_cache, exported, kept, quantised
from litellm_cascade.classifiers.nvidia.options import Options
from litellm_cascade.classifiers.nvidia.parity import disagreement, samples
from litellm_cascade.classifiers.nvidia.tokenising import Tokeniser
from litellm_cascade.classifiers.nvidia.torch_engine import CpuEngine, CudaEngine
from litellm_cascade.errors import ClassifierError

_log = logging.getLogger(__name__)
_ON_A_GPU: Final = 256  # prompts in a batch
_ON_A_CPU: Final = 1
_TRIES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """All that is needed to classify."""

    engine: CpuEngine | CudaEngine | OnnxEngine
    tokeniser: Tokeniser
    heads: HeadMap
    digest: str
    device: str
    most_prompts: int  # in a batch


def load(options: Options, folder: Path) -> Loaded:
    """Read, check, warm up. Raises ``ClassifierError`` with a sentence for whatever does not fit; there are never random weights."""
    located = locate(options.checkpoint, options.revision, folder)
    if find_spec("torch") is None or find_spec("safetensors") is None:
        raise ClassifierError(missing_torch("compute"))
    checkpoint = read_checkpoint(located)
    shape = checkpoint.dimensions
    tokeniser = Tokeniser(
        located / TOKENIZER, vocabulary=shape.vocabulary, most_tokens=shape.most_tokens, long_prompts=options.long_prompts
    )
    trial = samples(lambda text: tokeniser(text).windows)
    device = _device(options)
    engine = _on_torch(options, checkpoint, trial, device) if options.engine == "torch" else _on_onnx(options, checkpoint, trial, folder)
    _self_test(engine, trial, checkpoint)
    _log.info("classifier 'nvidia': %s computes on %s with %s in %s", checkpoint.digest, device, options.engine, engine.precision)
    return Loaded(
        engine=engine,
        tokeniser=tokeniser,
        heads=checkpoint.head_map,
        digest=checkpoint.digest,
        device=device,
        most_prompts=options.most_prompts or (_ON_A_CPU if device == "cpu" else _ON_A_GPU),
    )


def _device(options: Options) -> str:
    import torch  # noqa: PLC0415 - of the extra

    if options.engine != "torch":
        if options.device.startswith("cuda"):
            raise ClassifierError(
                f"classifier 'nvidia': options.engine: {options.engine!r} computes on the CPU; for {options.device!r} take torch"
            )
        return "cpu"
    if options.threads:
        torch.set_num_threads(options.threads)
    return device_of(options.device, "classifier 'nvidia': options.device")


def _on_torch(options: Options, checkpoint: Checkpoint, trial: Sequence[Ids], device: str) -> CpuEngine | CudaEngine:
    exact = build(checkpoint).to(device=device)
    fast = exact.to(dtype=_dtype(options, exact.device))
    if device == "cpu":
        return on_cpu(exact, fast, trial, checkpoint.head_map, chosen=options.dtype != "auto")
    return on_cuda(exact, fast, trial, checkpoint.head_map)


def on_cpu(exact: Network, fast: Network, trial: Sequence[Ids], heads: HeadMap, *, chosen: bool) -> CpuEngine:
    """The fast one where it decides like the exact one; and unless it was ``chosen``, only where it is faster on this processor."""
    reference, engine = CpuEngine(exact), CpuEngine(fast)
    if fast.precision == exact.precision or (not chosen and _seconds(engine, trial) >= _seconds(reference, trial)):
        return reference
    return reference if _objected(reference, engine, trial, heads) else engine


def on_cuda(exact: Network, fast: Network, trial: Sequence[Ids], heads: HeadMap, engine: CudaEngine | None = None) -> CudaEngine:
    """The fast one with its graphs where it decides like the exact one without; else the exact one, without."""
    reference, engine = CudaEngine(exact), engine or CudaEngine(fast)
    engine.warm_up()
    return reference if _objected(reference, engine, trial, heads) else engine


def _objected(exact: CpuEngine | CudaEngine, fast: CpuEngine | CudaEngine, trial: Sequence[Ids], heads: HeadMap) -> bool:
    objection = disagreement(exact, fast, trial, heads)
    if objection is not None:
        _log.warning("classifier 'nvidia': computes in %s, because in %s %s", exact.precision, fast.precision, objection)
    return objection is not None


def _dtype(options: Options, device: Any) -> Any:
    import torch  # noqa: PLC0415 - of the extra

    if options.dtype == "auto" and device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if options.dtype == "auto":
        return torch.bfloat16 if has_bfloat16() else torch.float32  # merely trying it would take minutes
    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[options.dtype]


def _seconds(engine: Engine, trial: Sequence[Ids]) -> float:
    """Of the longest sample, the best of several: the first sets things up, and others may be at work on the machine."""
    longest = max(trial, key=len)
    return min(_timed(engine, longest) for _ in range(_TRIES))


def _timed(engine: Engine, ids: Ids) -> float:
    began = time.perf_counter()
    engine.logits([ids])
    return time.perf_counter() - began


def _on_onnx(options: Options, checkpoint: Checkpoint, trial: Sequence[Ids], folder: Path) -> OnnxEngine:
    if find_spec("onnx") is None:
        raise ClassifierError(missing_torch("write an ONNX graph"))
    cache = folder / options.cache if options.cache else default_cache()
    made_of = f"{checkpoint.digest}-{crc32(repr(checkpoint.dimensions).encode()):08x}"  # heads are in no shape of the weights
    path = exported(lambda: build(checkpoint), made_of, cache)
    threads = options.threads or 0
    if options.engine == "onnx":
        return OnnxEngine(path, threads=threads)
    small = quantised(path)
    objection = _kept_objection(path, small, trial, checkpoint.head_map)
    if not objection:
        return OnnxEngine(small, threads=threads, precision="int8")
    _log.warning("classifier 'nvidia': computes in float32, because in int8 %s", objection)
    return OnnxEngine(path, threads=threads)


def _kept_objection(path: Path, small: Path, trial: Sequence[Ids], heads: HeadMap) -> str:
    def compare(verdict: Path) -> None:
        verdict.write_text(disagreement(OnnxEngine(path), OnnxEngine(small), trial, heads) or "", "utf-8")

    return kept(small.with_suffix(".objection.txt"), compare).read_text("utf-8")


def _self_test(engine: Engine, trial: Sequence[Ids], checkpoint: Checkpoint) -> None:
    try:
        read(engine.logits([trial[0]])[0], checkpoint.head_map)
    except ClassifierError as error:
        raise ClassifierError(f"classifier 'nvidia': {checkpoint.path} gives no usable logits ({error}); fetch it again") from None
