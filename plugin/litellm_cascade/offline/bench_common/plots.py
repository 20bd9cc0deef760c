"""What the benchmarks draw alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Span = tuple[str, float, float, float]
"""A method, its value, and the ends of the value's interval."""


def dots(spans: Sequence[Span], title: str) -> Any:
    """A line for each method, the first at the bottom: its value as a dot on its interval."""
    import plotly.graph_objects as plots  # noqa: PLC0415 - the extra lab

    names, values, lows, highs = zip(*spans, strict=True)
    up, down = ([abs(end - value) for end, value in zip(ends, values, strict=True)] for ends in (highs, lows))
    errors = {"type": "data", "array": up, "arrayminus": down, "thickness": 1}
    chart = plots.Figure(plots.Scatter(x=values, y=names, mode="markers", error_x=errors, marker={"size": 9}))
    return chart.update_layout(title=title, height=120 + 30 * len(spans), margin={"l": 240})
