"""The network: a BERT-like encoder, the mean over its tokens, and one linear map to all logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def build(checkpoint: Path, logits: int) -> Any:
    """A ``torch.nn.Module`` from token ids and mask, both int64 [batch, length], to float32 [batch, logits]."""
    import torch  # noqa: PLC0415 -- the extra torch
    from transformers import BertModel  # noqa: PLC0415 -- the extra torch

    class Network(torch.nn.Module):  # type: ignore[misc] # torch is not looked into
        def __init__(self) -> None:
            super().__init__()
            self.encoder = BertModel.from_pretrained(
                checkpoint, add_pooling_layer=False, attn_implementation="eager", attention_probs_dropout_prob=0.0
            )
            self.head = torch.nn.Linear(self.encoder.config.hidden_size, logits)

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
            mask = attention_mask.unsqueeze(-1).float()
            return self.head((states * mask).sum(1) / mask.sum(1))

    return Network()
