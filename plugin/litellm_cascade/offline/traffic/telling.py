"""Replays and plans as tables, how far a command has come, and their JSON."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.plainly import shown
from litellm_cascade.offline.traffic.items import Item, Perceive, items_of
from litellm_cascade.offline.traffic.planning import Change, Delta, PlanOf
from litellm_cascade.offline.traffic.replaying import Beside, Replay
from litellm_cascade.offline.traffic.rows import Rows, files_in

FORMAT = 1
"""Raised when a key of the JSON is renamed or removed; new keys may come at any time."""
UNBROKEN = 1000
"""Columns of a table that goes into a pipe or a file, where no line is to be broken."""
MOST_SHOWN = 20
"""Lines of one table; the JSON has all."""
AT_ONCE = 200
"""Requests between two looks at the clock."""


class Reading:
    """The requests of a file or folder, with a bar on standard error while they are read. ``rows`` knows the digest afterwards."""

    def __init__(self, path: Path, perceive: Perceive) -> None:
        self._perceive, self._bytes = perceive, 0
        self.path, self.n, self.took_s = path, 0, 0.0
        self.rows = Rows(path, self._advance)

    def __iter__(self) -> Iterator[Item]:
        began = time.perf_counter()
        size = sum(file.stat().st_size for file in files_in(self.path) if file.is_file())
        with _progress() as progress:
            task = progress.add_task("", total=size, rate="")
            for item in items_of(self.rows, self._perceive):
                self.n += 1
                if self.n % AT_ONCE == 0:
                    rate = f"{self.n:,} requests, {self.n / (time.perf_counter() - began):,.0f} a second"
                    progress.update(task, completed=self._bytes, rate=rate)
                yield item
        self.took_s = time.perf_counter() - began
        if self.n == 0:
            raise ConfigurationError([f"{self.path}: holds no request to a chat model"])

    def tell(self) -> None:
        """How many and how fast, on standard error."""
        typer.echo(f"{self.n:,} requests in {self.took_s:.1f} s, {self.n / max(self.took_s, 1e-9):,.0f} a second", err=True)

    def as_json(self) -> dict[str, Any]:
        """Where the numbers come from."""
        return {"traces": self.path.name, "data": self.rows.digest, "version": version("litellm-cascade")}

    def _advance(self, size: int) -> None:
        self._bytes += size


def print_replay(done: Replay) -> None:
    """Every count."""
    parts: list[tuple[str, Counter[str]]] = [
        ("band", done.bands),
        ("asked first", done.aliases),
        ("route", done.routes),
        ("reason", done.reasons),
        ("degraded", done.degraded),
        ("against the record", done.recorded),
        ("recorded answers at the gate", done.gate),
        ("not measured because", done.unmeasured),
    ]
    typer.echo(f"{done.n:,} requests" + (f", {done.unread:,} of them without text: decided from their tokens alone" if done.unread else ""))
    for name, counts in parts:
        _print_counts(name, counts, sum(counts.values()) if counts is not done.reasons else done.n)
    _print_cost("all of it asked of the largest", done.against_large)
    _print_cost("what was recorded", done.against_recorded)


def print_plan(done: PlanOf, changes: list[Change]) -> None:
    """Who moves, and what that changes."""
    moved = sum(done.moves.values())
    typer.echo(f"{done.n:,} requests, {moved:,} move ({moved / done.n:.1%})")
    if done.moves:
        table = _table("from", "to", "n", "share")
        for (was, now), count in done.moves.most_common(MOST_SHOWN):
            table.add_row(was, now, f"{count:,}", f"{count / done.n:.1%}")
        _print(table)
        _tell_rest(len(done.moves))
    by_outcomes = any(change.outcome is not None for change in changes)
    table = _table("by", "name", "n", "moved", "cost", "quality", "escalation", *(["recorded quality"] if by_outcomes else []))
    for change in changes:
        last = [_delta(change.outcome, "{:+.4f}")] if by_outcomes else []
        cells = [_delta(change.cost, "{:+.1%}"), _delta(change.quality, "{:+.4f}"), _delta(change.escalation, "{:+.1%}"), *last]
        table.add_row(change.by, shown(change.name) if change.name else "", f"{change.n:,}", f"{change.moved:,}", *cells)
    typer.echo("")
    _print(table)
    measured, guessed = done.verdicts["measured"], done.verdicts["estimated"]
    if measured + guessed:
        typer.echo(f"the new gates: {measured:,} verdicts from recorded scores, {guessed:,} estimated from the pool's quality")


def write_json(path: Path, context: typer.Context, content: dict[str, Any]) -> None:
    """The numbers, with the command behind them. Raises ConfigurationError where it cannot be written."""
    text = json.dumps({"format": FORMAT, "command": _command(context), **content}, indent=1)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be written ({(error.strerror or type(error).__name__).lower()})"]) from None


def changes_json(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """For programs."""
    return [asdict(change) for change in changes]


def _print_counts(name: str, counts: Counter[str], whole: int) -> None:
    if not counts:
        return
    typer.echo("")
    table = _table(name, "n", "share")
    for kind, count in counts.most_common(MOST_SHOWN):
        table.add_row(shown(kind), f"{count:,}", f"{count / whole:.1%}")
    _print(table)
    _tell_rest(len(counts))


def _print_cost(name: str, beside: Beside) -> None:
    if beside.n:
        share = f", {beside.share:.1%} of it" if beside.share is not None else ""
        typer.echo(f"\ncost against {name}: {beside.policy_usd:.6g} USD against {beside.other_usd:.6g} USD{share} ({beside.n:,} requests)")
    else:
        typer.echo(f"\ncost against {name}: unknown, no request has both; prices come from the policy's `price` or from the record")


def _delta(delta: Delta | None, form: str) -> str:
    if delta is None:
        return "unknown"
    return f"{form.format(delta.value)} [{form.format(delta.low)}, {form.format(delta.high)}]"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", justify="right" if number and column in {"n", "share", "moved"} else "left")
    return table


def _print(table: Table) -> None:
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else UNBROKEN).print(table)


def _tell_rest(kinds: int) -> None:
    if kinds > MOST_SHOWN:
        typer.echo(f"and {kinds - MOST_SHOWN} more; --json writes all")


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


def _command(context: typer.Context) -> str:
    """As it was called; file names alone, as folders are nobody's business."""
    words = ["cascade", str(context.info_name)]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if parameter.name == "json_" or value in (None, parameter.default, []):
            continue
        for one in value if isinstance(value, (list, tuple)) else [value]:
            said = one.name if isinstance(one, Path) else Path(str(one)).name if parameter.name in {"policy", "old", "new"} else str(one)
            words += [said] if parameter.param_type_name == "argument" else [parameter.opts[0], said]
    return shlex.join(words)
