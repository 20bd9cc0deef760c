"""``cascade bench embedded``: everything measured, as Markdown and as JSON."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from litellm_cascade.classifiers.embedded import SHIPPED, load
from litellm_cascade.classifiers.linear import SHIPPED as LINEAR
from litellm_cascade.classifiers.linear import read_weights
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.reading import digest_of
from litellm_cascade.offline.bench_common.telling import origin
from litellm_cascade.offline.bench_embedded.answering import Answers, ByLength, TfIdf
from litellm_cascade.offline.bench_embedded.figures import Compared, Figure, measured, read_unseen, table
from litellm_cascade.offline.bench_embedded.speed import timed
from litellm_cascade.offline.linear_figures import DRAWS
from litellm_cascade.offline.training_embedded.examples import read_examples, training_rows
from litellm_cascade.offline.training_embedded.exporting import FULL

if TYPE_CHECKING:
    from collections.abc import Sequence

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything measured. ``data``: the first 12 hex digits of each file's SHA-256; ``weights``: the digests of who was measured."""

    data: dict[str, str]
    weights: dict[str, str]
    seed: int
    figures: Sequence[Figure]
    speeds: dict[str, dict[str, float]]
    load: float


def measure(data: Path, weights: Path | None, seed: int) -> Results:
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
    return Results(
        data={name: digest_of([data / name]) for name in FILES if (data / name).is_file()},
        weights={"embedded": network.digest, "linear": compared.linear.digest},
        seed=seed,
        figures=measured(compared, examples, read_unseen(data / "internal", examples)),
        load=os.getloadavg()[0],
        speeds={name: timed(name, path) for name, path in {"embedded": weights, "linear": None}.items()},
    )


def as_json(results: Results) -> dict[str, Any]:
    """A row for each answer to each question, with the interval of the first one's, and what it takes to get them again."""
    packages = ("scikit-learn", "onnxruntime")
    known = origin("cascade bench embedded", data=results.data, seed=results.seed, draws=DRAWS, packages=packages)
    rows = [_row(it, name) for it in results.figures for name in it.values]
    return known | {"weights": results.weights, "rows": rows, "speeds": results.speeds, "load_average": results.load}


def _row(it: Figure, name: str) -> dict[str, Any]:
    interval = {"low": it.low, "high": it.high} if name == "embedded" else {}
    return {"set": it.what, "method": name, "n": it.prompts, "value": it.values[name], **interval}


def markdown(results: Results) -> str:
    """Whose figures on which data, a table of how good and one of how fast."""
    whose = ", ".join(f"{name} {digest}" for name, digest in results.weights.items())
    files = ", ".join(f"{name} {digest}" for name, digest in results.data.items())
    return "\n\n".join([f"{whose}; {files}", table(results.figures), _speeds(results)])


def _speeds(results: Results) -> str:
    found = results.speeds
    rows = [f"| one core, load average {results.load:.1f} | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    rows += [f"| {what} | {' | '.join(f'{it[what]:.2f}' for it in found.values())} |" for what in next(iter(found.values()))]
    return "\n".join(rows)
