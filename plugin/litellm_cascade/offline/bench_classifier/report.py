"""The results as tables, as JSON and as a page."""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from litellm_cascade.offline.bench_classifier.measuring import Results
from litellm_cascade.offline.bench_classifier.speed import Speed
from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.pages import Grid, Paragraph, Plot, html, table, write_text

JSON_FORMAT = 1
_SPEEDS = ("way", "tokens", "batch", "ms of a batch, p50 [95 %]", "processor ms", "prompts/s", "of the limit", "batches timed")
_WAITS = ("way", "tokens", "asked prompts/s", "prompts", "refused", "prompts a batch", "p50 ms", "p95 ms", "p99 ms")


def as_json(results: Results) -> dict[str, Any]:
    """Every number, with what it takes to get it again."""
    return {"format": JSON_FORMAT, "python": platform.python_version(), **asdict(results)}


def markdown(results: Results) -> str:
    """What was measured where, and a table for each kind of measurement."""
    parts = [_basis(results), table(_SPEEDS, [_speed_cells(speed) for speed in results.speeds])]
    if results.waits:
        parts.append(table(_WAITS, [_wait_cells(asdict(waits)) for waits in results.waits]))
    return "\n\n".join(parts)


def _basis(results: Results) -> str:
    peaks = ", ".join(f"{peak / 1e9:,.0f} GFLOP/s in {precision}" for precision, peak in results.peaks.items()) or "not measured"
    weights = "random weights" if results.random_weights else "weights"
    threads = counted(results.threads, "thread")
    where = f"{weights} {results.checkpoint}; {results.device}, torch with {threads}, load {results.load:.1f} before"
    return f"{where}; matrix products: {peaks}"


def _speed_cells(speed: Speed) -> tuple[str, ...]:
    return (
        f"{speed.way}, {speed.precision}",
        str(speed.length),
        str(speed.batch),
        f"{speed.p50_ms:.1f} [{speed.p50_low_ms:.1f}, {speed.p50_high_ms:.1f}]",
        f"{speed.cpu_ms:.1f}",
        f"{speed.prompts_per_s:,.1f}",
        "" if speed.share is None else f"{speed.share:.0%}",
        str(speed.batches),
    )


def _wait_cells(waits: dict[str, Any]) -> tuple[str, ...]:
    times = (f"{waits[name]:.1f}" for name in ("p50_ms", "p95_ms", "p99_ms"))
    return (
        f"{waits['way']}, {waits['precision']}",
        str(waits["length"]),
        f"{waits['asked_per_s']:g}",
        str(waits["prompts"]),
        str(waits["refused"]),
        f"{waits['batch']:.1f}",
        *times,
    )


def write_page(path: Path, results: Results) -> None:
    """A self-contained page: prompts per second by length, a line for each way and batch size."""
    import plotly.graph_objects as plots  # noqa: PLC0415 - the extra lab

    chart = plots.Figure()
    for way, precision, batch in dict.fromkeys((speed.way, speed.precision, speed.batch) for speed in results.speeds):
        line = [speed for speed in results.speeds if (speed.way, speed.precision, speed.batch) == (way, precision, batch)]
        name = f"{way}, {precision}, batch {batch}"
        chart.add_scatter(name=name, x=[speed.length for speed in line], y=[speed.prompts_per_s for speed in line], mode="lines+markers")
    limits = dict.fromkeys((speed.precision, speed.length, speed.limit_per_s) for speed in results.speeds if speed.limit_per_s)
    for precision in results.peaks:
        x, y = zip(*[(length, limit) for of, length, limit in limits if of == precision], strict=True)
        chart.add_scatter(name=f"limit in {precision}", x=x, y=y, mode="lines", line={"dash": "dot"})
    title = f"The classifier nvidia on {results.device}"
    lengths = sorted({speed.length for speed in results.speeds})
    chart.update_layout(
        xaxis={"title": "tokens", "type": "log", "tickvals": lengths}, yaxis={"title": "prompts/s", "type": "log"}, height=500
    )
    tables = [Grid(_SPEEDS, [_speed_cells(speed) for speed in results.speeds])]
    tables += [Grid(_WAITS, [_wait_cells(asdict(waits)) for waits in results.waits])] if results.waits else []
    write_text(path, html(title, [Paragraph(_basis(results)), Plot(chart, "Prompts per second by their length"), *tables]))
