"""The Open Inference Protocol (version 2, JSON over HTTP) as a client speaks it to a service that computes the 32 logits of a prompt.

https://github.com/kserve/open-inference-protocol. Our own service, Ray Serve, Triton, KServe, MLServer and OpenVINO Model Server differ in
what they call their inputs, in the rank of a text, and in whether data comes flat or nested: all of that is read from the model's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.classifiers.eight_heads import LOGITS, NVIDIA, HeadMap, read_heads
from litellm_cascade.errors import ClassifierError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from litellm_cascade.classifiers.batching import Ids

OUTPUT: Final = "logits"
IDS: Final = "input_ids"
MASK: Final = "attention_mask"
SEGMENTS: Final = "token_type_ids"  # of BERT's exports: zeros for a single text
LENGTHS: Final = (16, 32, 64, 96, 128, 192, 256, 384, 512)
"""Ids are padded to one of these: Triton puts only requests of the same shape together."""
_INTEGERS: Final = frozenset({"INT64", "INT32"})
_FLOATS: Final = frozenset({"FP16", "FP32", "FP64"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input as the service describes it."""

    name: str
    datatype: str
    rank: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a service says of its model. It takes the text, or ids and their mask; the text where it takes both."""

    text: Tensor | None
    ids: tuple[Tensor, ...]
    output: str
    digest: str = ""
    device: str = "unknown"
    heads: HeadMap | None = None  # None: the service does not say
    outcomes: tuple[str, ...] = ()  # what the logits behind those of the eight heads are


def read_model(described: Any, where: str) -> Model:
    """What ``GET /v2/models/{model}`` answered. Raises ``ClassifierError`` when no logits can be had from it."""
    if not isinstance(described, Mapping):
        raise ClassifierError(f"{where}: its metadata is no JSON object; give the url of a service that speaks the Open Inference Protocol")
    inputs = [_tensor(raw, where) for raw in described.get("inputs") or ()]
    text = next((tensor for tensor in inputs if tensor.datatype == "BYTES"), None)
    ids = tuple(tensor for tensor in inputs if tensor.datatype in _INTEGERS)
    if text is None and not {IDS, MASK} <= {tensor.name for tensor in ids} <= {IDS, MASK, SEGMENTS}:
        found = ", ".join(f"{tensor.name} {tensor.datatype}" for tensor in inputs) or "none"
        raise ClassifierError(f"{where}: its inputs must be a text (BYTES), or {IDS} and {MASK} (INT64), and are: {found}")
    told = described.get("parameters") or {}
    return Model(text=text, ids=ids, output=_output(described, where), **_told(told if isinstance(told, Mapping) else {}, where))


def ask_text(model: Model, text: str) -> bytes:
    """The body of a request for the logits of one text."""
    tensor = model.text or Tensor(name="text", datatype="BYTES")
    return _asking(model, [{"name": tensor.name, "datatype": "BYTES", "shape": [1] * tensor.rank, "data": [text]}])


def ask_ids(model: Model, ids: Ids) -> bytes:
    """The body of a request for the logits of one text's token ids, padded to the next of ``LENGTHS``."""
    length = next((length for length in LENGTHS if length >= len(ids)), len(ids))
    padding = [0] * (length - len(ids))
    rows = {IDS: [*ids, *padding], MASK: [1] * len(ids) + padding, SEGMENTS: [0] * length}
    inputs = [{"name": one.name, "datatype": one.datatype, "shape": [1, length], "data": rows[one.name]} for one in model.ids]
    return _asking(model, inputs)


def read_logits(body: bytes, model: Model, where: str) -> NDArray[np.float64]:
    """The logits in the answer, 32 and one for each of the model's outcomes. Raises ``ClassifierError`` when they are not there."""
    try:
        outputs = json.loads(body)["outputs"]
        data = next(output["data"] for output in outputs if output["name"] == model.output)
        logits = np.asarray(data, np.float64).reshape(-1)
    except (ValueError, OverflowError, RecursionError, KeyError, TypeError, StopIteration):
        raise ClassifierError(f"{where}: its answer has no output {model.output!r} with numbers in it") from None
    expected = LOGITS + len(model.outcomes)
    if logits.shape != (expected,):
        raise ClassifierError(f"{where}: {logits.size} logits came for one prompt instead of {expected}; it serves another model")
    return logits


def _tensor(raw: Any, where: str) -> Tensor:
    try:
        return Tensor(name=str(raw["name"]), datatype=str(raw["datatype"]), rank=max(1, len(raw["shape"])))
    except (KeyError, TypeError):
        raise ClassifierError(f"{where}: an input in its metadata has no name, datatype and shape") from None


def _output(described: Mapping[str, Any], where: str) -> str:
    outputs = [raw for raw in described.get("outputs") or () if isinstance(raw, Mapping) and raw.get("datatype") in _FLOATS]
    names = [str(raw.get("name")) for raw in outputs]
    if OUTPUT in names:
        return OUTPUT
    if len(names) == 1:
        return names[0]
    raise ClassifierError(f"{where}: it must have an output {OUTPUT!r} (FP32), and its outputs are: {', '.join(names) or 'none'}")


def _told(told: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What our own service adds, so that its weights are known by name and read with their own map."""
    heads = told.get("heads")
    try:
        mapped = read_heads(json.loads(heads), where) if isinstance(heads, str) else None
    except ValueError:
        raise ClassifierError(f"{where}: the parameter 'heads' of its metadata is no JSON") from None
    outcomes = tuple(filter(None, str(told.get("outcomes", "")).split(",")))
    return {"digest": str(told.get("digest", "")), "device": str(told.get("device", "unknown")), "heads": mapped, "outcomes": outcomes}


def _asking(model: Model, inputs: Sequence[Mapping[str, Any]]) -> bytes:
    return json.dumps({"inputs": inputs, "outputs": [{"name": model.output}]}).encode()


def heads_of(model: Model, own: HeadMap | None) -> HeadMap:
    """The operator's map before the service's, and NVIDIA's where nobody says."""
    return own or model.heads or NVIDIA
