"""Replays and plans as tables, and their JSON."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from litellm_cascade.offline.called import command_of
from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.pages import write_text
from litellm_cascade.offline.plainly import shown
from litellm_cascade.offline.traffic.off_policy import OffPolicy, Value
from litellm_cascade.offline.traffic.planning import Change, Delta, PlanOf
from litellm_cascade.offline.traffic.replaying import Beside, Replay

FORMAT = 1
"""Raised when a key of the JSON is renamed or removed; new keys may come at any time."""
UNBROKEN = 1000
"""Columns of a table that goes into a pipe or a file, where no line is to be broken."""
MOST_SHOWN = 20
"""Lines of one table; the JSON has all."""

ESTIMATORS = (
    ("recorded", "logged"),
    ("inverse propensity", "inverse_propensity"),
    ("self-normalised", "self_normalised"),
    ("direct", "direct"),
    ("doubly robust", "doubly_robust"),
)


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
    typer.echo(
        counted(done.n, "request") + (f", {done.unread:,} of them without text: decided from their tokens alone" if done.unread else "")
    )
    for name, counts in parts:
        _print_counts(name, counts, sum(counts.values()) if counts is not done.reasons else done.n)
    _print_cost("all of it asked of the largest", done.against_large)
    _print_cost("what was recorded", done.against_recorded)
    print_off_policy("this policy", done.brings)


def print_plan(done: PlanOf, changes: list[Change]) -> None:
    """Who moves, and what that changes."""
    moved = sum(done.moves.values())
    typer.echo(f"{counted(done.n, 'request')}, {moved:,} move ({moved / done.n:.1%})")
    if done.moves:
        table = table_of("from", "to", "n", "share")
        for (was, now), count in done.moves.most_common(MOST_SHOWN):
            table.add_row(was, now, f"{count:,}", f"{count / done.n:.1%}")
        print_table(table)
        _tell_rest(len(done.moves))
    by_outcomes = any(change.outcome is not None for change in changes)
    table = table_of("by", "name", "n", "moved", "cost", "quality", "escalation", *(["recorded quality", "of"] if by_outcomes else []))
    for change in changes:
        last = [_delta(change.outcome, "{:+.4f}"), f"{change.outcome.n if change.outcome else 0:,}"] if by_outcomes else []
        cells = [_delta(change.cost, "{:+.1%}"), _delta(change.quality, "{:+.4f}"), _delta(change.escalation, "{:+.1%}"), *last]
        table.add_row(change.by, shown(change.name) if change.name else "", f"{change.n:,}", f"{change.moved:,}", *cells)
    typer.echo("")
    print_table(table)
    print_off_policy("the old policy", done.old_brings)
    print_off_policy("the new policy", done.new_brings)
    measured, guessed = done.verdicts["measured"], done.verdicts["estimated"]
    if measured + guessed:
        typer.echo(f"the new gates: {measured:,} verdicts from recorded scores, {guessed:,} estimated from the pool's quality")


def print_off_policy(of: str, brings: OffPolicy) -> None:
    """What a policy brings, by what was done by chance. Nothing where no policy of then drew lots."""
    estimates = brings.estimates()
    if not estimates:
        return
    table = table_of("reward", *(one.reward for one in estimates))
    table.add_row("requests", *(f"{one.n:,}" for one in estimates))
    table.add_row("effective", *(f"{one.effective_n:,.0f}" for one in estimates))
    for name, field in ESTIMATORS:
        table.add_row(name, *(_value(getattr(one, field)) for one in estimates))
    typer.echo(f"\nwhat {of} brings, by the requests that were decided by chance")
    print_table(table)
    if brings.by_chance:
        typer.echo(f"{brings.by_chance:,} requests do not count: the policy draws lots of its own; give each arm as a policy")
    for warning in dict.fromkeys(warning for one in estimates for warning in one.warnings):
        typer.echo(f"warning: {', '.join(one.reward for one in estimates if warning in one.warnings)}: {warning}")


def write_json(path: Path, context: typer.Context, content: dict[str, Any]) -> None:
    """The numbers, with the command behind them. Raises ConfigurationError where it cannot be written."""
    text = json.dumps({"format": FORMAT, "command": command_of(context), **content}, indent=1)
    write_text(path, text + "\n")


def changes_json(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """For programs."""
    return [asdict(change) for change in changes]


def _print_counts(name: str, counts: Counter[str], whole: int) -> None:
    if not counts:
        return
    typer.echo("")
    table = table_of(name, "n", "share")
    for kind, count in counts.most_common(MOST_SHOWN):
        table.add_row(shown(kind), f"{count:,}", f"{count / whole:.1%}")
    print_table(table)
    _tell_rest(len(counts))


def _print_cost(name: str, beside: Beside) -> None:
    if beside.n:
        share, told = f", {beside.share:.1%} of it" if beside.share is not None else "", counted(beside.n, "request")
        typer.echo(f"\ncost against {name}: {beside.policy_usd:.6g} USD against {beside.other_usd:.6g} USD{share} ({told})")
    else:
        typer.echo(f"\ncost against {name}: unknown, no request has both; prices come from the policy's `price` or from the record")


def _value(value: Value | None) -> str:
    return "unknown" if value is None else f"{value.value:.4g} [{value.low:.4g}, {value.high:.4g}]"


def _delta(delta: Delta | None, form: str) -> str:
    if delta is None:
        return "unknown"
    return f"{form.format(delta.value)} [{form.format(delta.low)}, {form.format(delta.high)}]"


def table_of(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", justify="right" if number and column in {"n", "share", "moved", "of"} else "left")
    return table


def print_table(table: Table) -> None:
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else UNBROKEN).print(table)


def _tell_rest(kinds: int) -> None:
    if kinds > MOST_SHOWN:
        typer.echo(f"and {kinds - MOST_SHOWN} more; --json writes all")
