"""``cascade bench embedded``: everything measured, as Markdown."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from litellm_cascade.classifiers.embedded import SHIPPED, load
from litellm_cascade.classifiers.linear import SHIPPED as LINEAR
from litellm_cascade.classifiers.linear import read_weights
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_embedded.answering import Answers, ByLength, TfIdf
from litellm_cascade.offline.bench_embedded.figures import Compared, measured, read_unseen, table
from litellm_cascade.offline.bench_embedded.speed import timed
from litellm_cascade.offline.training_embedded.examples import read_examples, training_rows
from litellm_cascade.offline.training_embedded.exporting import FULL

if TYPE_CHECKING:
    from collections.abc import Iterable

FILES: Final = (
    "shareable/task_type.parquet",
    "shareable/prompt_stream.jsonl",
    "shareable/routing_prompts.parquet",
    "shareable/routing_scores.parquet",
    "shareable/routing_pairs.parquet",
    "shareable/sql_hardness.parquet",
    "internal/task_type.parquet",
    "internal/difficulty.parquet",
)


def report(data: Path, weights: Path | None, seed: int) -> str:
    """Both classifiers, how good and how fast. ``weights`` is the transformer's folder; an fp32.onnx in it is compared with too."""
    folder = weights or SHIPPED
    network = load(folder)
    if not network.outcomes:
        raise ConfigurationError([f"{folder}: was taught by another classifier and knows no outcomes; many of the figures are about them"])
    examples = read_examples(data / "shareable", seed)
    rows = training_rows(examples, Random(seed))
    compared = Compared(
        embedded=Answers(network),
        full=Answers(load(folder, model=FULL)) if (folder / FULL).is_file() else None,
        linear=read_weights(LINEAR),
        words=TfIdf(rows),
        length=ByLength(rows),
        seed=seed,
    )
    said = [f"embedded {compared.embedded.network.digest}, linear {compared.linear.digest}; {', '.join(_digests(data))}"]
    said.append(table(measured(compared, examples, read_unseen(data / "internal"))))
    said.append(_speeds({"embedded": weights, "linear": None}))
    return "\n\n".join(said)


def _digests(data: Path) -> Iterable[str]:
    """First 12 hex digits of the SHA-256 of each file that is there."""
    for name in FILES:
        if (data / name).is_file():
            yield f"{name} {hashlib.sha256((data / name).read_bytes()).hexdigest()[:12]}"


def _speeds(wanted: dict[str, Path | None]) -> str:
    found = {name: timed(name, folder) for name, folder in wanted.items()}
    rows = [f"| one core, load average {os.getloadavg()[0]:.1f} | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    rows += [f"| {what} | {' | '.join(f'{it[what]:.2f}' for it in found.values())} |" for what in next(iter(found.values()))]
    return "\n".join(rows)
