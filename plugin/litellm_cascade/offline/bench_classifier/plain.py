"""The plain way: transformers' own encoder and eight linear layers, eager, in float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from litellm_cascade.classifiers.batching import Ids, Logits
from litellm_cascade.classifiers.eight_heads import SIZES
from litellm_cascade.classifiers.nvidia.buckets import Bucket
from litellm_cascade.classifiers.nvidia.checkpoint import Checkpoint, Dimensions
from litellm_cascade.classifiers.nvidia.torch_engine import padded


class PlainEngine:
    """As the model card's code computes, without what fails in it (docs/classifiers.md)."""

    precision = "float32"

    def __init__(self, checkpoint: Checkpoint, device: str) -> None:
        from safetensors.torch import load_file  # noqa: PLC0415 - of the extra
        from transformers import DebertaV2Model  # noqa: PLC0415 - of the extra, and slow to import

        tensors = load_file(checkpoint.path, device=device)
        self._device = device
        self._backbone = DebertaV2Model(_config(checkpoint.dimensions)).eval().to(device)
        inside = {name.removeprefix("backbone."): tensors[at] for name, at in checkpoint.names.items() if name.startswith("backbone.")}
        self._backbone.load_state_dict(inside, strict=True)
        names = [checkpoint.names[f"head_{index}.fc.weight"] for index in range(len(SIZES))]
        self._heads = [(tensors[name], tensors[name.replace("weight", "bias")]) for name in names]

    def logits(self, prompts: Sequence[Ids]) -> Logits:
        """[len(prompts), 32]."""
        import torch  # noqa: PLC0415 - of the extra

        ids, lengths = (part.to(self._device) for part in padded(prompts, Bucket(len(prompts), max(map(len, prompts)))))
        mask = (torch.arange(ids.shape[1], device=self._device) < lengths[:, None]).long()
        with torch.inference_mode():
            hidden = self._backbone(input_ids=ids, attention_mask=mask).last_hidden_state
            pooled = (hidden * mask[:, :, None]).sum(1) / lengths[:, None]
            found = torch.cat([torch.nn.functional.linear(pooled, *head) for head in self._heads], dim=1)
        return np.asarray(found.cpu().numpy(), np.float32)


def _config(dimensions: Dimensions) -> Any:
    from transformers import DebertaV2Config  # noqa: PLC0415 - of the extra

    return DebertaV2Config(
        vocab_size=dimensions.vocabulary,
        hidden_size=dimensions.hidden,
        num_hidden_layers=dimensions.layers,
        num_attention_heads=dimensions.heads,
        intermediate_size=dimensions.feed_forward,
        hidden_act="gelu",
        layer_norm_eps=dimensions.epsilon,
        max_position_embeddings=dimensions.most_tokens,
        relative_attention=True,
        position_buckets=dimensions.buckets,
        pos_att_type=["c2p", "p2c"],
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        type_vocab_size=0,
        pad_token_id=0,
    )
