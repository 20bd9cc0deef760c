"""The services that are compared, and the order of a measurement: all run, one at a time is asked, round after round."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from litellm_cascade.offline.bench.load import cpu_seconds
from litellm_cascade.offline.bench_service.callers import Load, load
from litellm_cascade.offline.counting import counted
from litellm_cascade.testing.service import RayServiceProcess, ServiceProcess

MODEL: Final = "classifier"
WARM_UP_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured: ``rounds`` of ``seconds`` for each service, by ``callers`` at once, on a device of ``device_ms`` a batch."""

    callers: int = 64
    seconds: float = 5.0
    rounds: int = 5
    device_ms: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One service: what it is called in the report, and how it is started."""

    name: str
    start: Callable[[Path, float], ServiceProcess]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One round of one service. ``cpu_ms``: of the service's processes, a request. ``busy``: the machine's load average before."""

    setup: str
    round: int
    load: Load
    cpu_ms: float
    busy: float


def setups() -> Sequence[Setup]:
    """Uvicorn with batches and without; Ray Serve where it is installed."""
    always = [
        Setup(name="uvicorn", start=_uvicorn),
        Setup(name="uvicorn, one at a time", start=lambda folder, ms: _uvicorn(folder, ms, "--most-prompts", "1")),
    ]
    if find_spec("ray") is None:
        return always
    return [*always, *(Setup(name=f"Ray Serve, {counted(number, 'replica')}", start=_ray(number)) for number in (1, 2))]


def measure(extent: Extent, folder: Path, tell: Callable[[str], object]) -> Sequence[Reading]:
    """All rounds. The services run together, and only the one that is asked has anything to do."""
    readings = []
    with ExitStack() as running:
        services = []
        for number, setup in enumerate(setups()):
            tell(f"starting {setup.name}")
            (folder / str(number)).mkdir()
            services.append((setup, running.enter_context(setup.start(folder / str(number), extent.device_ms))))
        for round_ in range(extent.rounds):
            tell(f"round {round_ + 1} of {extent.rounds}")
            for setup, service in services:
                readings.append(_round(setup, service, round_, extent))
    return readings


def _round(setup: Setup, service: ServiceProcess, round_: int, extent: Extent) -> Reading:
    _asked(service, extent.callers, WARM_UP_S)
    busy, before = os.getloadavg()[0], cpu_seconds(service.pid)
    found = _asked(service, extent.callers, extent.seconds)
    spent = cpu_seconds(service.pid) - before
    requests = max(1.0, found.requests_per_s * extent.seconds)
    return Reading(setup=setup.name, round=round_, load=found, cpu_ms=spent / requests * 1e3, busy=busy)


def _asked(service: ServiceProcess, callers: int, seconds: float) -> Load:
    return asyncio.run(load("127.0.0.1", service.port, MODEL, callers=callers, seconds=seconds))


def _uvicorn(folder: Path, device_ms: float, *arguments: str) -> ServiceProcess:
    return ServiceProcess(folder, arguments=["--option", f"milliseconds={device_ms}", "--drain-seconds", "0", *arguments])


def _ray(replicas: int) -> Callable[[Path, float], ServiceProcess]:
    return lambda folder, ms: RayServiceProcess(
        folder, arguments={"options": {"milliseconds": ms}, "min_replicas": replicas, "max_replicas": replicas, "cpus": 0.1}
    )
