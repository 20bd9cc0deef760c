"""The six panels: cost, latency and accuracy; model mix; complexity; the frontier of cost and quality; broken limits; utility."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from litellm_cascade.offline.bench_simulated import routed, scenarios

GREY: Final = "rgba(128, 128, 128, 0.35)"
"""Of lines that must be seen on white and on black."""

FEWEST_CORNERS: Final = 3


def bars(rows: Sequence[routed.Row]) -> Any:
    """Cost, latency and accuracy, each in per cent of always asking the large model."""
    import plotly.graph_objects as plots  # noqa: PLC0415 - the extra lab

    large = next(row for row in rows if row.method == "always large")
    chart = plots.Figure()
    for name, field in (("cost", "cost_usd"), ("latency", "latency_ms"), ("accuracy", "accuracy")):
        values = [getattr(row, field) / getattr(large, field) for row in rows]
        chart.add_bar(name=name, x=[row.method for row in rows], y=values)
    return _laid_out(chart, "Cost, latency and accuracy against always large", yaxis={"tickformat": ".0%"}, barmode="group")


def mix(rows: Sequence[routed.Row]) -> Any:
    """Who answers."""
    import plotly.graph_objects as plots  # noqa: PLC0415 - the extra lab

    chart = plots.Figure()
    for alias in rows[0].mix:
        chart.add_bar(name=alias, y=[row.method for row in rows], x=[row.mix[alias] for row in rows], orientation="h")
    return _laid_out(chart, "Who answers", xaxis={"tickformat": ".0%"}, barmode="stack", margin={"l": 140})


def radar(by_band: Mapping[str, Mapping[str, float]]) -> Any:
    """What the classifier finds in the prompts of each band; every axis 0 to 1. Bars for one that finds less than a radar has corners."""
    import plotly.graph_objects as plots  # noqa: PLC0415 - the extra lab

    chart, title = plots.Figure(), "What the classifier finds"
    if len(next(iter(by_band.values()))) < FEWEST_CORNERS:
        for band, values in by_band.items():
            chart.add_bar(name=band, x=[*values], y=[*values.values()])
        return _laid_out(chart, title, yaxis={"range": [0, 1]}, barmode="group")
    for band, values in by_band.items():
        names = [*values]
        chart.add_scatterpolar(
            r=[values[name] for name in (*names, names[0])], theta=[*names, names[0]], name=band, fill="toself", opacity=0.6
        )
    axis = {"gridcolor": GREY, "linecolor": GREY}
    polar = {"bgcolor": "rgba(0,0,0,0)", "radialaxis": {"range": [0, 1], **axis}, "angularaxis": axis}
    return _laid_out(chart, title, polar=polar)


def frontier(rows: Sequence[routed.Row]) -> Any:
    """Quality for money."""
    import plotly.graph_objects as plots  # noqa: PLC0415 - the extra lab

    chart = plots.Figure()
    for row in rows:
        errors = {
            "type": "data",
            "array": [row.accuracy_high - row.accuracy],
            "arrayminus": [row.accuracy - row.accuracy_low],
            "thickness": 1,
        }
        chart.add_scatter(x=[row.cost_usd * 1000], y=[row.accuracy], error_y=errors, mode="markers", name=row.method, marker={"size": 11})
    axes = {"xaxis": {"title": "dollars for 1,000 requests", "type": "log"}, "yaxis": {"title": "right answers", "tickformat": ".0%"}}
    return _laid_out(chart, "Quality for money", **axes)


def violations(rows: Sequence[scenarios.Row]) -> Any:
    """How often limits were not kept, by strategy and kind of scenario."""
    return _grouped(rows, "violations", "Requests whose limits were not kept", yaxis={"tickformat": ".0%"})


def utility(rows: Sequence[scenarios.Row]) -> Any:
    """What it was worth, by strategy and kind of scenario."""
    return _grouped(rows, "utility", "Utility, in right answers", yaxis={})


def _grouped(rows: Sequence[scenarios.Row], field: str, title: str, **layout: Any) -> Any:
    import plotly.graph_objects as plots  # noqa: PLC0415 - the extra lab

    chart = plots.Figure()
    for method in dict.fromkeys(row.method for row in rows):
        values = [_mean([getattr(row, field) for row in rows if (row.method, row.kind) == (method, kind)]) for kind in scenarios.KINDS]
        chart.add_bar(name=method, x=[*scenarios.KINDS], y=values)
    return _laid_out(chart, title, barmode="group", **layout)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _laid_out(chart: Any, title: str, **layout: Any) -> Any:
    return chart.update_layout(title=title, height=420, **layout)
