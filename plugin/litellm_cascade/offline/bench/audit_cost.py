"""What spans, metrics and the decision record add to a request, each alone and all together.

Two proxies differ by more than that for as long as they live, so this is measured in one process: the pipeline that a proxy runs, asked the
same requests with the audit off and on in turn, on models that answer at once. Processor time is the whole process's, so the threads that
export spans and write the record are in it, until they have nothing left to do. What they do for many requests at once falls on few: the
median request has next to none of it, the mean has all.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from litellm_cascade.audit import Tracing, request_metrics
from litellm_cascade.audit.later import Later
from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.escalation import Answer, Ask, Consult
from litellm_cascade.journey import Journey
from litellm_cascade.offline.bench.model_server import ModelServer
from litellm_cascade.offline.bench_common.resampling import bounds
from litellm_cascade.pipeline import Pipeline
from litellm_cascade.policy import Policy, load_policy
from litellm_cascade.policy.pool import Known, Price
from litellm_cascade.policy.shipped import shipped_folder
from litellm_cascade.testing import FakeClassifier
from litellm_cascade.vocabulary import Caller, Classification, Completion, Endpoint, Envelope, Request, TokenLogprob, Turn, Usage

BAR_MS = 0.4
"""The most that all three together may add to the median request."""
ALL = "all three"
PARTS: Mapping[str, frozenset[str]] = {
    "off": frozenset(),
    "spans": frozenset({"spans"}),
    "metrics": frozenset({"metrics"}),
    "record": frozenset({"record"}),
    ALL: frozenset({"spans", "metrics", "record"}),
}
KINDS: Mapping[str, float] = {"confident": -0.01, "escalated": -2.5}
"""The log-probability of the small model's tokens."""
TOKENS = 20
PAUSE_S = 0.01
"""Between two requests: threads that have nothing to do are woken for each, as in a proxy that is not overloaded."""
POLICY = "balanced"
PRICE = Price(input_usd_per_million=1.0, output_usd_per_million=2.0)
RESAMPLES = 2_000
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Processor milliseconds of one round: of its median request, and per request of all that was done, at once and later."""

    p50_ms: float
    mean_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Processor milliseconds that a part adds to a request: the median over rounds and its 95 % interval; ``off_ms`` is without any."""

    ms: float
    low_ms: float
    high_ms: float
    off_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a part adds to the median request, and to the mean one."""

    kind: str
    part: str
    p50: Added
    mean: Added


def measure(
    *, rounds: int = 40, requests: int = 200, warm_up: int = 200, seed: int = 0, tell: Callable[[str], object] = print
) -> list[Row]:
    """Every part for both kinds of request; round after round, in another order each time."""
    with TemporaryDirectory(prefix="bench-audit-") as folder, ModelServer() as collector, _exporting_to(collector.url):
        benches = {part: Bench(on, Path(folder) / part.replace(" ", "-")) for part, on in PARTS.items()}
        spent: dict[tuple[str, str], list[Spent]] = {}
        random = Random(seed)
        for bench in benches.values():
            bench.batch(warm_up, KINDS["confident"])
        for number in range(rounds):
            if number % 5 == 0:
                tell(f"audit: round {number + 1} of {rounds}")
            for kind, part in random.sample([(kind, part) for kind in KINDS for part in PARTS], len(KINDS) * len(PARTS)):
                spent.setdefault((kind, part), []).append(benches[part].batch(requests, KINDS[kind]))
        for bench in benches.values():
            bench.close()
    return [_row(kind, part, spent, seed) for kind in KINDS for part in PARTS if PARTS[part]]


class Bench:
    """One pipeline with some parts of the audit on."""

    def __init__(self, on: frozenset[str], folder: Path) -> None:
        folder.mkdir()
        self._tracing = Tracing() if "spans" in on else Tracing({})
        self._ledger = Ledger(LedgerOptions(folder=folder, queue_records=10**6)) if "record" in on else None
        meter = request_metrics if "metrics" in on else None
        belief = Classification(classifier="bench", digest="sha256:bench", task="Open QA", task_probability=0.9, complexity=0.3)
        self._later = Later()
        self._pipeline = Pipeline(FakeClassifier(answer=belief), self._tracing, self._ledger, salt=b"bench", meter=meter, later=self._later)
        known = Known(price=PRICE)
        self._policy = load_policy(shipped_folder() / f"{POLICY}.yaml", table=dict.fromkeys(("small", "sql", "large"), known))
        self._asked = 0

    def batch(self, requests: int, logprob: float) -> Spent:
        """So many requests, and what threads do after them."""
        before = time.process_time()
        each = asyncio.run(self._ask(requests, logprob))
        self._settle()
        return Spent(p50_ms=median(each) * 1e3, mean_ms=(time.process_time() - before) / requests * 1e3)

    def close(self) -> None:
        """End the record."""
        if self._ledger is not None:
            self._ledger.close()

    async def _ask(self, requests: int, logprob: float) -> list[float]:
        """Processor seconds of each, with what threads do until the next one."""
        return [await self._ask_one(logprob) for _ in range(requests)]

    async def _ask_one(self, logprob: float) -> float:
        before = time.process_time()
        self._asked += 1
        await ask_once(self._pipeline, self._policy, f"r-{self._asked}", logprob)
        await asyncio.sleep(PAUSE_S)
        return time.process_time() - before

    def _settle(self) -> None:
        self._later.finish()
        processor = getattr(self._tracing.tracer, "span_processor", None)
        if processor is not None:
            processor.force_flush()
        while self._ledger is not None and self._ledger.pending:
            time.sleep(0.001)


async def ask_once(pipeline: Pipeline, policy: Policy, request_id: str, logprob: float) -> None:
    """One request through the pipeline, as a proxy takes it."""
    envelope = Envelope(request_id=request_id, endpoint=Endpoint.CHAT, requested_model="auto", policy=POLICY)
    turn = Turn(role="user", text="What is the difference between a process and a thread, and when would you choose one over the other?")
    request = Request(envelope=envelope, caller=Caller(key_hash="0" * 64, team="bench", user="bench"), turns=(turn,))
    journey = pipeline.begin(envelope)
    await pipeline.plan(request, policy, journey)
    await journey.settle(Models(journey, logprob))


class Models:
    """Aliases that answer at once."""

    def __init__(self, journey: Journey, logprob: float) -> None:
        self._journey = journey
        self._logprobs = (logprob, -0.01)

    async def ask(self, ask: Ask) -> Answer:
        """The answer of a rung."""
        self._journey.attempt_started(ask.rung, ask.alias)
        tokens = tuple(TokenLogprob(f"word{number} ", self._logprobs[ask.rung]) for number in range(TOKENS))
        text = "".join(token.token for token in tokens)
        usage = Usage(input_tokens=30, output_tokens=TOKENS)
        return Answer({}, Completion(text=text, tokens=tokens, finish_reason="stop", usage=usage))

    async def consult(self, asked: Consult) -> float | None:
        """No gate of this policy asks a model again."""
        raise AssertionError(asked)

    def ended(self, rung: int) -> None:
        """A rung is done with."""
        self._journey.attempt_ended(rung, Usage(input_tokens=30, output_tokens=TOKENS), 0.0001)


def table(rows: Sequence[Row]) -> str:
    """In Markdown."""
    lines = [
        "| on | request | CPU ms added to the median request (95 %) | bar | to the mean request (95 %) |",
        "| --- | --- | ---: | --- | ---: |",
    ]
    return "\n".join([*lines, *map(_line, rows)])


def _line(row: Row) -> str:
    over = row.p50.ms - BAR_MS
    bar = f"at most {BAR_MS}: {'met' if over <= 0 else f'missed by {over:.2f}'}" if row.part == ALL else ""
    return f"| {row.part} | {row.kind} | {_figure(row.p50)} | {bar} | {_figure(row.mean)} |"


def _figure(added: Added) -> str:
    return f"{added.ms:.2f} ({added.low_ms:.2f} to {added.high_ms:.2f})"


def _row(kind: str, part: str, spent: Mapping[tuple[str, str], Sequence[Spent]], seed: int) -> Row:
    pairs = list(zip(spent[kind, part], spent[kind, "off"], strict=True))
    return Row(
        kind=kind,
        part=part,
        p50=_added([(on.p50_ms, off.p50_ms) for on, off in pairs], seed),
        mean=_added([(on.mean_ms, off.mean_ms) for on, off in pairs], seed),
    )


def _added(pairs: Sequence[tuple[float, float]], seed: int) -> Added:
    on, off = np.asarray(pairs).T
    added = on - off
    drawn = np.random.default_rng(seed).choice(added, (RESAMPLES, len(added)))
    low, high = bounds(np.median(drawn, axis=1))
    return Added(ms=float(np.median(added)), low_ms=low, high_ms=high, off_ms=float(np.median(off)))


@contextmanager
def _exporting_to(url: str) -> Iterator[None]:
    before = os.environ.get(ENDPOINT)
    os.environ[ENDPOINT] = url
    try:
        yield
    finally:
        if before is None:
            del os.environ[ENDPOINT]
        else:
            os.environ[ENDPOINT] = before
