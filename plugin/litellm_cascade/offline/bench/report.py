"""What the readings say: a line for each setup, the bars, and the section "Overhead" of docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median

from litellm_cascade.offline.bench.audit_cost import PAUSE_S, Row, table
from litellm_cascade.offline.bench.load import Answers
from litellm_cascade.offline.bench.measuring import Measured, Reading
from litellm_cascade.offline.bench.setups import COMPARED_WITH, CONFIDENT, PLAIN, SETUPS, Setup
from litellm_cascade.offline.bench_common.resampling import bounds, picked

BARS: Mapping[str, float] = {"direct": 1.10, "confident": 1.5, "escalated": 2.2}
"""The most a setup may cost, as a multiple of plain LiteLLM, for answers of either kind and length."""
READY_BAR_S = 3.0
MEMORY_BAR_MB = 80.0
RESAMPLES = 2_000
When = tuple[int, int]  # the start and the round


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One setup and kind of answers: medians over the rounds. ``ratio`` is taken within rounds; ``low`` and ``high`` bound its median."""

    setup: str
    answers: Answers
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    ratio: float
    low: float
    high: float
    bar: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A cascade's proxy over plain LiteLLM's, start by start; ``plain`` and ``ours`` are medians, and so is ``over``."""

    what: str
    unit: str
    plain: float
    ours: float
    over: float
    least: float
    most: float
    bar: float


def lines(measured: Measured, seed: int = 0) -> list[Line]:
    """Every setup with every kind of answers, in the order of the table."""
    return [_line(measured.readings, setup, answers, seed) for answers in Answers for setup in SETUPS]


def differences(measured: Measured) -> list[Difference]:
    """Start-up and memory."""
    ready = {(start.setup, start.start): start.ready_s for start in measured.starts}
    memory = {(start.setup, start.start): start.rss_mb for start in measured.starts}
    return [_difference("start-up", "s", ready, READY_BAR_S), _difference("resident memory", "MB", memory, MEMORY_BAR_MB)]


def about() -> dict[str, str]:
    """On what this was measured: versions and the class of machine, never its name."""
    return {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} virtual cores, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "litellm": version("litellm"),
        "litellm-cascade": version("litellm-cascade"),
    }


def tables(measured: Measured, seed: int = 0) -> str:
    """Both tables, in Markdown."""
    labels = {setup.name: setup.label for setup in SETUPS}
    rows = [
        "| setup | answers | CPU ms per request | times plain LiteLLM (95 %) | bar | p50 ms | p99 ms |",
        "| --- | --- | ---: | ---: | --- | ---: | ---: |",
        *(_row(line, labels[line.setup]) for line in lines(measured, seed)),
    ]
    rows += [
        "",
        "| one worker | plain LiteLLM | ours | over plain (least to most) | bar |",
        "| --- | ---: | ---: | ---: | --- |",
        *(_difference_row(difference) for difference in differences(measured)),
    ]
    return "\n".join(rows)


def section(measured: Measured, command: str, facts: Mapping[str, str], seed: int = 0) -> str:
    """What stands in docs/benchmarks.md."""
    starts = len({start.start for start in measured.starts})
    named = {key.replace("-", "_"): value for key, value in facts.items()}
    return SECTION.format(command=command, tables=tables(measured, seed), starts=starts, **named)


def audit_section(rows: Sequence[Row], command: str, facts: Mapping[str, str]) -> str:
    """What stands in docs/benchmarks.md of the audit."""
    named = {key.replace("-", "_"): value for key, value in facts.items()}
    return AUDIT_SECTION.format(command=command, table=table(rows), per_second=1 / PAUSE_S, **named)


def _line(readings: Sequence[Reading], setup: Setup, answers: Answers, seed: int) -> Line:
    mine = _by_round(readings, setup.name, answers)
    base = _by_round(readings, COMPARED_WITH[setup.telemetry], answers)
    ratios = {when: reading.cpu_ms / base[when].cpu_ms for when, reading in mine.items()}
    low, high = _interval_of_the_median(ratios, seed)
    return Line(
        setup=setup.name,
        answers=answers,
        cpu_ms=median(reading.cpu_ms for reading in mine.values()),
        p50_ms=median(reading.p50_ms for reading in mine.values()),
        p99_ms=median(reading.p99_ms for reading in mine.values()),
        ratio=median(ratios.values()),
        low=low,
        high=high,
        bar=BARS.get(setup.name),
    )


def _by_round(readings: Sequence[Reading], setup: str, answers: Answers) -> dict[When, Reading]:
    return {(one.start, one.round): one for one in readings if one.setup == setup and one.answers is answers}


def _interval_of_the_median(ratios: Mapping[When, float], seed: int) -> tuple[float, float]:
    """Percentile bootstrap that draws starts with all their rounds: rounds after the same start resemble each other."""
    by_start = {start: [ratio for (its_start, _), ratio in ratios.items() if its_start == start] for start, _ in ratios}
    starts = [by_start[start] for start in sorted(by_start)]
    return bounds(median(ratio for place in places for ratio in starts[place]) for places in picked(len(starts), seed, RESAMPLES))


def _difference(what: str, unit: str, values: Mapping[tuple[str, int], float], bar: float) -> Difference:
    starts = sorted({start for _, start in values})
    plain, ours = ([values[setup.name, start] for start in starts] for setup in (PLAIN, CONFIDENT))
    over = [mine - base for mine, base in zip(ours, plain, strict=True)]
    return Difference(
        what=what, unit=unit, plain=median(plain), ours=median(ours), over=median(over), least=min(over), most=max(over), bar=bar
    )


# --- in words ----------------------------------------------------------------------------------------------------------------------


def _row(line: Line, label: str) -> str:
    ratio = f"{line.ratio:.2f} ({line.low:.2f} to {line.high:.2f})" if line.setup not in COMPARED_WITH.values() else "1"
    bar = _held(line.ratio, line.bar, "", 2) if line.bar is not None else ""
    return f"| {label} | {line.answers} | {line.cpu_ms:.1f} | {ratio} | {bar} | {line.p50_ms:.0f} | {line.p99_ms:.0f} |"


def _difference_row(one: Difference) -> str:
    digits = 1 if one.unit == "s" else 0
    over = f"{one.over:.{digits}f} ({one.least:.{digits}f} to {one.most:.{digits}f})"
    bar = _held(one.over, one.bar, f" {one.unit}", digits)
    return f"| {one.what}, {one.unit} | {one.plain:.{digits}f} | {one.ours:.{digits}f} | {over} | {bar} |"


def _held(value: float, bar: float, unit: str, digits: int) -> str:
    verdict = "met" if value <= bar else f"missed by {value - bar:.{digits}f}{unit}"
    return f"at most {bar:.{digits}f}{unit}: {verdict}"


AUDIT_SECTION = """\
## Spans, metrics and the record

