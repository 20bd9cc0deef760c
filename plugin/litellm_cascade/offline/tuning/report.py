"""A tuning for a terminal, as JSON and as a page, and the policy that it writes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.counting import plain
from litellm_cascade.offline.pages import Block, Grid, Paragraph, Plot, write_text
from litellm_cascade.offline.policy_text import with_values
from litellm_cascade.offline.traffic.telling import print_table, table_of
from litellm_cascade.offline.tuning.choosing import Figures, Mean, Point, Tuned
from litellm_cascade.offline.tuning.knobs import Knob
from litellm_cascade.offline.tuning.trials import Trials
from litellm_cascade.policy import Policy, parse_policy
from litellm_cascade.policy.problems import Path as Place

HEAD = ("setting", "quality", "savings", "quality, held out", "savings, held out")
MOST_SHOWN = 20
TUNED = "-tuned"


def print_tuned(knobs: Sequence[Knob], trials: Trials, tuned: Tuned, left_alone: Sequence[str]) -> None:
    """The front, what stands in the policy now, and what was taken."""
    typer.echo(basis_of(trials, tuned))
    for sentence in left_alone:
        typer.echo(sentence)
    table = table_of(*HEAD)
    for row in rows_of(knobs, tuned):
        table.add_row(*row)
    typer.echo("")
    print_table(table)
    if tuned.chosen is not None:
        typer.echo(f"\n{promise_of(knobs, tuned.chosen, tuned.held_out_n)}")


def rows_of(knobs: Sequence[Knob], tuned: Tuned) -> list[tuple[str, ...]]:
    """The front from cheap to dear, at most some of it; then what there is already."""
    front = _thinned(tuned.front, tuned.chosen)
    rows = [_row(knobs, point, "-> " if point == tuned.chosen else "") for point in front]
    ends = [("all asked of the smallest", tuned.small), ("all asked of the largest", tuned.large)]
    return [
        *rows,
        _row(knobs, tuned.now, "as it is now: "),
        *((name, "", "", _share(figures.quality), _share(figures.savings)) for name, figures in ends),
    ]


def basis_of(trials: Trials, tuned: Tuned) -> str:
    """What the figures rest on."""
    quality = (
        "quality is the share of right answers as recorded"
        if trials.by_outcomes
        else "quality is what the pool's estimates say, no better than those: give requests with `correct` (cascade label writes them)"
    )
    return f"{len(trials.settings):,} settings on {tuned.fitted_n:,} requests, checked on {tuned.held_out_n:,} others; {quality}"


def promise_of(knobs: Sequence[Knob], chosen: Point, n: int) -> str:
    """What the chosen setting brings where it was not chosen."""
    found = chosen.held_out
    return (
        f"taken: {_named(knobs, chosen)}: on {n:,} requests it was not chosen on, quality {_share(found.quality)}, "
        f"savings against always the largest {_share(found.savings)}, {plain(found.cost_usd.value)} USD a request"
    )


def as_json(knobs: Sequence[Knob], trials: Trials, tuned: Tuned, left_alone: Sequence[str]) -> dict[str, Any]:
    """Every number."""

    def point(one: Point) -> dict[str, Any]:
        setting = {".".join(map(str, knob.path)): value for knob, value in zip(knobs, one.setting, strict=True)}
        return {"setting": setting, "fitted": asdict(one.fitted), "held_out": asdict(one.held_out)}

    return {
        "quality_by": "recorded correctness" if trials.by_outcomes else "the pool's estimates",
        "settings": len(trials.settings),
        "fitted_n": tuned.fitted_n,
        "held_out_n": tuned.held_out_n,
        "left_alone": list(left_alone),
        "front": [point(one) for one in tuned.front],
        "now": point(tuned.now),
        "chosen": point(tuned.chosen) if tuned.chosen is not None else None,
        "all_large": asdict(tuned.large),
        "all_small": asdict(tuned.small),
    }


def page_of(knobs: Sequence[Knob], trials: Trials, tuned: Tuned, origin: str) -> list[Block]:
    """The front as a plot, and all of it as a table."""
    chosen = [Paragraph(promise_of(knobs, tuned.chosen, tuned.held_out_n))] if tuned.chosen is not None else []
    return [
        Paragraph(basis_of(trials, tuned)),
        Plot(_front(knobs, tuned), "Quality against cost on the requests that no setting was chosen on, with 95 % intervals"),
        *chosen,
        Grid(HEAD, rows_of(knobs, tuned)),
        Paragraph(origin),
    ]


def name_of_tuned(name: str) -> str:
    """A name of its own, so that traces, metrics and records of the two can be told apart; tuned again it stays."""
    return name if name.endswith(TUNED) else f"{name}{TUNED}"


def write_policy(policy: Path, out: Path, name: str, numbers: Mapping[Place, float], told: str) -> Policy:
    """The policy with these numbers and a name; the rest, comments too, as it stands. Raises what makes it no policy where it is put."""
    text = with_values(policy.read_text(encoding="utf-8-sig"), {("name",): name, **numbers})
    text = re.sub(r"\n# cascade tune: [^\n]*(?=\n|$)", "", text).rstrip("\n") + f"\n# cascade tune: {' '.join(told.split())}\n"
    parse_policy(text, name=str(out), folder=policy.parent)
    try:
        tuned = parse_policy(text, name=str(out), folder=out.parent)
    except ConfigurationError as error:
        raise ConfigurationError(
            [f"{out}: the policy names files by their place beside it; write it into {policy.parent}", *error.problems]
        ) from None
    write_text(out, text)
    return tuned


def _thinned(front: Sequence[Point], chosen: Point | None) -> list[Point]:
    if len(front) <= MOST_SHOWN:
        return list(front)
    kept = {round(place * (len(front) - 1) / (MOST_SHOWN - 1)) for place in range(MOST_SHOWN)}
    return [point for place, point in enumerate(front) if place in kept or point == chosen]


def _row(knobs: Sequence[Knob], point: Point, mark: str) -> tuple[str, ...]:
    fitted, held_out = point.fitted, point.held_out
    cells = (f"{fitted.quality.value:.2%}", f"{fitted.savings.value:.1%}", _share(held_out.quality), _share(held_out.savings))
    return (f"{mark}{_named(knobs, point)}", *cells)


def _named(knobs: Sequence[Knob], point: Point) -> str:
    return ", ".join(f"{knob.name} {value:g}" for knob, value in zip(knobs, point.setting, strict=True))


def _share(mean: Mean) -> str:
    return f"{mean.value:.2%} [{mean.low:.2%}, {mean.high:.2%}]"


def _front(knobs: Sequence[Knob], tuned: Tuned) -> Any:
    import plotly.graph_objects as plots  # noqa: PLC0415 - the extra lab

    figure = plots.Figure()
    _add(
        figure,
        "Pareto front",
        [point.held_out for point in tuned.front],
        [_named(knobs, point) for point in tuned.front],
        mode="lines+markers",
    )
    marked = [("as it is now", tuned.now.held_out), *([("taken", tuned.chosen.held_out)] if tuned.chosen is not None else [])]
    for name, figures in [*marked, ("all small", tuned.small), ("all large", tuned.large)]:
        _add(figure, name, [figures], [name], mode="markers", marker={"size": 11})
    ends = (tuned.small, tuned.large)
    figure.add_scatter(
        x=[end.cost_usd.value for end in ends],
        y=[end.quality.value for end in ends],
        name="by chance between them",
        mode="lines",
        line={"dash": "dash"},
    )
    dollars = {"title": "USD a request", "exponentformat": "none"}
    figure.update_layout(xaxis=dollars, yaxis={"title": "quality", "tickformat": ".0%"}, hovermode="closest", height=500)
    return figure


def _add(figure: Any, name: str, found: Sequence[Figures], texts: Sequence[str], **drawn: Any) -> None:
    def bars(means: list[Mean]) -> dict[str, Any]:
        return {"type": "data", "array": [one.high - one.value for one in means], "arrayminus": [one.value - one.low for one in means]}

    quality, cost = [one.quality for one in found], [one.cost_usd for one in found]
    figure.add_scatter(
        x=[one.value for one in cost], y=[one.value for one in quality], error_y=bars(quality), name=name, text=list(texts), **drawn
    )
