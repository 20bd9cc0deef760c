"""``cascade audit show``."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from litellm_cascade.audit.ledger.reading import requests_in
from litellm_cascade.offline.plainly import shown
from litellm_cascade.offline.rated import Rated, feedback_of, newest_feedback
from litellm_cascade.offline.record_places import MOMENTS, DatabaseEnv, Paths, places
from litellm_cascade.offline.records import Wanted, summary

UNBROKEN = 1000
"""Columns of a table that goes into a pipe or a file, where no line is to be broken."""


def show(
    paths: Paths = None,
    database_env: DatabaseEnv = None,
    alias: Annotated[str | None, typer.Option(help="Only requests that this alias answered.")] = None,
    escalated: Annotated[bool, typer.Option("--escalated", help="Only requests for which more than one rung was asked.")] = False,
    since: Annotated[
        datetime | None,
        typer.Option(formats=MOMENTS, metavar="TIME", help="Only later requests: 2026-01-31, or with T12:00:00. UTC."),
    ] = None,
    request: Annotated[str | None, typer.Option(metavar="ID", help="Only this request: its id, or the id of its trace.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Whole lines as they lie in the record, one a line, each with its feedback behind it.")
    ] = False,
) -> None:
    """List the requests of a record, oldest first, and what callers said of their answers where they did.

    What is shown is what the files say; `cascade audit verify` says whether that is what was written.

    Exit codes: 0 shown, 1 the record cannot be read, 2 a path that does not exist.

    For example:
      cascade audit show .cascade/record --escalated --since 2026-01-31
      cascade audit show .cascade/record --request 4bf92f3577b34da6a3ce929d0e0e4736 --json
    """
    wanted = Wanted(alias=alias, escalated=escalated, since=since.isoformat() if since else None, request=request)
    with places(paths, database_env, containing=json.dumps(request) if request else "") as found:
        lines = sorted(filter(wanted.holds, requests_in(found)), key=lambda line: str(line.get("at")))
        said = newest_feedback(found)
    if as_json:
        for line in lines:
            typer.echo(json.dumps(line, sort_keys=True))
            if (feedback := feedback_of(line, said)) is not None:
                typer.echo(json.dumps(feedback.line, sort_keys=True))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    rows = [summary(line) for line in lines]
    if said:
        rows = [row | {"feedback": _verdict(feedback_of(line, said))} for row, line in zip(rows, lines, strict=True)]
    for column in [*summary(None), *(["feedback"] if said else [])]:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(shown(cell) for cell in row.values()))
    Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else UNBROKEN).print(table)


def _verdict(rated: Rated | None) -> str | None:
    return rated.feedback.verdict if rated is not None else None
