"""A calibration for a terminal, as JSON, and as a page with plots."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from litellm_cascade.offline.calibrating import figures
from litellm_cascade.offline.calibrating.fitting import Fit, costs_of
from litellm_cascade.offline.pages import Block, Grid, Heading, Paragraph, Plot, html, write_text
from litellm_cascade.policy.calibration_file import CalibrationFile
from litellm_cascade.vocabulary import NO_WORSE, RIGHT

JSON_FORMAT = 1
HEAD = ("accept_at", "escalated", "accepted are right", "quality", "cost")
SHOWN = len("sha256:") + 12
"""Of a digest, as many letters are shown."""
MEANT = {RIGHT: "of a right answer", NO_WORSE: "of an answer no worse than the large model's"}
THRESHOLDS = "What a threshold would do"
_SHARES = np.linspace(0, 1, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a threshold would do: how much it escalates, how often accepted answers are right, and quality and cost of the whole.

    ``quality`` is None without records of the large model, ``cost_share`` (of always asking the large model) without costs.
    """

    accept_at: float
    escalated: float
    accepted_right: float | None
    quality: float | None
    cost_share: float | None


def points_of(fitted: Fit) -> list[Point]:
    """Thresholds that escalate about 0, 10, ... 100 %, each once."""
    said = np.sort(fitted.said)
    thresholds = [0.0, *(float(said[min(int(share * len(said)), len(said) - 1)]) for share in _SHARES[1:-1])]
    return [_point(fitted, threshold) for threshold in dict.fromkeys(thresholds)] + [_point(fitted, float("inf"))]


def _point(fitted: Fit, threshold: float) -> Point:
    records = fitted.checked
    accepted = fitted.said >= threshold
    cost_small, cost_large = costs_of(records)
    quality = None if records.correct_large is None else np.where(accepted, records.correct, records.correct_large).mean()
    paid = (cost_small.mean() + (cost_large * ~accepted).mean()) / cost_large.mean()
    return Point(
        accept_at=min(threshold, 1.0),
        escalated=float((~accepted).mean()),
        accepted_right=float(records.correct[accepted].mean()) if accepted.any() else None,
        quality=float(quality) if quality is not None else None,
        cost_share=float(paid) if records.cost_large is not None else None,
    )


def file_text(file: CalibrationFile) -> str:
    """As it is written: one point a line."""
    text = json.dumps(file.model_dump(mode="json", exclude_defaults=True), indent=1)
    return re.sub(r"\[\s+([^][{},]+),\s+([^][{},]+?)\s+\]", r"[\1, \2]", text) + "\n"


def as_json(fitted: Fit, file: CalibrationFile, raw_ece: float) -> dict[str, Any]:
    """What docs/cli.md describes."""
    without_curves = file.model_dump(mode="json", exclude={"whole", "prefix"})
    return {
        "format": JSON_FORMAT,
        "calibration": without_curves,
        "ece_before": round(raw_ece, 4),
        "ece_by_chance": round(float(figures.ece_of_noise(fitted.said).mean()), 4),
        "tasks": fitted.counts,
        "deferral": [asdict(point) for point in points_of(fitted)],
    }


def print_report(fitted: Fit, file: CalibrationFile, raw_ece: float) -> None:
    """On standard output. ``NO_COLOR`` (no-color.org) is respected."""
    console = Console(highlight=False, color_system=None if os.environ.get("NO_COLOR") else "auto")
    for line in _lines(fitted, file, raw_ece):
        console.print(line, soft_wrap=True)
    table = Table(*HEAD, title=THRESHOLDS, title_justify="left")
    for row in _rows(fitted):
        table.add_row(*row)
    console.print(table)


def _rows(fitted: Fit) -> Iterator[tuple[str, ...]]:
    for point in points_of(fitted):
        shares = (point.escalated, point.accepted_right, point.quality, point.cost_share)
        yield (f"{point.accept_at:.4f}", *("" if value is None else f"{value:.1%}" for value in shares))


def _lines(fitted: Fit, file: CalibrationFile, raw_ece: float) -> Iterator[str]:
    records = fitted.records
    yield f"{file.id}  {file.alias}, {file.method} on {', '.join(fitted.method.inputs)} of {file.of}"
    no_worse = f", {records.label.mean():.1%} no worse than the large model's" if records.event == NO_WORSE else ""
    yield f"  fitted on      {len(records)} answers, {records.correct.mean():.1%} right{no_worse}"
    yield f"  tasks          {', '.join(f'{task} {count}' for task, count in fitted.counts.items()) or 'none with enough records'}"
    yield f"  out of sample  ECE {file.ece:.3f}, Brier {file.brier:.3f}, AUROC {file.auroc:.3f}"
    yield f"  by chance      ECE {figures.ece_of_noise(fitted.said).mean():.3f}, of exactly right probabilities of as many answers"
    yield f"  before         ECE {raw_ece:.3f}, of the score itself as a probability"
    if file.accept_at is not None:
        proven = f", which keeps the risk at {file.alpha:g} with confidence {1 - file.delta:g}" if file.alpha and file.delta else ""
        yield f"  accept_at      {file.accept_at}{proven}"


def raw_ece_of(fitted: Fit) -> float:
    """ECE of the score read as a probability: ``exp`` of it, which for a mean is what the tokens had in the geometric mean."""
    return figures.ece(np.exp(np.minimum(fitted.checked.scores[fitted.method.score], 0.0)), fitted.checked.label)


def write_page(path: Path, fitted: Fit, file: CalibrationFile, raw_ece: float) -> None:
    """A self-contained page: reliability (said against seen), the deferral curve, what thresholds would do, and where it comes from."""
    from plotly.subplots import make_subplots  # noqa: PLC0415 - the extra lab

    page = make_subplots(cols=2, subplot_titles=("Said against seen, out of sample", "Accepted answers that are right"))
    parts = [part for part in np.array_split(np.argsort(fitted.said, kind="stable"), figures.BINS) if len(part)]
    said, seen = ([float(values[part].mean()) for part in parts] for values in (fitted.said, fitted.checked.label))
    page.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="perfect", row=1, col=1)
    page.add_scatter(x=said, y=seen, mode="lines+markers", name="calibrated", row=1, col=1)
    points = [point for point in points_of(fitted) if point.accepted_right is not None]
    shares, right = [point.escalated for point in points], [point.accepted_right for point in points]
    page.add_scatter(x=shares, y=right, mode="lines+markers", name="by share escalated", row=1, col=2)
    page.update_xaxes(title=f"said: the probability {MEANT[file.event]}", row=1, col=1)
    page.update_xaxes(title="share of requests that escalate", row=1, col=2)
    title = f"Calibration {file.id} of {file.alias}"
    told = [line.strip().partition("  ") for line in [*_lines(fitted, file, raw_ece)][1:]]
    blocks: list[Block] = [
        Paragraph(file.card),
        Plot(page, "Said against seen, and what a share of escalations leaves right"),
        Grid(("figure", "value"), [(name, value.strip()) for name, _, value in told]),
        Heading(THRESHOLDS),
        Grid(HEAD, [*_rows(fitted)]),
        Paragraph(f"{file.command}; data {file.data[:SHOWN]}"),
    ]
    write_text(path, html(title, blocks))
