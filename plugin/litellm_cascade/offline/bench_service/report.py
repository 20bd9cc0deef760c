"""What was measured, as a table for docs/benchmarks.md and as JSON."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from os import cpu_count
from statistics import median
from typing import Any, Final

from litellm_cascade.offline.bench_service.measuring import Extent, Reading
from litellm_cascade.offline.counting import counted

BAR: Final = 3_000
"""Requests a second that uvicorn is to reach with 64 callers and 5 ms."""
HEAD: Final = (
    "| service | requests/s, median (least, most) | over one at a time | p50 ms | p99 ms | CPU ms a request |\n|---|---|---|---|---|---|"
)
BASELINE: Final = "uvicorn, one at a time"


def markdown(extent: Extent, readings: Sequence[Reading]) -> str:
    """A table with a line for each service, what the device itself would allow, and the verdict."""
    names = list(dict.fromkeys(reading.setup for reading in readings))
    base = _rate(readings, BASELINE)
    limit = f"{extent.callers / extent.device_ms * 1e3:,.0f} requests/s is what the device itself allows"
    busy = f"load average {median(reading.busy for reading in readings):.1f} on {cpu_count()} cores"
    refused = sum(reading.load.refused for reading in readings)
    return "\n".join(
        [
            f"{extent.callers} callers, {extent.device_ms:g} ms a batch, {counted(extent.rounds, 'round')} of {extent.seconds:g} s; "
            f"{limit}; {busy}; {refused} refused.",
            f"uvicorn {version('uvicorn')}, Python {platform.python_version()}. Bar for uvicorn: {BAR:,} requests/s: {_verdict(readings)}.",
            "",
            HEAD,
            *(_line(readings, name, base) for name in names),
        ]
    )


def as_json(extent: Extent, readings: Sequence[Reading]) -> dict[str, Any]:
    """Every number."""
    return {"extent": asdict(extent), "readings": [asdict(reading) for reading in readings]}


def _line(readings: Sequence[Reading], name: str, base: float) -> str:
    own = [reading for reading in readings if reading.setup == name]
    rates = [reading.load.requests_per_s for reading in own]
    p50, p99 = (median(getattr(reading.load, key) for reading in own) for key in ("p50_ms", "p99_ms"))
    cpu = median(reading.cpu_ms for reading in own)
    rate = f"{median(rates):,.0f} ({min(rates):,.0f}, {max(rates):,.0f})"
    return f"| {name} | {rate} | {median(rates) / base:.1f} | {p50:.1f} | {p99:.1f} | {cpu:.2f} |"


def _rate(readings: Sequence[Reading], name: str) -> float:
    return median(reading.load.requests_per_s for reading in readings if reading.setup == name)


def _verdict(readings: Sequence[Reading]) -> str:
    return "met" if _rate(readings, "uvicorn") >= BAR else "missed"
