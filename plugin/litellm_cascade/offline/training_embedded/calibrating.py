"""Probabilities that can be believed: a temperature for the task types, Platt's line for the outcomes, folded into the last layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.classifiers.eight_heads import LOGITS, SIZES
from litellm_cascade.classifiers.embedded import OUTCOMES
from litellm_cascade.vocabulary import TASK_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from litellm_cascade.offline.training_embedded.examples import Example

TEMPERATURES: Final[tuple[float, ...]] = tuple(np.geomspace(0.4, 4.0, 60).tolist())
_FEWEST: Final = 50
"""Rows with an outcome under which its line is left as it is."""
_STEPS: Final = 60


def calibrate(network: Any, rows: Sequence[Example], logits: NDArray[np.float32]) -> None:
    """Changes the network's last layer so that its logits are calibrated on these rows, which it was not trained on."""
    import torch  # noqa: PLC0415 -- the extra torch

    scale, shift = np.ones(network.head.out_features), np.zeros(network.head.out_features)
    scale[: SIZES["task_type"]] = 1 / temperature(rows, logits)
    for place, name in enumerate(OUTCOMES, LOGITS):
        scale[place], shift[place] = _line(rows, logits[:, place], name)
    with torch.no_grad():
        network.head.weight.mul_(torch.tensor(scale, dtype=torch.float32).unsqueeze(1))
        network.head.bias.mul_(torch.tensor(scale, dtype=torch.float32)).add_(torch.tensor(shift, dtype=torch.float32))


def temperature(rows: Sequence[Example], logits: NDArray[np.float32]) -> float:
    """What to divide the logits of the task types by so that they say the truth about these rows. Exam questions do not count."""
    known = [row for row, it in enumerate(rows) if it.task is not None and it.source in {"task_type", "constructed"}]
    if not known:
        return 1.0
    labels = np.array([TASK_TYPES.index(rows[row].task or "") for row in known])
    known_logits = logits[known, : SIZES["task_type"]]
    return min(TEMPERATURES, key=lambda degree: task_loss(known_logits / degree, labels))


def task_loss(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """Mean negative log-likelihood, in nats."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]).mean())


def _line(rows: Sequence[Example], logit: NDArray[np.float32], name: str) -> tuple[float, float]:
    """Slope and shift of the logit (Platt), by Newton's method on the outcomes that were measured. Opinions do not count."""
    known = [row for row, it in enumerate(rows) if getattr(it, name) is not None and it.source != "constructed"]
    if len(known) < _FEWEST:
        return 1.0, 0.0
    wanted = np.array([getattr(rows[row], name) for row in known], float)
    columns = np.stack([logit[known].astype(float), np.ones(len(known))], axis=1)
    line = np.array([1.0, 0.0])
    for _ in range(_STEPS):
        odds = 1 / (1 + np.exp(-np.clip(columns @ line, -30, 30)))
        curve = (columns * (odds * (1 - odds) + 1e-6)[:, None]).T @ columns
        line -= np.linalg.solve(curve, columns.T @ (odds - wanted))
    return (float(line[0]), float(line[1])) if line[0] > 0 else (1.0, 0.0)
