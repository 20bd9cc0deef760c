"""What is in a checkpoint, checked name by name and shape by shape before a number of it is used. Never random weights.

The layout is that of nvidia/prompt-task-and-complexity-classifier: a DeBERTa-v3 encoder under ``backbone.`` and eight linear heads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from litellm_cascade.classifiers.digests import digest_of
from litellm_cascade.classifiers.eight_heads import SIZES, HeadMap, read_heads
from litellm_cascade.classifiers.nvidia.files import CONFIG, FILES, PUBLISHED, WEIGHTS, missing_torch
from litellm_cascade.errors import ClassifierError

ENCODER: Final = "backbone.encoder"
WORDS: Final = "backbone.embeddings.word_embeddings.weight"
RELATIVE: Final = f"{ENCODER}.rel_embeddings.weight"
_DTYPES: Final = ("F32", "F16", "BF16")
_RESAVED: Final = re.compile(r"heads\.(\d)\.fc\.")
_STRAY: Final = "backbone.embeddings.position_ids"
_LAYER: Final = re.compile(rf"{re.escape(ENCODER)}\.layer\.(\d+)\.")
_LFS: Final = b"version https://git-lfs"
_BASE: Final = "microsoft/deberta-v3-base"
_ARCHITECTURE: Final = "deberta-v2"
_READ: Final = frozenset({"base_model", "target_sizes", "targets", "task_type_map", "weights_map", "divisor_map", "backbone_config"})
_OF_NO_MATTER: Final = frozenset({"model_type", "model_output_type", "architectures", "transformers_version", "dtype", "torch_dtype"})
"""What is published and what savers add; anything else might change what the weights mean."""
_MOST_TOKENS: Final = 512
_FRAME: Final = 2  # [CLS] and [SEP]
_MEND: Final = f"take {CONFIG} and {WEIGHTS} of {PUBLISHED}, both of one commit"

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """Of the encoder. The last three are not in the shapes of the tensors: the published ones, or those of ``backbone_config``."""

    vocabulary: int
    hidden: int
    layers: int
    feed_forward: int
    buckets: int  # of relative positions, each way
    heads: int
    most_tokens: int = 512
    epsilon: float = 1e-7  # of every layer norm

    @property
    def head_size(self) -> int:
        """Columns of one attention head."""
        return self.hidden // self.heads


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint that fits."""

    path: Path  # of the weights
    dimensions: Dimensions
    head_map: HeadMap
    names: Mapping[str, str]  # as published -> as this file has it
    digest: str  # of all three files


def read_checkpoint(folder: Path) -> Checkpoint:
    """Everything but the numbers. Raises ``ClassifierError`` with a sentence that says what does not fit."""
    config = _read_config(folder / CONFIG)
    weights = folder / WEIGHTS
    found = _read_header(weights)
    names = {_published(name, found): name for name in found if name != _STRAY}
    shapes = {name: found[inside] for name, inside in names.items()}
    dimensions = _dimensions(shapes, config.get("backbone_config") or {}, folder)
    _compare(shapes, expected(dimensions), weights)
    head_map = read_heads(config, f"classifier 'nvidia': {folder / CONFIG}")
    return Checkpoint(
        path=weights, dimensions=dimensions, head_map=head_map, names=names, digest=digest_of(*(folder / name for name in FILES))
    )


def _published(name: str, found: Mapping[str, Shape]) -> str:
    """The name as it is published; of a head that has both names the other one stays, and is one too many."""
    published = _RESAVED.sub(r"head_\1.fc.", name)
    return name if published in found else published