What they add to a request: processor time (user and system) of the whole process, with the threads that export spans and write the record.
Two proxies differ by more than that for as long as they live, so this is one process without LiteLLM: the pipeline with the policy
`balanced`, a classifier and models that answer at once, up to {per_second:.0f} requests a second, each part off and on in turn, in
another order every round. *Confident* is one attempt, *escalated* two. Spans go over HTTP to a collector in another process, the record
into files. What is told of requests is told for several at once, so it falls on few: the *median request* has next to none of it, the *mean
request* has all of it. The table has the median over rounds and its 95 % interval (bootstrap over rounds).

Measured on {date}: {machine}, Python {python}, litellm-cascade {litellm_cascade}.

```sh
{command}
```

{table}
"""

SECTION = """\
## Overhead

What the cascade costs the proxy itself: processor time (user and system) of the proxy's process per request, for one client that asks one
request after the other, telemetry off except where the table says otherwise. Each setup is a proxy of its own. All are alive at once and
loaded one at a time, in rotating order, round after round; then all are started anew, {starts} times altogether, because two processes of
the same program differ by several per cent. *Times plain LiteLLM* is taken within each round; the table has the median over all rounds
and its 95 % interval (bootstrap over starts). The setups with telemetry export spans to a collector in another process, and are compared
with plain LiteLLM that does the same.

Answers have 20 tokens where no other number stands, and come from a model server in another process; streams bring a token every 2 ms.
Cascades judge by a calibrated gate, a stream on its first 16 tokens, with the default classifier before the call. *Escalated* means two
calls, the small model's and the large one's. *A call within a call* is LiteLLM alone: a custom provider that hands the request on to the
router, asks for log-probabilities and decides nothing. The milliseconds are what clients waited, as the median over rounds of each batch's
median and 99th percentile. Memory is that of the proxy with the confident cascade, after all its rounds.

Measured on {date}: {machine}, Python {python}, LiteLLM {litellm}, litellm-cascade {litellm_cascade}.

```sh
{command}
```

{tables}
"""
