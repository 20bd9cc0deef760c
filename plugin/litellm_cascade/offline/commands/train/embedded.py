"""``cascade train embedded``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.training_embedded.examples import EACH
from litellm_cascade.offline.training_embedded.training import shipped_checkpoint
from litellm_cascade.offline.training_embedded.training import train as train_embedded

HERE = Path("../shared/data")


def embedded(
    out: Annotated[Path, typer.Option(file_okay=False, help="The folder to write into; the classifier takes it as its option `weights`.")],
    data: Annotated[Path, typer.Option(envvar="CASCADE_DATA", help="The folder that holds shareable/.")] = HERE,
    start: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder with a BERT to start from; without it MiniLM-L6.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of prompts, batches and the new layer.")] = 7,
    each: Annotated[int, typer.Option(min=1, help="Prompts to make of each task type.")] = EACH,
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 2,
) -> None:
    """Train the transformer that ships in the package: eight heads, complexity, gain.

    Prompts are made with their labels; public ones are read from shareable/task_type, routing_prompts, routing_scores, routing_pairs and
    sql_hardness. Of each source the part called `test` is left alone. Needs the extra train.

    Exit codes: 0 written; 1 something is missing; 2 called wrongly.

    For example:
      cascade train embedded --data ../shared/data --out embedded --seed 7
    """
    missing = [name for name in ("torch", "transformers", "polars", "onnx") if find_spec(name) is None]
    if missing:
        raise ConfigurationError([f"cascade train embedded needs {', '.join(missing)}: pip install 'litellm-cascade[train]'"])
    if not (data / "shareable" / "task_type.parquet").is_file():
        raise ConfigurationError([f"there is no shareable/task_type.parquet in {str(data)!r}: name the folder of the data with --data"])
    train_embedded(data, out, start=start or shipped_checkpoint(), seed=seed, each=each, threads=threads)
    typer.echo(f"use it with `classifier: {{name: embedded, options: {{weights: {out}}}}}`")
