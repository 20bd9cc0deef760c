"""``cascade bench embedded``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.offline import pages
from litellm_cascade.offline.bench_common.options import HERE, Json
from litellm_cascade.offline.bench_common.reading import need_lab
from litellm_cascade.offline.bench_common.telling import say, write_json
from litellm_cascade.offline.bench_embedded.report import as_json, markdown, measure


def embedded(
    data: Annotated[Path, typer.Option(envvar="CASCADE_DATA", help="The folder that holds shareable/ and internal/.")] = HERE,
    weights: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A folder of `cascade train embedded`; without it what is shipped.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the prompts that are made, and of the bootstrap.")] = 7,
    json_: Json = None,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a page with the tables here.")] = None,
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
    need_lab("cascade bench embedded")
    results = measure(data, weights, seed)
    told = markdown(results)
    say(told)
    if json_ is not None:
        write_json(json_, as_json(results))
    if html is not None:
        pages.write_text(html, pages.html("The embedded classifiers", [*pages.blocks_of(told)]))
