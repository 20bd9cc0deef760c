"""DeBERTa-v3 with eight heads, rewritten exactly: what does not depend on the prompt is computed once, when the weights are loaded.

He, Gao, Chen, "DeBERTaV3" (arXiv:2111.09543) and "DeBERTa" (arXiv:2006.03654), equation 4: a query i and a key j score
(Qi . Kj + Qi . PK[i - j] + Kj . PQ[i - j]) / sqrt(3d), where PK and PQ are projections of embedded distances. Of them only the 2L-1
distances of a prompt are used, as neighbouring columns; the skew that a distance asks for is then another view of the same memory.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import sqrt
from typing import TYPE_CHECKING, Any, TypeAlias

from litellm_cascade.classifiers.eight_heads import SIZES
from litellm_cascade.classifiers.nvidia.checkpoint import ENCODER, RELATIVE, WORDS, Checkpoint, Dimensions
from litellm_cascade.errors import ClassifierError

if TYPE_CHECKING:
    from collections.abc import Mapping

Tensor: TypeAlias = Any  # torch.Tensor; torch is imported where it is used


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer. H heads of d columns, h = H x d; M is the longest prompt. Linear weights are [out, in]."""

    projection: tuple[Tensor, Tensor]  # query / sqrt(3d), key and value: [3h, h], [3h]
    position_keys: Tensor  # [H, d, 2M]: column c is PK at the distance M - 1 - c
    position_queries: Tensor  # [H, d, 2M]: column c is PQ / sqrt(3d) at the distance c - (M - 1)
    output: tuple[Tensor, Tensor]
    output_norm: tuple[Tensor, Tensor]
    widen: tuple[Tensor, Tensor]
    narrow: tuple[Tensor, Tensor]
    norm: tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """All weights. ``heads`` stays in float32, whatever the rest is in."""

    dimensions: Dimensions
    words: Tensor  # [vocabulary, h]
    norm: tuple[Tensor, Tensor]
    layers: tuple[Layer, ...]
    heads: tuple[Tensor, Tensor]  # [32, h], [32]: all eight, in the order of SIZES

    def to(self, *, dtype: Any = None, device: Any = None) -> Network:
        """The same in another dtype or on another device."""
        moved: Network = _moved(self, dtype, device)
        return replace(moved, heads=tuple(part.to(device) for part in self.heads))

    @property
    def precision(self) -> str:
        """``float32``, ``bfloat16`` or ``float16``."""
        return str(self.words.dtype).removeprefix("torch.")

    @property
    def device(self) -> Any:
        """Where it computes."""
        return self.words.device


def build(checkpoint: Checkpoint) -> Network:
    """The network in float32 on the CPU. Raises ``ClassifierError`` where a weight is no finite number: only some prompts would meet it."""
    from safetensors.torch import load_file  # noqa: PLC0415 - of the extra

    stored = load_file(checkpoint.path)
    tensors = {name: stored.pop(inside).float() for name, inside in checkpoint.names.items()}
    odd = next((name for name, values in tensors.items() if not values.isfinite().all()), None)
    if odd is not None:
        raise ClassifierError(f"classifier 'nvidia': {checkpoint.path}: the tensor {odd} holds numbers that are not finite; fetch it again")
    return assemble(checkpoint.dimensions, tensors)


def assemble(dimensions: Dimensions, tensors: Mapping[str, Tensor]) -> Network:
    """From tensors of exactly the published names and shapes (``checkpoint.expected``)."""
    import torch  # noqa: PLC0415 - of the extra

    relative = torch.nn.functional.layer_norm(
        tensors[RELATIVE], (dimensions.hidden,), *_pair(tensors, f"{ENCODER}.LayerNorm"), dimensions.epsilon
    )
    rows = bucket_rows(dimensions)
    heads = [_pair(tensors, f"head_{index}.fc") for index in range(len(SIZES))]
    return Network(
        dimensions=dimensions,
        words=tensors[WORDS],
        norm=_pair(tensors, "backbone.embeddings.LayerNorm"),
        layers=tuple(_layer(dimensions, tensors, f"{ENCODER}.layer.{index}", relative[rows]) for index in range(dimensions.layers)),
        heads=(torch.cat([weight for weight, _ in heads]), torch.cat([bias for _, bias in heads])),
    )


def bucket_rows(dimensions: Dimensions) -> Tensor:
    """int64 [2M]: which row of the relative embeddings stands for the distance M-1, M-2, ..., -(M-1), -M.

    The float32 arithmetic of transformers' ``make_log_bucket_position``, in its order: at the edges of buckets the rounding decides.
    """
    import torch  # noqa: PLC0415 - of the extra

    most = dimensions.most_tokens
    distances = torch.arange(most - 1, -most - 1, -1)
    middle = dimensions.buckets // 2
    apart = torch.where((distances < middle) & (distances > -middle), torch.tensor(middle - 1), distances.abs())
    steps = torch.ceil(torch.log(apart / middle) / torch.log(torch.tensor((most - 1) / middle)) * (middle - 1)) + middle
    buckets = torch.where(apart <= middle, distances.to(steps.dtype), steps * distances.sign()).long()
    return (buckets + dimensions.buckets).clamp(0, 2 * dimensions.buckets - 1)


