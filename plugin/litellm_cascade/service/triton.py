"""A model repository for Triton from an ONNX file: ``NAME/config.pbtxt`` and ``NAME/1/model.onnx``.

Fields: https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto. Triton takes token ids, so the proxies
tokenise; it puts only requests of the same shape together, which is why our client pads to few lengths.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

from litellm_cascade.classifiers.eight_heads import LOGITS
from litellm_cascade.classifiers.open_inference import IDS, LENGTHS, MASK, SEGMENTS
from litellm_cascade.errors import ClassifierError

TYPES: Final[Mapping[str, str]] = {"tensor(int64)": "TYPE_INT64", "tensor(int32)": "TYPE_INT32"}
FLOAT: Final = "tensor(float)"
DATA_SUFFIX: Final = ".data"
"""Weights beyond two gigabytes, or written apart, lie in a file of this ending beside the ONNX file."""


MOST_PROMPTS: Final = 64
QUANTISED: Final = b"DynamicQuantize"
"""How the operators begin that scale activations by the largest of all that is computed together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How Triton puts requests together."""

    most_prompts: int | None = None  # None: MOST_PROMPTS, or 1 where those of a batch would change each other's answers
    queue_delay_us: int = 0  # 0: what is queued goes as soon as an instance is free
    most_queued: int = 1_024
    instances: int = 1
    gpu: bool = True


def write_repository(onnx: Path, out: Path, name: str, batching: Batching) -> Sequence[Path]:
    """The files written. Raises ``ClassifierError`` when the ONNX file is no model of the eight heads, or cannot be read or written."""
    inputs, output, columns = _signature(onnx)
    most_prompts = batching.most_prompts or (1 if _quantised_together(onnx) else MOST_PROMPTS)
    folder = out / name
    try:
        (folder / "1").mkdir(parents=True, exist_ok=True)
        written = [folder / "config.pbtxt", folder / "1" / "model.onnx"]
        written[0].write_text(config(name, inputs, output, columns, replace(batching, most_prompts=most_prompts)), encoding="utf-8")
        shutil.copyfile(onnx, written[1])
        beside = onnx.with_name(onnx.name + DATA_SUFFIX)  # the ONNX file refers to it by its name
        return [*written, Path(shutil.copy(beside, folder / "1"))] if beside.exists() else written
    except OSError as error:
        raise ClassifierError(f"{folder}: cannot be written ({error.strerror}); name a folder that may be written") from error


def config(name: str, inputs: Mapping[str, str], output: str, columns: int, batching: Batching) -> str:
    """The text of config.pbtxt. ``inputs``: Triton's type by name."""
    tensors = ",\n".join(f'  {{ name: "{one}" data_type: {kind} dims: [ -1 ] }}' for one, kind in inputs.items())
    warm_up = "\n".join(_warm_up(length, inputs) for length in LENGTHS)
    return f"""name: "{name}"
backend: "onnxruntime"
max_batch_size: {batching.most_prompts}
input [
{tensors}
]
output [
  {{ name: "{output}" data_type: TYPE_FP32 dims: [ {columns} ] }}
]
dynamic_batching {{
  max_queue_delay_microseconds: {batching.queue_delay_us}
  default_queue_policy {{ max_queue_size: {batching.most_queued} }}
}}
instance_group [
  {{ count: {batching.instances} kind: {"KIND_GPU" if batching.gpu else "KIND_CPU"} }}
]
version_policy {{ latest {{ num_versions: 1 }} }}
{warm_up}
"""


def _warm_up(length: int, inputs: Mapping[str, str]) -> str:
    """One request of this length before Triton says that it is ready. Zeros: any other id may be beyond the vocabulary."""
    tensors = " ".join(
        f'inputs {{ key: "{one}" value {{ data_type: {kind} dims: [ {length} ] zero_data: true }} }}' for one, kind in inputs.items()
    )
    return f'model_warmup {{ name: "{length} tokens" batch_size: 1 {tensors} }}'


def _quantised_together(onnx: Path) -> bool:
    """Names of operators stand in the file as they are."""
    with onnx.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return content.find(QUANTISED) >= 0


def _signature(onnx: Path) -> tuple[dict[str, str], str, int]:
    """Triton's type of each input, the name of the output, and how many logits it has."""
    import onnxruntime  # noqa: PLC0415

    try:
        session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    except Exception as error:  # its own classes of exceptions are not public
        raise ClassifierError(f"{onnx}: cannot be read as ONNX ({type(error).__name__})") from error
    inputs = {one.name: TYPES.get(one.type, one.type) for one in session.get_inputs()}
    if not {IDS, MASK} <= set(inputs) <= {IDS, MASK, SEGMENTS} or not set(inputs.values()) <= set(TYPES.values()):
        found = ", ".join(f"{name} {kind}" for name, kind in inputs.items())
        raise ClassifierError(f"{onnx}: its inputs must be {IDS} and {MASK} (int64), and are: {found}")
    floats = [(one.name, one.shape[-1]) for one in session.get_outputs() if one.type == FLOAT and one.shape]
    logits = [(output, columns) for output, columns in floats if isinstance(columns, int) and columns >= LOGITS]
    if len(logits) != 1:
        raise ClassifierError(f"{onnx}: one output must be float [prompts, {LOGITS} or more], and {len(logits)} are")
    return inputs, *logits[0]
