"""The benchmark's results: measured, as a table, as JSON and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.resampling import Numbers, multiplicities
from litellm_cascade.offline.bench_common.resuming import Parts
from litellm_cascade.offline.bench_common.telling import figure, interval, share, table, tell
from litellm_cascade.offline.bench_routing.evidence import Seen
from litellm_cascade.offline.bench_routing.methods import LENGTH, ORACLE, RANDOM, Basis, others_of, trained, untrained
from litellm_cascade.offline.bench_routing.pairs import PairSet
from litellm_cascade.offline.bench_routing.published import PUBLISHED, SOURCE
from litellm_cascade.offline.bench_routing.rows import Row, row_of
from litellm_cascade.offline.calibrating import figures
from litellm_cascade.offline.calibrating.records import too_few_groups
from litellm_cascade.offline.pages import Block, Grid, Heading, Paragraph, Plot, html, write_text

CURVE_POINTS = 100
HEAD = ("method", "APGR", "over prompt length", "CPT(50)", "CPT(80)", "AUROC", "AIQ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Of one pair: its rows, and for each method the share of the gap that is recovered by 0, 1, ... 100 % of calls."""

    about: str
    rows: Sequence[Row]
    curves: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One pair to measure, what may be fitted on, and how."""

    scored: PairSet
    own: PairSet | None
    others: Sequence[PairSet]
    data: str
    seed: int
    draws: int


def tasks_of(pairs: Sequence[PairSet], fit: Sequence[PairSet] | None, *, data: str, seed: int, draws: int) -> Iterator[Task]:
    """What to measure. ``fit``: pairs of another folder, on which everything is then fitted, and all of ``pairs`` is scored."""
    elsewhere = {one.name: one for one in fit} if fit is not None else {}
    for one in pairs:
        scored, own = _parts(one, elsewhere.get(one.name), is_fitted_elsewhere=fit is not None)
        others = others_of(scored, fit if fit is not None else pairs)
        yield Task(scored=scored, own=own, others=others, data=data, seed=seed, draws=draws)


def _parts(one: PairSet, elsewhere: PairSet | None, *, is_fitted_elsewhere: bool) -> tuple[PairSet, PairSet | None]:
    """What is scored, and what is fitted on (None: each fold by the others)."""
    test = one.split == "test"
    if is_fitted_elsewhere:
        if elsewhere is None:
            raise ConfigurationError([f"the pair {one.name!r} is not in the folder that --fit names; leave --fit out, or name another"])
        usable = (elsewhere.split != "test") & ~np.isin(elsewhere.groups, one.groups)
        if not usable.any():
            raise ConfigurationError([f"--fit has no prompt of {one.name!r} that is neither marked test nor scored; name another folder"])
        return one, elsewhere.at(usable)
    if test.all():
        raise ConfigurationError([f"all prompts of {one.name!r} are marked test, and nothing is fitted on those; name others with --fit"])
    if test.any():
        return one.at(test), one.at(~test)
    problem = too_few_groups(f"prompts of {one.name!r}", one.groups)
    if problem:
        raise ConfigurationError([problem])
    return one, None


def measured(task: Task, seen: Seen, parts: Parts, progress: Progress) -> Measured:
    """Every method on a pair; what an interrupted run has finished is not measured again."""
    one = task.scored
    kept = parts.rows(one.name, partial(_measured_rows, task, seen, progress))
    rows = [Row(**{name: value for name, value in row.items() if name != "curve"}) for row in kept]
    return Measured(
        about=f"{one.weak_model} -> {one.strong_model}, {one.benchmark}",
        rows=rows + published(one, task.data),
        curves={str(row["method"]): row["curve"] for row in kept},
    )


def _measured_rows(task: Task, seen: Seen, progress: Progress) -> list[dict[str, Any]]:
    one = task.scored
    tell(progress, f"{one.name}: reading")
    texts = one.texts if task.own is None else (*one.texts, *task.own.texts)
    basis = Basis(own=task.own, others=task.others, seen=seen.of(texts), seed=task.seed)
    times = multiplicities(one.groups, task.seed, task.draws)
    orders = untrained(one, basis.seen)
    for method, said in trained(one, basis).items():
        tell(progress, f"{one.name}: {method}")
        try:
            orders[method] = said()
        except ConfigurationError as error:  # too few outcomes, or of one kind: of a fold, where the set as a whole can be measured
            progress.console.print(f"{one.name}: {method!r} is left out: {error}", markup=False, highlight=False, soft_wrap=True)
    return [asdict(row_of(one, method, order, times, task.data)) | {"curve": _curve(one, order)} for method, order in _sorted(orders)]


def _sorted(orders: Mapping[str, Numbers]) -> list[tuple[str, Numbers]]:
    """The oracle last."""
    return sorted(orders.items(), key=lambda entry: entry[0] == ORACLE)


def _curve(one: PairSet, order: Numbers) -> list[float]:
    recovered = np.concatenate([[0.0], figures.recovered_by(-order, one.gains)])
    places = np.linspace(0, len(one), CURVE_POINTS + 1).round().astype(int)
    return [round(float(value), 5) for value in recovered[places]]


def published(one: PairSet, data: str) -> list[Row]:
    """What others have published on this pair."""
    return [
        Row(set=one.name, method=name, n=len(one), data=data, apgr=apgr, source=SOURCE)
        for name, apgr in PUBLISHED.get(one.name, {}).items()
    ]


def markdown(results: Sequence[Measured]) -> str:
    """A table for each pair."""
    parts: list[str] = []
    for one in results:
        first = one.rows[0]
        parts += [f"**{first.set}** ({one.about}; {first.n:,} prompts, data {first.data})", table(HEAD, map(cells, one.rows))]
    return "\n\n".join(parts)


def cells(row: Row) -> tuple[str, ...]:
    """A row as text."""
    over = "" if row.method in {LENGTH, RANDOM, ORACLE} else interval(row.over_length, row.over_length_low, row.over_length_high)
    return (
        row.method,
        interval(row.apgr, row.apgr_low, row.apgr_high),
        over,
        share(row.cpt50),
        share(row.cpt80),
        figure(row.auroc),
        figure(row.aiq),
    )


def write_page(path: Path, results: Sequence[Measured], note: str) -> None:
    """Tables and curves, one part for each pair."""
    blocks: list[Block] = [Paragraph(note), *(block for one in results for block in _blocks(one))]
    write_text(path, html("Routing on recorded answers", blocks))


def _blocks(one: Measured) -> Iterator[Block]:
    first = one.rows[0]
    rows = [row for row in one.rows if row.method not in {RANDOM, ORACLE}]
    yield Heading(first.set)
    yield Paragraph(f"{one.about}; {first.n:,} prompts. Intervals hold 95 %, drawn over groups of near-duplicates.")
    yield Plot(_bars(rows), "APGR of each method with its interval; the table has the numbers")
    yield Plot(_curves(one), "The share of the larger model's lead that is recovered, by the share of prompts that it gets")
    yield Grid(HEAD, [cells(row) for row in one.rows])


def _bars(rows: Sequence[Row]) -> Any:
    import plotly.graph_objects as plots  # noqa: PLC0415 - the extra lab

    known = sorted((row for row in rows if row.apgr is not None), key=lambda row: row.apgr or 0.0)
    values = [row.apgr or 0.0 for row in known]
    up = [(row.apgr_high or value) - value for row, value in zip(known, values, strict=True)]
    down = [value - (row.apgr_low or value) for row, value in zip(known, values, strict=True)]
    errors = {"type": "data", "array": up, "arrayminus": down, "thickness": 1}
    dots = plots.Scatter(x=values, y=[row.method for row in known], mode="markers", error_x=errors, marker={"size": 9}, showlegend=False)
    chart = plots.Figure(dots)
    chart.add_vline(x=0.5, line_dash="dot", line_width=1, line_color="#888888")
    return chart.update_layout(title="APGR; 0.5 is a random order", height=120 + 30 * len(known), margin={"l": 280})


def _curves(one: Measured) -> Any:
    import plotly.graph_objects as plots  # noqa: PLC0415 - the extra lab

    chart = plots.Figure()
    for method, curve in one.curves.items():
        chart.add_scatter(x=np.linspace(0, 1, len(curve)).tolist(), y=list(curve), mode="lines", name=method)
    axes = {"xaxis": {"title": "share of prompts that the larger model gets", "tickformat": ".0%"}, "yaxis": {"title": "share of its lead"}}
    return chart.update_layout(title="Lead recovered by calls", **axes)
