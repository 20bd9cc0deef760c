"""The Open Inference Protocol (version 2, JSON over HTTP) as the service speaks it: what it is asked, and what it answers.

https://github.com/kserve/open-inference-protocol. Sentences in ``RefusedError`` go to the client: they never hold a prompt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.classifiers.eight_heads import LOGITS
from litellm_cascade.classifiers.open_inference import IDS, MASK, OUTPUT
from litellm_cascade.classifiers.servable import Servable, config_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from litellm_cascade.classifiers.batching import Ids

TEXT: Final = "text"
_INPUTS: Final = f"the inputs must be {TEXT!r}, or {IDS!r} and {MASK!r}"
VERSION: Final = "1"
"""Of the model. There is one, whose weights the metadata name; paths may name it or leave it out."""
PLATFORM: Final = "litellm-cascade"
SERVER: Final = {"name": PLATFORM, "version": version("litellm-cascade"), "extensions": []}
"""What ``GET /v2`` answers."""


class RefusedError(Exception):
    """A request that cannot be served: the status, and the sentence for ``error``."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Question:
    """Texts, or token ids: one of the two."""

    __slots__ = ("ids", "request_id", "texts")

    def __init__(self, *, texts: Sequence[str] = (), ids: Sequence[Ids] = (), request_id: str | None = None) -> None:
        self.texts = texts
        self.ids = ids
        self.request_id = request_id

    def __len__(self) -> int:
        return len(self.texts) or len(self.ids)


def metadata(served: Servable, model: str) -> dict[str, Any]:
    """What ``GET /v2/models/{model}`` answers. ``parameters`` is ours: whose weights these are, and how their logits are read."""
    return {
        "name": model,
        "versions": [VERSION],
        "platform": PLATFORM,
        "inputs": [
            {"name": TEXT, "datatype": "BYTES", "shape": [-1]},
            {"name": IDS, "datatype": "INT64", "shape": [-1, -1]},
            {"name": MASK, "datatype": "INT64", "shape": [-1, -1]},
        ],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, LOGITS + len(served.outcomes)]}],
        "parameters": {
            "digest": served.digest,
            "device": served.device,
            "heads": json.dumps(config_of(served.heads)),
            "outcomes": ",".join(served.outcomes),
        },
    }


def read_question(body: bytes, *, most_prompts: int, longest: int, vocabulary: int) -> Question:
    """What is asked: ``text`` alone, or ``input_ids`` with ``attention_mask``. Raises ``RefusedError`` with what is wrong."""
    asked = _parsed(body)
    given = _objects(asked, "inputs")
    inputs = {str(one.get("name")): one for one in given}
    _check_outputs(asked)
    request_id = asked.get("id") if isinstance(asked.get("id"), str) else None
    if len(inputs) < len(given):
        raise _refused(_INPUTS)
    if set(inputs) == {TEXT}:
        question = Question(texts=_texts(inputs[TEXT]), request_id=request_id)
    elif set(inputs) == {IDS, MASK}:
        ids = _rows(_matrix(inputs[IDS]), _matrix(inputs[MASK]), longest=longest, vocabulary=vocabulary)
        question = Question(ids=ids, request_id=request_id)
    else:
        raise _refused(_INPUTS)
    if not 1 <= len(question) <= most_prompts:
        raise _refused(f"a request has 1 to {most_prompts} prompts, and this one has {len(question)}")
    return question


def answer(model: str, logits: NDArray[np.float32], request_id: str | None) -> dict[str, Any]:
    """The logits, [prompts, 32 or more], as the protocol has them: flat, row after row."""
    output = {"name": OUTPUT, "datatype": "FP32", "shape": list(logits.shape), "data": logits.ravel().tolist()}
    named = {"model_name": model, "model_version": "1"} | ({"id": request_id} if request_id is not None else {})
    return named | {"outputs": [output]}


def _refused(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, message)


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise _refused("the body is no JSON") from None
    if not isinstance(asked, Mapping):
        raise _refused("the body is no JSON object")
    return asked


def _objects(asked: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    found = asked.get(key)
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise _refused(f"{key!r} must be a list of objects")
    return found


def _check_outputs(asked: Mapping[str, Any]) -> None:
    if "outputs" not in asked:
        return
    for one in _objects(asked, "outputs"):
        if one.get("name") != OUTPUT:
            raise _refused(f"the one output is {OUTPUT!r}")
        parameters = one.get("parameters")
        if isinstance(parameters, Mapping) and parameters.get("binary_data"):
            raise _refused("binary data is not supported: ask for JSON")


def _texts(tensor: Mapping[str, Any]) -> Sequence[str]:
    """From [n], or from [n, 1] as servers that count a batch dimension have it."""
    _check_type(tensor, "BYTES")
    shape, data = _shape(tensor), _flat(tensor.get("data"))
    if len(shape) not in {1, 2} or shape[1:] not in {(), (1,)} or shape[0] != len(data):
        raise _refused(f"{TEXT!r} has {len(data)} entries, and its shape {list(shape)} says otherwise")
    if not all(isinstance(text, str) for text in data):
        raise _refused(f"{TEXT!r} must hold strings")
    return data


def _matrix(tensor: Mapping[str, Any]) -> NDArray[np.int64]:
    _check_type(tensor, "INT64")
    shape, data = _shape(tensor), _flat(tensor.get("data"))
    if len(shape) != 2 or shape[0] * shape[1] != len(data):  # noqa: PLR2004 - prompts and tokens
        raise _refused(f"{tensor['name']!r} has {len(data)} entries, and its shape {list(shape)} says otherwise")
    if not all(type(number) is int for number in data):
        raise _refused(f"{tensor['name']!r} must hold whole numbers")
    if not data:
        raise _refused(f"{tensor['name']!r} has the shape {list(shape)}, and there must be a prompt and a token")
    try:
        return np.asarray(data, np.int64).reshape(shape)
    except OverflowError:
        raise _refused(f"{tensor['name']!r} holds a number beyond 64 bits") from None


def _rows(ids: NDArray[np.int64], mask: NDArray[np.int64], *, longest: int, vocabulary: int) -> Sequence[Ids]:
    """The ids of each prompt without its padding. Bad ids are found here: on a GPU they would take the process down."""
    if ids.shape != mask.shape or not np.isin(mask, (0, 1)).all():
        raise _refused(f"{MASK!r} must have the shape of {IDS!r} and hold 0 and 1")
    rows = [row[kept == 1] for row, kept in zip(ids, mask, strict=True)]
    if any(not 1 <= len(row) <= longest for row in rows):
        raise _refused(f"a prompt has 1 to {longest} tokens")
    if any(row.min() < 0 or row.max() >= vocabulary for row in rows):
        raise _refused(f"token ids lie between 0 and {vocabulary - 1}; is this the tokenizer of another model?")
    return [row.tolist() for row in rows]


def _check_type(tensor: Mapping[str, Any], datatype: str) -> None:
    if tensor.get("datatype") != datatype:
        raise _refused(f"{tensor['name']!r} must have the datatype {datatype}")


def _shape(tensor: Mapping[str, Any]) -> tuple[int, ...]:
    found = tensor.get("shape")
    if not isinstance(found, list) or not all(type(size) is int and size >= 0 for size in found):
        raise _refused(f"{tensor['name']!r} must have a shape")
    return tuple(found)


def _flat(data: Any) -> list[Any]:
    """Data may be flat or nested one level, as the protocol allows."""
    if not isinstance(data, list):
        raise _refused("every input must have its data as a list")
    return [item for row in data for item in (row if isinstance(row, list) else (row,))]
