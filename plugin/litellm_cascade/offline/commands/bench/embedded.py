"""``cascade bench embedded``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_embedded.report import report

HERE = Path("../shared/data")


def embedded(
    data: Annotated[Path, typer.Option(envvar="CASCADE_DATA", help="The folder that holds shareable/ and internal/.")] = HERE,
    weights: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder of `cascade train embedded`; without it what is shipped.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the prompts that are made, and of the bootstrap.")] = 7,
) -> None:
    """How good and how fast the embedded classifiers are, beside dull baselines.

    Nothing is fitted on what is scored: the test part of what is trained on, and data sets of which nothing is. Needs the extra lab.

    Exit codes: 0 measured, or the data is not there; 1 it cannot be read; 2 called wrongly.

    For example:
      cascade bench embedded --data ../shared/data
    """
    if not (data / "shareable" / "task_type.parquet").is_file():
        typer.echo(f"skipped: there is no shareable/task_type.parquet in {str(data)!r}; name the folder with --data or CASCADE_DATA")
        return
    if find_spec("polars") is None or find_spec("sklearn") is None:
        raise ConfigurationError(["cascade bench embedded needs polars and scikit-learn: pip install 'litellm-cascade[lab]'"])
    typer.echo(report(data, weights, seed))
