"""The engine in ONNX Runtime, on the CPU. What is made for it from a checkpoint is kept, because making it takes longer than reading it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from litellm_cascade.classifiers.batching import Ids, Logits
from litellm_cascade.classifiers.nvidia.network import Network
from litellm_cascade.classifiers.nvidia.onnx_graph import HEADS_NODE, write_graph
from litellm_cascade.classifiers.onnx_sessions import open_session
from litellm_cascade.errors import ClassifierError

_MADE_BY: Final = "v1"  # one more whenever the graph changes: what is kept of another is then made again


class OnnxEngine:
    """Computes where it is called. ``threads``: of one call; 0: as many as ONNX Runtime thinks best. Raises ``ClassifierError``."""

    def __init__(self, path: Path, *, threads: int = 0, precision: str = "float32") -> None:
        self.path = path
        self.precision = precision
        try:
            self._session = open_session(path, threads=threads)
        except Exception as error:  # its own classes of exceptions are not public
            raise ClassifierError(f"classifier 'nvidia': {path} is corrupt; delete it, and it is made again") from error

    def logits(self, prompts: Sequence[Ids]) -> Logits:
        """[len(prompts), 32]. In int8 one by one: activations are scaled by the largest of all that is computed together."""
        if self.precision == "int8" and len(prompts) > 1:
            return np.concatenate([self.logits([prompt]) for prompt in prompts])
        longest = max(map(len, prompts))
        ids, mask = (np.zeros((len(prompts), longest), np.int64) for _ in range(2))
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt)] = prompt
            mask[row, : len(prompt)] = 1
        found: Logits = self._session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]
        return found


def default_cache() -> Path:
    """The user's own, as the XDG base directory specification has it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "litellm-cascade"


def exported(network: Callable[[], Network], digest: str, cache: Path) -> Path:
    """The graph of a network in float32, made when it is not there yet."""
    return kept(cache / f"nvidia-{digest}-{_MADE_BY}.onnx", lambda path: write_graph(network(), path))


def quantised(exported_to: Path) -> Path:
    """The same with int8 linear layers (per channel, signed; activations as they come). Heads and positions stay in float32."""
    return kept(exported_to.with_suffix(".int8.onnx"), lambda path: _quantise(exported_to, path))


def kept(path: Path, make: Callable[[Path], None]) -> Path:
    """A file, made once. What is half made is never seen, whoever else is making it."""
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / path.name
            make(made)
            made.replace(path)
    except OSError as error:
        raise ClassifierError(
            f"classifier 'nvidia': cannot keep {path} ({error.strerror}); name a folder that can be written to in options.cache"
        ) from error
    return path


def _quantise(source: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 - slow to import

    chosen: dict[str, Any] = {"per_channel": True, "weight_type": QuantType.QInt8, "op_types_to_quantize": ["MatMul"]}
    quantize_dynamic(source, target, nodes_to_exclude=[HEADS_NODE], **chosen)
