"""The benchmark's results: measured, as a table, as JSON and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_cascade.risk import RiskRow, risk_row
from litellm_cascade.offline.bench_cascade.rows import Row, rows_of
from litellm_cascade.offline.bench_cascade.sets import BenchSet
from litellm_cascade.offline.bench_common.plots import dots
from litellm_cascade.offline.bench_common.resuming import Parts
from litellm_cascade.offline.bench_common.telling import interval, share, steps, table, tell
from litellm_cascade.offline.calibrating.thresholds import Bound
from litellm_cascade.offline.pages import Block, Grid, Heading, Paragraph, Plot, html, write_text

BOUND = Bound(alpha=0.05, delta=0.1)
FEWEST_FOR_RISK = 500
"""Answers below which half of them can hardly prove a risk of five in a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All rows, and how they came about."""

    rows: Sequence[Row]
    risks: Sequence[RiskRow]
    about: Mapping[str, Any]


def measured(sets: Sequence[BenchSet], elsewhere: Sequence[BenchSet] | None, about: Mapping[str, Any], parts: Parts) -> Results:
    """Every set; what an interrupted run has finished is not measured again. All is fitted on the set of the same name ``elsewhere``."""
    fitted_on = {one.name: one for one in elsewhere or ()}
    rows: list[Row] = []
    risks: list[RiskRow] = []
    with steps(len(sets)) as progress:
        for one in sets:
            tell(progress, one.name)
            found = parts.rows(one.name, partial(_measured, *_parts(one, fitted_on.get(one.name)), about))
            rows += [Row(**row) for row in found if "method" in row]
            risks += [RiskRow(**row) for row in found if "method" not in row]
            tell(progress, one.name, advance=1)
    return Results(rows=rows, risks=risks, about=about)


def _measured(scored: BenchSet, fitted_on: BenchSet | None, about: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = rows_of(scored, fitted_on, seed=about["seed"], draws=about["bootstrap_draws"])
    return [*map(asdict, rows), *map(asdict, _risks(scored, about["seed"]))]


def _risks(scored: BenchSet, seed: int) -> Iterator[RiskRow]:
    if len(scored.records) >= FEWEST_FOR_RISK and scored.records.correct_large is not None:
        yield risk_row(scored, BOUND, seed=seed)


def _parts(one: BenchSet, elsewhere: BenchSet | None) -> tuple[BenchSet, BenchSet | None]:
    """What is scored, and what is fitted on (None: cross-fit)."""
    test = one.split == "test"
    if elsewhere is not None:
        usable = (elsewhere.split != "test") & ~np.isin(elsewhere.records.groups, one.records.groups)
        if not usable.any():
            raise ConfigurationError([f"--fit has no answer of {one.name!r} that is neither marked test nor scored; name another folder"])
        return one, _at(elsewhere, usable)
    if test.all():
        raise ConfigurationError([f"all answers of {one.name!r} are marked test, and nothing is fitted on those; name others with --fit"])
    if test.any():
        return _at(one, test), _at(one, ~test)
    return one, None


def _at(one: BenchSet, rows: Any) -> BenchSet:
    extra = {name: values[rows] for name, values in one.extra.items()}
    return replace(one, records=one.records.at(rows), lengths=one.lengths[rows], split=one.split[rows], extra=extra)


def as_json(results: Results) -> dict[str, Any]:
    """Every number, with what it takes to get it again."""
    rows, risks = ([asdict(one) for one in found] for found in (results.rows, results.risks))
    return {**results.about, "rows": rows, "risk": risks}


def markdown(results: Results) -> str:
    """A table for each set, and one for the risk bound."""
    parts: list[str] = []
    for name in dict.fromkeys(row.set for row in results.rows):
        rows = [row for row in results.rows if row.set == name]
        parts += [f"**{name}** ({rows[0].n} answers, data {rows[0].data})", table(_HEAD, [_cells(row) for row in rows])]
    if results.risks:
        parts += ["**The risk bound**", table(_RISK_HEAD, [_risk_cells(risk) for risk in results.risks])]
    return "\n\n".join(parts)


_HEAD = (
    "method",
    "APGR",
    "APGR over mean",
    "AUROC",
    "AUROC over mean",
    "cost of 80 %",
    "cost of 95 %",
    "right at half the cost",
    "ECE before",
    "after",
    "by chance",
    "debiased",
)
_RISK_HEAD = ("set", "risk of accepting all", "bound", "kept", "nothing proven", "accepted")
LEGEND = (
    "APGR is the share of the larger model's lead that is had when the answers that look worst go to it first, averaged over how many do: "
    "0.5 is a random order. Cost of 80 % is what share of the cost of always asking it has 80 % of its lead. AUROC says how well right "
    "answers are told from wrong ones, ECE how far said probabilities are from what came, before and after calibration."
)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.method,
        interval(row.apgr, row.apgr_low, row.apgr_high),
        interval(row.apgr_over_mean, row.apgr_over_mean_low, row.apgr_over_mean_high) if row.apgr_over_mean else "",
        interval(row.auroc, row.auroc_low, row.auroc_high),
        interval(row.over_mean, row.over_mean_low, row.over_mean_high) if row.over_mean_low != row.over_mean_high else "",
        share(row.cost_share_80),
        share(row.cost_share_95),
        share(row.accuracy_at_half_cost),
        *("" if error is None else f"{error:.3f}" for error in (row.ece_before, row.ece_after, row.ece_noise, row.debiased_error)),
    )


def _risk_cells(risk: RiskRow) -> tuple[str, ...]:
    bound = f"{risk.alpha:g}, with {1 - risk.delta:g}"
    kept = f"{risk.held} of {risk.resamplings}"
    return risk.set, f"{risk.base_risk:.3f}", bound, kept, str(risk.none), share(risk.accepted)


def write_page(path: Path, results: Results) -> None:
    """A self-contained page: APGR, or AUROC where the large model is not known, of every method of every set, with its interval."""
    about = results.about
    intervals = f"95 % intervals of {about['bootstrap_draws']} draws over groups, seed {about['seed']}"
    note = f"{about['command']}. {intervals}. Fitted on {about['fitted_on']}."
    blocks: list[Block] = [Paragraph(note), Paragraph(LEGEND)]
    for name in dict.fromkeys(row.set for row in results.rows):
        rows = [row for row in results.rows if row.set == name]
        told = Paragraph(f"{rows[0].n:,} answers, data {rows[0].data}")
        blocks += [Heading(name), told, Plot(_dots(rows), "Each method with its interval"), Grid(_HEAD, [_cells(row) for row in rows])]
    if results.risks:
        blocks += [Heading("The risk bound"), Grid(_RISK_HEAD, [_risk_cells(risk) for risk in results.risks])]
    write_text(path, html("Cascades on recorded answers", blocks))


def _dots(rows: Sequence[Row]) -> Any:
    name = "auroc" if rows[0].apgr is None else "apgr"
    return dots([(row.method, *(getattr(row, field) for field in (name, f"{name}_low", f"{name}_high"))) for row in rows], name.upper())
