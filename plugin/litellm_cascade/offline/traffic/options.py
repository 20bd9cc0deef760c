"""What the commands that read recorded traffic have in common on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.offline.prompt_options import CLASSIFIERS
from litellm_cascade.offline.record_places import places
from litellm_cascade.offline.traffic.postgres import SpendLogs
from litellm_cascade.offline.traffic.rows import Rows, Source

SPEND_LOGS, RECORD = "spend-logs", "record"
"""What a database is named with, before the colon and the variable that holds its URL."""

Traces = Annotated[
    str,
    typer.Option(
        metavar="PATH",
        help="A folder or file of the decision record, LiteLLM spend logs (JSON or parquet), or requests as JSONL; record:NAME or "
        "spend-logs:NAME for a PostgreSQL whose URL the environment variable NAME holds.",
    ),
]
Reader = Annotated[str, typer.Option(help=f"Who reads requests that no decision record holds: {CLASSIFIERS}.")]
Json = Annotated[Path | None, typer.Option("--json", dir_okay=False, help="Write every number here; docs/cli.md describes it.")]
Html = Annotated[Path | None, typer.Option(dir_okay=False, help="Write a page with plots here.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the bootstrap.")]
Draws = Annotated[int, typer.Option(min=1, help="Of the bootstrap.")]


def source_of(context: typer.Context, traces: str, hint: str = "--traces") -> Source:
    """What was named; what it takes is gone when the command ends. Ends the command where it does not exist."""
    kind, _, variable = traces.partition(":")
    if kind == SPEND_LOGS and variable:
        return SpendLogs(variable)
    if kind == RECORD and variable:
        (folder,) = context.with_resource(places(None, variable))
        return Rows(folder, name="decision record")
    if not Path(traces).exists():
        raise typer.BadParameter(f"there is no file and no folder {traces!r}", param_hint=hint)
    return Rows(Path(traces))
