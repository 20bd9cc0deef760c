"""Both benchmarks of question sets, as tables and as pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from litellm_cascade.offline.bench_common.plots import dots
from litellm_cascade.offline.bench_common.telling import interval, share, table
from litellm_cascade.offline.bench_questions import arena, rows
from litellm_cascade.offline.pages import Block, Grid, Heading, Paragraph, Plot, html, write_text

HEAD = ("method", "accuracy", "mean latency ms", "dollars for 1,000", "answered by")
ARENA_HEAD = ("method", "score", "accuracy", "dollars for 1,000", "asked the better model")


def tables(found: Sequence[rows.Row]) -> str:
    """A table for each set."""
    return _by_set(found, HEAD, _cells)


def arena_tables(found: Sequence[arena.Row]) -> str:
    """A table for each pair."""
    return _by_set(found, ARENA_HEAD, _arena_cells)


def _by_set(found: Sequence[Any], head: Sequence[str], cells: Any) -> str:
    parts: list[str] = []
    for name in dict.fromkeys(row.set for row in found):
        of_set = [row for row in found if row.set == name]
        parts += [f"**{name}** ({of_set[0].n:,} questions, data {of_set[0].data})", table(head, map(cells, of_set))]
    return "\n\n".join(parts)


def _cells(row: rows.Row) -> tuple[str, ...]:
    return (
        row.method,
        interval(row.accuracy, row.accuracy_low, row.accuracy_high),
        "" if row.latency_ms is None else f"{row.latency_ms:.0f}",
        "" if row.cost_usd is None else f"{1000 * row.cost_usd:.4f}",
        ", ".join(f"{alias} {part:.0%}" for alias, part in row.usage.items()),
    )


def _arena_cells(row: arena.Row) -> tuple[str, ...]:
    score = interval(row.score, row.score_low, row.score_high)
    return row.method, score, f"{row.accuracy:.3f}", f"{row.cost_usd:.4f}", share(row.better_share)


def write_page(path: Path, found: Sequence[rows.Row], note: str) -> None:
    """A plot and a table for each set."""
    _write(path, "Question sets, routed and alone", found, note, "accuracy", HEAD, _cells)


def write_arena_page(path: Path, found: Sequence[arena.Row], note: str) -> None:
    """A plot and a table for each pair."""
    _write(path, "RouterArena's score", found, note, "score", ARENA_HEAD, _arena_cells)


def _write(path: Path, title: str, found: Sequence[Any], note: str, figure: str, head: Sequence[str], cells: Any) -> None:
    blocks: list[Block] = [Paragraph(note)]
    for name in dict.fromkeys(row.set for row in found):
        of_set = [row for row in found if row.set == name]
        spans = [(row.method, *(getattr(row, field) for field in (figure, f"{figure}_low", f"{figure}_high"))) for row in of_set]
        chart = dots(sorted(spans, key=lambda span: span[1]), figure)
        blocks += [Heading(name), Plot(chart, f"The {figure} of each method"), Grid(head, [*map(cells, of_set)])]
    write_text(path, html(title, blocks))
