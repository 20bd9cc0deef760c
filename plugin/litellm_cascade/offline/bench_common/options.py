"""What the benchmarks have in common on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HERE = Path("../shared/data")
Data = Annotated[Path, typer.Option(envvar="CASCADE_DATA", help="The folder with the recorded answers.")]
Fit = Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="Another such folder: fit there, and score all of --data.")]
Classifier = Annotated[str, typer.Option(help="Which classifier reads the prompts.")]
Draws = Annotated[int, typer.Option(min=1, help="Of the bootstrap.")]
Json = Annotated[Path | None, typer.Option("--json", dir_okay=False, help="Write every number here.")]
Html = Annotated[Path | None, typer.Option(dir_okay=False, help="Write a page with plots here.")]


def is_missing(data: Path) -> bool:
    """Whether there is nothing to measure on, which is said: not everybody has the recorded answers."""
    if data.is_dir():
        return False
    typer.echo(f"skipped: there is no folder {str(data)!r}; name the one with the recorded answers with --data or CASCADE_DATA")
    return True
