"""How long a prompt takes, how long until the first one, and how much memory that costs, each in a process of its own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LENGTHS: Final = (16, 64, 128)
"""In tokens."""
RUNS: Final = 200
_SENTENCE: Final = "Explain how the new tariff changes what a small importer of coffee has to declare and which forms are due when. "


def timed(name: str, weights: Path | None) -> dict[str, float]:
    """Milliseconds by length (p50 and p95), seconds until ready and megabytes more than before, measured in a fresh process on one core."""
    command = [sys.executable, "-m", __name__, name, *([str(weights)] if weights else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 -- ourselves
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _measured(name: str, weights: str | None) -> dict[str, float]:
    import asyncio  # noqa: PLC0415 -- the fresh process's own time

    from litellm_cascade.classifiers import build  # noqa: PLC0415 -- measured
    from litellm_cascade.classifiers.base import WarmsUp  # noqa: PLC0415 -- measured

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    before = _resident_mb()
    began = time.perf_counter()
    classifier = build(name, {"weights": weights} if weights else {})
    if isinstance(classifier, WarmsUp):
        asyncio.run(classifier.warm_up())
    found = {"ready s": time.perf_counter() - began}
    for length in LENGTHS:
        times, computing = asyncio.run(_times(classifier, length))
        found |= {f"p50 ms, {length} tokens": statistics.median(times), f"p95 ms, {length} tokens": sorted(times)[int(0.95 * len(times))]}
        found |= {f"p50 ms of processor time, {length} tokens": statistics.median(computing)}
    return found | {"more resident MB": _resident_mb() - before}


async def _times(classifier: object, length: int) -> tuple[list[float], list[float]]:
    """Milliseconds by the clock, and of computing: where others share the core, only the second says what a prompt costs."""
    from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn  # noqa: PLC0415 -- measured

    text = " ".join((_SENTENCE * 8).split()[: length - 8])  # as many tokens, with the markers and the split words
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p")
    request = Request(envelope=envelope, turns=(Turn(role="user", text=text),))
    times, computing = [], []
    for _ in range(RUNS):
        began, computed = time.perf_counter(), time.process_time()
        await classifier.classify(request)  # type: ignore[attr-defined]
        times.append((time.perf_counter() - began) * 1000)
        computing.append((time.process_time() - computed) * 1000)
    return times, computing


def _resident_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 -- Linux alone has it
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)))  # noqa: T201, PLR2004 -- the answer