def logits(network: Network, ids: Tensor, lengths: Tensor | None) -> Tensor:
    """float32 [B, 32] of int64 ``ids`` [B, L]. ``lengths`` int64 [B] are the tokens before the padding, each >= 1; None: no padding."""
    import torch  # noqa: PLC0415 - of the extra
    from torch.nn import functional  # noqa: PLC0415

    shape = network.dimensions
    hidden = functional.layer_norm(functional.embedding(ids, network.words), (shape.hidden,), *network.norm, shape.epsilon)
    if lengths is None:
        hidden = _encoded(network, hidden, None)
        pooled = hidden.float().mean(dim=1)
    else:
        real = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]  # [B, L]
        keys = torch.zeros(real.shape, dtype=hidden.dtype, device=ids.device).masked_fill_(~real, float("-inf"))
        hidden = _encoded(network, hidden, keys[:, None, None, :])
        pooled = (hidden.float() * real[:, :, None]).sum(dim=1) / lengths[:, None]
    return functional.linear(pooled, *network.heads)


def _encoded(network: Network, hidden: Tensor, keys: Tensor | None) -> Tensor:
    from torch.nn import functional  # noqa: PLC0415 - of the extra

    shape = network.dimensions
    for layer in network.layers:
        seen = functional.linear(_attended(shape, layer, hidden, keys), *layer.output)
        hidden = functional.layer_norm(seen + hidden, (shape.hidden,), *layer.output_norm, shape.epsilon)
        wide = functional.gelu(functional.linear(hidden, *layer.widen))
        hidden = functional.layer_norm(functional.linear(wide, *layer.narrow) + hidden, (shape.hidden,), *layer.norm, shape.epsilon)
    return hidden


def _attended(shape: Dimensions, layer: Layer, hidden: Tensor, keys: Tensor | None) -> Tensor:
    """[B, L, h] -> [B, L, h]."""
    from torch.nn import functional  # noqa: PLC0415 - of the extra

    prompts, length, _ = hidden.shape
    parts = functional.linear(hidden, *layer.projection).view(prompts, length, 3, shape.heads, shape.head_size)
    query, key, value = parts.permute(2, 0, 3, 1, 4)  # each [B, H, L, d]
    bias = _by_position(query, layer.position_keys) + _by_position(key, layer.position_queries).transpose(2, 3)
    if keys is not None:
        bias = bias + keys
    seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=1.0)
    return seen.transpose(1, 2).reshape(prompts, length, shape.hidden)


def _by_position(rows: Tensor, table: Tensor) -> Tensor:
    """[B, H, L, d] with a table [H, d, 2M] -> [B, H, L, L]: row i with the column of the table that stands for the distance to j.

    In the product, row i has its L columns one further left than row i - 1. Read as rows that are one shorter, they stand in one line.
    """
    import torch  # noqa: PLC0415 - of the extra

    prompts, heads, length, size = rows.shape
    middle = table.shape[2] // 2
    used = table[:, :, middle - length : middle + length]
    product = torch.bmm(rows.transpose(0, 1).reshape(heads, prompts * length, size), used)  # [H, B x L, 2L]
    line = product.view(heads, prompts, 2 * length * length)[:, :, length - 1 : length - 1 + length * (2 * length - 1)]
    return line.unflatten(2, (length, 2 * length - 1))[..., :length].transpose(0, 1)


def _layer(shape: Dimensions, tensors: Mapping[str, Tensor], name: str, relative: Tensor) -> Layer:
    import torch  # noqa: PLC0415 - of the extra

    scale = 1 / sqrt(3 * shape.head_size)
    query, key, value = (_pair(tensors, f"{name}.attention.self.{part}_proj") for part in ("query", "key", "value"))
    query = (query[0] * scale, query[1] * scale)
    return Layer(
        projection=(torch.cat([query[0], key[0], value[0]]), torch.cat([query[1], key[1], value[1]])),
        position_keys=_table(shape, relative, key),
        position_queries=_table(shape, relative.flip(0).roll(-1, 0), query),
        output=_pair(tensors, f"{name}.attention.output.dense"),
        output_norm=_pair(tensors, f"{name}.attention.output.LayerNorm"),
        widen=_pair(tensors, f"{name}.intermediate.dense"),
        narrow=_pair(tensors, f"{name}.output.dense"),
        norm=_pair(tensors, f"{name}.output.LayerNorm"),
    )


def _table(shape: Dimensions, relative: Tensor, projection: tuple[Tensor, Tensor]) -> Tensor:
    """[2M, h] -> [H, d, 2M]."""
    from torch.nn import functional  # noqa: PLC0415 - of the extra

    return functional.linear(relative, *projection).view(-1, shape.heads, shape.head_size).permute(1, 2, 0).contiguous()


def _pair(tensors: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    return tensors[f"{name}.weight"], tensors[f"{name}.bias"]


def _moved(part: Any, dtype: Any, device: Any) -> Any:
    """A copy in which every tensor is in the dtype and on the device."""
    if isinstance(part, tuple):
        return tuple(_moved(inner, dtype, device) for inner in part)
    if isinstance(part, Network | Layer):
        return replace(part, **{field.name: _moved(getattr(part, field.name), dtype, device) for field in fields(part)})
    return part if isinstance(part, Dimensions) else part.to(device=device, dtype=dtype)
