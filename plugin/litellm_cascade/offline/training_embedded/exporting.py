"""From the trained network to the files that ship: ONNX, int8 weights per channel."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from litellm_cascade.classifiers.embedded import MODEL, TOKENIZER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL: Final = "fp32.onnx"
"""The same network before its weights were rounded; not shipped, only compared with."""
_OPSET: Final = 17


def export(network: Any, tokenizer: bytes, out: Path) -> None:
    """Writes ``model.onnx`` (int8), ``tokenizer.json`` and ``fp32.onnx`` into the folder."""
    import torch  # noqa: PLC0415 -- the extra torch
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 -- heavy

    out.mkdir(parents=True, exist_ok=True)
    ids = torch.ones(1, 8, dtype=torch.int64)
    both = {0: "prompts", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter's graph cannot be quantised (ONNX Runtime 1.31)
        torch.onnx.export(
            network.eval(),
            (ids, torch.ones_like(ids)),
            str(out / FULL),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": both, "attention_mask": both, "logits": {0: "prompts"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    with _quietly():
        quantize_dynamic(out / FULL, out / MODEL, per_channel=True, weight_type=QuantType.QInt8)
    (out / TOKENIZER).write_bytes(tokenizer)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the advice on the root logger that makes no difference here."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