def expected(dimensions: Dimensions) -> dict[str, Shape]:
    """Every tensor of the published layout. 214 at its size."""
    hidden, wide = dimensions.hidden, dimensions.feed_forward
    shapes = {WORDS: (dimensions.vocabulary, hidden), **_norm("backbone.embeddings.LayerNorm", hidden)}
    for index in range(dimensions.layers):
        layer = f"{ENCODER}.layer.{index}"
        for name in ("query_proj", "key_proj", "value_proj"):
            shapes |= _linear(f"{layer}.attention.self.{name}", hidden, hidden)
        shapes |= _linear(f"{layer}.attention.output.dense", hidden, hidden) | _norm(f"{layer}.attention.output.LayerNorm", hidden)
        shapes |= _linear(f"{layer}.intermediate.dense", wide, hidden)
        shapes |= _linear(f"{layer}.output.dense", hidden, wide) | _norm(f"{layer}.output.LayerNorm", hidden)
    shapes |= {RELATIVE: (2 * dimensions.buckets, hidden), **_norm(f"{ENCODER}.LayerNorm", hidden)}
    for index, size in enumerate(SIZES.values()):
        shapes |= _linear(f"head_{index}.fc", size, hidden)
    return shapes


def _linear(name: str, rows: int, columns: int) -> dict[str, Shape]:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def _norm(name: str, size: int) -> dict[str, Shape]:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def _read_config(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ClassifierError(f"classifier 'nvidia': {path} is no JSON ({type(error).__name__}); {_MEND}") from None
    if not isinstance(config, dict):
        raise ClassifierError(f"classifier 'nvidia': {path} must be a JSON object; {_MEND}")
    _check_kind(config, path)
    return config


def _check_kind(config: Mapping[str, Any], path: Path) -> None:
    """Whether it is of the one kind that is known, as far as a config tells."""
    base, kind = config.get("base_model", _BASE), config.get("model_type", _ARCHITECTURE)
    if str(base).lower() != _BASE:
        raise ClassifierError(f"classifier 'nvidia': {path}: base_model is {base!r}, and only microsoft/DeBERTa-v3-base is known; {_MEND}")
    if kind != _ARCHITECTURE:
        raise ClassifierError(f"classifier 'nvidia': {path}: model_type is {kind!r}, and only {_ARCHITECTURE} is known; {_MEND}")
    if config.get("target_sizes") != dict(SIZES):  # equal whatever the order of the keys
        raise ClassifierError(
            f"classifier 'nvidia': {path}: target_sizes must be {dict(SIZES)}, and is {config.get('target_sizes')!r}; {_MEND}, "
            "or a litellm-cascade that knows these heads"
        )
    unknown = sorted(key for key in config.keys() - _READ - _OF_NO_MATTER if not key.startswith("_"))
    if unknown:
        raise ClassifierError(
            f"classifier 'nvidia': {path} has the entry {unknown[0]!r}, which this version does not know; {_MEND}, "
            "or a litellm-cascade that knows it"
        )


def _read_header(path: Path) -> dict[str, Shape]:
    """Name -> shape, from the file's header; the numbers are not read."""
    try:
        from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - of the extra
    except ImportError:
        raise ClassifierError(missing_torch("read weights")) from None
    with path.open("rb") as file:
        if file.read(len(_LFS)) == _LFS:
            raise ClassifierError(f"classifier 'nvidia': {path} is git's pointer to the weights, not the weights; run 'git lfs pull' there")
    try:
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            dtypes = {name: one.get_dtype() for name, one in slices.items()}
            shapes = {name: tuple(one.get_shape()) for name, one in slices.items()}
    except (SafetensorError, OSError) as error:
        raise ClassifierError(f"classifier 'nvidia': {path} is corrupt or cut short ({error}); fetch it again") from None
    odd = sorted(name for name, dtype in dtypes.items() if dtype not in _DTYPES and name != _STRAY)
    if odd:
        raise ClassifierError(
            f"classifier 'nvidia': {path}: {odd[0]} has the type {dtypes[odd[0]]}, and weights must be {', '.join(_DTYPES)}; {_MEND}"
        )
    return shapes


def _dimensions(shapes: Mapping[str, Shape], written: Any, folder: Path) -> Dimensions:
    wide = shapes.get(f"{ENCODER}.layer.0.intermediate.dense.weight")
    words, relative = shapes.get(WORDS), shapes.get(RELATIVE)
    if words is None or wide is None or relative is None:
        missing = next(name for name in (WORDS, f"{ENCODER}.layer.0.intermediate.dense.weight", RELATIVE) if name not in shapes)
        raise ClassifierError(
            f"classifier 'nvidia': {folder / WEIGHTS} holds another architecture: it has no {missing} (its first tensor is "
            f"{min(shapes, default='none')}); {_MEND}"
        )
    for name, shape in ((WORDS, words), (RELATIVE, relative), (f"{ENCODER}.layer.0.intermediate.dense.weight", wide)):
        if len(shape) != 2:  # noqa: PLR2004 - rows and columns
            raise ClassifierError(
                f"classifier 'nvidia': {folder / WEIGHTS}: the tensor {name} has the shape {list(shape)} instead of two dimensions; {_MEND}"
            )
    layers = len({match[1] for name in shapes if (match := _LAYER.match(name))})
    known = {
        "num_attention_heads": max(1, words[-1] // 64),
        "max_position_embeddings": _MOST_TOKENS,
        "layer_norm_eps": 1e-7,
        "hidden_size": words[-1],
        "num_hidden_layers": layers,
        "position_buckets": relative[0] // 2,
    }
    _only_known(written, known, folder / CONFIG)
    return Dimensions(
        vocabulary=words[0],
        hidden=words[-1],
        layers=layers,
        feed_forward=wide[0],
        buckets=relative[0] // 2,
        heads=int(written.get("num_attention_heads", known["num_attention_heads"])),
        most_tokens=int(written.get("max_position_embeddings", _MOST_TOKENS)),
        epsilon=float(written.get("layer_norm_eps", 1e-7)),
    )


def _only_known(written: Any, known: Mapping[str, Any], path: Path) -> None:
    if not isinstance(written, Mapping):
        raise ClassifierError(f"classifier 'nvidia': {path}: backbone_config must be an object, and is {written!r}; {_MEND}")
    for key, value in written.items():
        if key not in known or not _is_possible(key, value):
            raise ClassifierError(
                f"classifier 'nvidia': {path}: backbone_config.{key} is {value!r}, which this version does not know; it reads "
                f"{', '.join(sorted(known))}, each a whole number above 0 but for layer_norm_eps, {_FRAME + 1} to {_MOST_TOKENS} positions"
            )
    for key in ("hidden_size", "num_hidden_layers", "position_buckets"):
        if written.get(key, known[key]) != known[key]:
            raise ClassifierError(
                f"classifier 'nvidia': {path}: backbone_config.{key} is {written[key]}, but the weights say {known[key]}; {_MEND}"
            )
    if known["hidden_size"] % int(written.get("num_attention_heads", known["num_attention_heads"])):
        raise ClassifierError(f"classifier 'nvidia': {path}: backbone_config.num_attention_heads must divide {known['hidden_size']}")


def _is_possible(key: str, value: Any) -> bool:
    if key == "layer_norm_eps":
        return isinstance(value, float) and 0 < value < 1
    return type(value) is int and value > 0 and (key != "max_position_embeddings" or _FRAME < value <= _MOST_TOKENS)


def _compare(found: Mapping[str, Shape], wanted: Mapping[str, Shape], path: Path) -> None:
    problems = list(_differences(found, wanted))
    if problems:
        more = f" (and {len(problems) - 1} more such differences)" if len(problems) > 1 else ""
        raise ClassifierError(f"classifier 'nvidia': {path}: {problems[0]}{more}; {_MEND}")


def _differences(found: Mapping[str, Shape], wanted: Mapping[str, Shape]) -> Iterator[str]:
    for name in sorted(wanted.keys() - found.keys()):
        yield f"the tensor {name} is missing"
    for name in sorted(found.keys() - wanted.keys()):
        yield f"the tensor {name} is unexpected"
    for name in sorted(wanted.keys() & found.keys()):
        if found[name] != wanted[name]:
            yield f"the tensor {name} has the shape {list(found[name])} instead of {list(wanted[name])}"
