"""What the hardware allows: the arithmetic of a prompt, and how much of it a second can hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from litellm_cascade.classifiers.nvidia.checkpoint import Dimensions
from litellm_cascade.classifiers.nvidia.onnx_graph import IR_VERSION, OPSET

_SIDE: Final = {"cpu": 1_024, "cuda": 8_192}
_RUNS: Final = {"cpu": 6, "cuda": 30}


def prompt_flops(dimensions: Dimensions, length: int) -> float:
    """Of the matrix products of one prompt, a multiply and an add counted as two.

    For each token and layer: 2 x (4h^2 + 2hf) of the linear layers, 4hL of the attention, 4h x min(2L - 1, 2 x buckets) of the positions.
    At the published size 169.9 M + 0.0369 M x (L + min(2L - 1, 512)) a token.
    """
    hidden = dimensions.hidden
    linear = 2 * (4 * hidden**2 + 2 * hidden * dimensions.feed_forward)
    attention = 4 * hidden * (length + min(2 * length - 1, 2 * dimensions.buckets))
    return float(length * dimensions.layers * (linear + attention))


def measured_peak(device: str, precision: str) -> float | None:
    """FLOP/s of a large matrix product in the dtype, the best of several; None for what torch has no such product of.

    On a CPU by the processor time of its threads, which other programs take nothing from; and in float32 of torch's product or
    ONNX Runtime's, whichever is faster: their libraries differ by a factor of two on some processors.
    """
    import torch  # noqa: PLC0415 - of the extra

    dtype = getattr(torch, precision)
    if not dtype.is_floating_point:
        return None
    kind = device.partition(":")[0]
    side = _SIDE[kind]
    first, second = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    best = min(_seconds(first, second, device) for _ in range(_RUNS[kind]))
    if kind == "cpu" and dtype is torch.float32:
        multiply = _onnx_product(side)
        best = min(best, *(_cpu_seconds(multiply) for _ in range(_RUNS[kind])))
    return 2 * side**3 / best


def _seconds(first: Any, second: Any, device: str) -> float:
    import torch  # noqa: PLC0415 - of the extra

    if device == "cpu":
        return _cpu_seconds(lambda: first @ second)
    torch.cuda.synchronize(device)
    began = time.perf_counter()
    first @ second
    torch.cuda.synchronize(device)
    return time.perf_counter() - began


def _cpu_seconds(work: Callable[[], object]) -> float:
    import torch  # noqa: PLC0415 - of the extra

    began = time.process_time()
    work()
    took_s: float = (time.process_time() - began) / torch.get_num_threads()
    return took_s


def _onnx_product(side: int) -> Callable[[], object]:
    """A product of two float32 matrices, [side, side], in ONNX Runtime with as many threads as torch has."""
    import onnxruntime  # noqa: PLC0415 - when it is called
    import torch  # noqa: PLC0415 - of the extra
    from onnx import TensorProto, helper  # noqa: PLC0415 - of the extra

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [side, side]) for name in "abc"]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", values[:2], values[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    factors = {name: np.random.default_rng(0).standard_normal((side, side), np.float32) for name in "ab"}
    return lambda: session.run(None, factors)
