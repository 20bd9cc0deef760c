"""``cascade train embedded``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.training_embedded.distilling import Agreement
from litellm_cascade.offline.training_embedded.examples import EACH
from litellm_cascade.offline.training_embedded.training import NETWORKS, PASSES, distil, shipped_checkpoint
from litellm_cascade.offline.training_embedded.training import train as train_embedded

HERE = Path("../shared/data")


def embedded(
    out: Annotated[Path, typer.Option(file_okay=False, help="The folder to write into; the classifier takes it as its option `weights`.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Learn from a teacher instead: a file of `cascade classify --classifier nvidia --debug`."
        ),
    ] = None,
    data: Annotated[Path, typer.Option(envvar="CASCADE_DATA", help="The folder that holds shareable/.")] = HERE,
    start: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder with a BERT to start from; without it MiniLM-L6.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of prompts, batches and the new layer.")] = 7,
    passes: Annotated[int, typer.Option(min=1, help="Of --labels: how often each prompt is shown.")] = PASSES,
    each: Annotated[int, typer.Option(min=1, help="Prompts to make of each task type.")] = EACH,
    networks: Annotated[
        int, typer.Option(min=1, help="Networks to train, each on its own draw of prompts; their mean is kept.")
    ] = NETWORKS,
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 2,
) -> None:
    """Train the transformer that ships in the package: eight heads, complexity, gain.

    Prompts are made with their labels; public ones are read from shareable/task_type, routing_prompts, routing_scores, routing_pairs and
    sql_hardness. Of each source the part called `test` is left alone. Needs the extra train.

    With --labels nothing of that is read: prompts of your own, with the logits of a classifier with the same eight heads (the genuine
    NVIDIA checkpoint, for example), are all that is learnt from. It knows the heads then, and neither `small_copes` nor `gain`. A fifth of
    the prompts is kept apart, and how far it agrees with its teacher on them is said at the end.

    Exit codes: 0 written; 1 something is missing; 2 called wrongly.

    For example:
      cascade train embedded --data ../shared/data --out embedded --seed 7
      cascade train embedded --labels labelled.jsonl --out taught
    """
    missing = [name for name in ("torch", "transformers", "polars", "onnx") if find_spec(name) is None]
    if missing:
        raise ConfigurationError([f"cascade train embedded needs {', '.join(missing)}: pip install 'litellm-cascade[train]'"])
    if labels is not None:
        _tell(distil(labels, out, start=start or shipped_checkpoint(), seed=seed, passes=passes, threads=threads))
        typer.echo(_use(out))
        return
    if not (data / "shareable" / "task_type.parquet").is_file():
        raise ConfigurationError([f"there is no shareable/task_type.parquet in {str(data)!r}: name the folder of the data with --data"])
    train_embedded(data, out, start=start or shipped_checkpoint(), seed=seed, each=each, threads=threads, networks=networks)
    typer.echo(_use(out))


def _tell(found: Agreement) -> None:
    typer.echo(f"on {found.prompts:,} prompts that were kept apart, beside saying the same of each:")
    typer.echo(f"task type as the teacher's: {found.task:.3f} (its commonest: {found.task_of_most:.3f})")
    typer.echo(f"distance from its complexity score: {found.score:.4f} (its mean: {found.score_of_mean:.4f})")


def _use(out: Path) -> str:
    return f"use it with `classifier: {{name: embedded, options: {{weights: {out}}}}}`"
