"""The training loop: masked losses, batches of like length, one pass."""

from __future__ import annotations

import sys
import time
from random import Random
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.classifiers.devices import has_bfloat16
from litellm_cascade.classifiers.eight_heads import LOGITS, SIZES
from litellm_cascade.classifiers.embedded import LOGITS as ALL_LOGITS
from litellm_cascade.classifiers.embedded import OUTCOMES
from litellm_cascade.offline.training_embedded.examples import task_odds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from litellm_cascade.offline.training_embedded.examples import Example

BATCH: Final = 32
_POOL: Final = 64
"""Batches that are sorted by length together; within a pool like meets like, so little is padding."""
RATE: Final = 2e-4
HEAD_RATE: Final = 2e-3
WARM_UP: Final = 0.06
_SAID_EVERY: Final = 50
_DIMENSION_SHARE: Final = 0.25
_OUTCOME_SHARE: Final = 0.6


def targets(rows: Sequence[Example]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Target and weight for each logit, both [rows, 35]. Within a head the weights are alike; 0 where nothing is known."""
    wanted = np.zeros((len(rows), ALL_LOGITS), np.float32)
    weights = np.zeros_like(wanted)
    for row, it in enumerate(rows):
        heads = dict(it.heads)
        if it.task is not None:
            heads["task_type"] = task_odds(it.task)
        begin = 0
        for head, size in SIZES.items():
            if head in heads:
                wanted[row, begin : begin + size] = heads[head]
                weights[row, begin : begin + size] = it.task_weight if head == "task_type" else _DIMENSION_SHARE
            begin += size
        for place, name in enumerate(OUTCOMES):
            value = getattr(it, name)
            if value is not None:
                wanted[row, LOGITS + place], weights[row, LOGITS + place] = value, it.outcome_weight * _OUTCOME_SHARE
    return wanted, weights


def fit(network: Any, rows: Sequence[Example], ids: Sequence[Sequence[int]], *, seed: int) -> None:
    """One pass over the rows."""
    import torch  # noqa: PLC0415 -- the extra torch

    batches = _batches([len(one) for one in ids], Random(seed))
    optimizer = _optimizer(network)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, len(batches)))
    wanted, weights = (torch.from_numpy(each[:, : network.head.out_features]) for each in targets(rows))
    network.train()
    progress, quick = _Progress(len(batches)), has_bfloat16()
    for batch in batches:
        tokens, mask = padded([ids[row] for row in batch])
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=quick):
            logits = network(torch.from_numpy(tokens), torch.from_numpy(mask))
        loss = _loss(logits.float(), wanted[batch], weights[batch])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        progress.step(loss.item())
    network.eval()


def _optimizer(network: Any) -> Any:
    import torch  # noqa: PLC0415 -- the extra torch

    network.encoder.embeddings.requires_grad_(requires_grad=False)  # a word that no wording has keeps its meaning beside one that has
    layers = [it for it in network.encoder.parameters() if it.requires_grad]
    return torch.optim.AdamW(
        [{"params": layers, "lr": RATE}, {"params": list(network.head.parameters()), "lr": HEAD_RATE}], weight_decay=0.01
    )


class _Progress:
    """Says now and then how far it is, on standard error."""

    def __init__(self, steps: int) -> None:
        self._steps, self._done, self._loss, self._began = steps, 0, 0.0, time.monotonic()

    def step(self, loss: float) -> None:
        self._loss = 0.98 * self._loss + 0.02 * loss if self._done else loss
        self._done += 1
        if self._done % _SAID_EVERY == 0:
            left = (time.monotonic() - self._began) / self._done * (self._steps - self._done) / 60
            print(f"step {self._done} of {self._steps}, loss {self._loss:.3f}, {left:.0f} min left", file=sys.stderr, flush=True)  # noqa: T201


def logits_of(network: Any, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """All logits [rows, as many as the network has], in the order of the ids."""
    import torch  # noqa: PLC0415 -- the extra torch

    found = np.zeros((len(ids), network.head.out_features), np.float32)
    order = np.argsort([len(one) for one in ids], kind="stable")
    with torch.no_grad():
        for batch in np.array_split(order, max(1, len(ids) // BATCH)):
            tokens, mask = padded([ids[row] for row in batch])
            found[batch] = network(torch.from_numpy(tokens), torch.from_numpy(mask)).numpy()
    return found


def padded(ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids filled up with 0, and the mask that says which are real."""
    tokens = np.zeros((len(ids), max(map(len, ids))), np.int64)
    mask = np.zeros_like(tokens)
    for row, one in enumerate(ids):
        tokens[row, : len(one)], mask[row, : len(one)] = one, 1
    return tokens, mask


def _batches(lengths: Sequence[int], random: Random) -> list[list[int]]:
    batches = []
    for begin in range(0, len(lengths), BATCH * _POOL):
        pool = sorted(range(begin, min(begin + BATCH * _POOL, len(lengths))), key=lambda row: lengths[row])
        batches += [pool[start : start + BATCH] for start in range(0, len(pool), BATCH)]
    random.shuffle(batches)
    return batches


def _rate(step: int, steps: int) -> float:
    warm = max(1, int(WARM_UP * steps))
    return (step + 1) / warm if step < warm else max(0.0, (steps - step) / max(1, steps - warm))


def _loss(logits: Any, wanted: Any, weights: Any) -> Any:
    import torch  # noqa: PLC0415 -- the extra torch

    total, begin = torch.zeros(()), 0
    for size in SIZES.values():
        end = begin + size
        entropy = torch.nn.functional.cross_entropy(logits[:, begin:end], wanted[:, begin:end], reduction="none")
        total = total + (entropy * weights[:, begin]).mean()
        begin = end
    outcomes = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, LOGITS:], wanted[:, LOGITS:], reduction="none")
    return total + (outcomes * weights[:, LOGITS:]).sum(1).mean()
