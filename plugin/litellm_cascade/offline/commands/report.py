"""``cascade report``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.audit.ledger.reading import lines_of
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline import pages
from litellm_cascade.offline.called import command_of
from litellm_cascade.offline.record_places import MOMENTS
from litellm_cascade.offline.records import at
from litellm_cascade.offline.reporting.changes import kept_of, read_kept, state_beside, text_of
from litellm_cascade.offline.reporting.figures import Gathered
from litellm_cascade.offline.reporting.telling import Origin, blocks_of
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.traffic.options import Draws, Html, Seed, source_of
from litellm_cascade.offline.traffic.perceiving import perceiving
from litellm_cascade.offline.traffic.reading import Reading
from litellm_cascade.offline.traffic.rows import Rows, files_in


def report(
    context: typer.Context,
    traces: Annotated[
        str, typer.Option(metavar="PATH", help="A folder or file of the decision record, or record:NAME for one in PostgreSQL.")
    ],
    since: Annotated[
        datetime | None,
        typer.Option(formats=MOMENTS, metavar="TIME", help="Only later requests: 2026-01-31, or with T12:00:00, in UTC."),
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=MOMENTS, metavar="TIME", help="Only earlier requests, likewise.")] = None,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Write it here as Markdown. [default: on standard output]")] = None,
    html: Html = None,
    title: Annotated[str, typer.Option(help="What stands above it.")] = "What the cascade did",
    seed: Seed = 0,
    draws: Draws = 400,
) -> None:
    """Say what the cascade saved, how good its answers were, and what changed since the last report.

    Savings against always asking the largest model with the prices' dates, quality as callers rated it, who answers, whether escalations
    were of use, how long callers wait, and whether the traffic is another. A small file beside the page (`.state.json`) keeps what the next
    report is held against.

    Exit codes: 0 written, 1 the record cannot be used, 2 called wrongly.

    For example:
      cascade report --traces .cascade/record --since 2026-10-01 --until 2026-11-01 --html october.html
      cascade report --traces .cascade/record --out report.md --html report.html
    """
    pages.need_plots(html)
    source = source_of(context, traces)
    page = html or out
    state = state_beside(page) if page is not None else None
    before = read_kept(state) if state is not None else None
    gathered = Gathered(draws=draws, seed=seed)
    with perceiving("none") as perceive:
        reading = Reading(source, perceive)
        for item in _within(reading, since, until):
            gathered.add(item)
    if not gathered.n:
        raise ConfigurationError([f"{source.name}: holds no request of the decision record{' in that time' if since or until else ''}"])
    origin = Origin(
        traces=source.name,
        data=source.digest,
        command=command_of(context),
        version=version("litellm-cascade"),
        started=_started(source.path) if isinstance(source, Rows) else [],
        seed=seed,
        draws=draws,
    )
    blocks = blocks_of(gathered, before, origin)
    if html is not None:
        pages.write_text(html, pages.html(title, blocks))
    if out is not None:
        pages.write_text(out, pages.markdown(title, blocks))
    if page is None:
        typer.echo(pages.markdown(title, blocks), nl=False)
    if state is not None:
        pages.write_text(state, text_of(kept_of(gathered)))
    reading.tell()


def _within(items: Iterable[Item], since: datetime | None, until: datetime | None) -> Iterator[Item]:
    first, end = (moment.isoformat() if moment is not None else None for moment in (since, until))
    for item in items:
        moment = item.at or ""
        if (first is None or moment >= first) and (end is None or moment < end):
            yield item


def _started(traces: Path) -> list[tuple[str, str]]:
    """When each proxy began to write, and its versions, oldest first."""
    found = []
    for file in files_in(traces):
        first = next((placed.line.content for placed in lines_of(file)), None)
        versions = at(first, "genesis", "versions")
        if isinstance(versions, dict):
            told = ", ".join(f"{name} {versions[name]}" for name in ("litellm", "litellm-cascade") if name in versions)
            found.append((str(at(first, "at")), told))
    return sorted(found)
