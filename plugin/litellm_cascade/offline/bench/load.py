"""One client that asks one proxy, one request after the other, and what that costs the proxy's process."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from random import Random
from statistics import median, quantiles
from typing import Any

import psutil  # type: ignore[import-untyped]

from litellm_cascade.offline.bench.model_server import marker
from litellm_cascade.offline.bench.setups import Setup
from litellm_cascade.testing.proxy import ProxyProcess

SETTLE_S = 0.3
"""LiteLLM logs and bills after it has answered; that is part of what a request costs."""
LOG_CHARACTERS = 6000
PROMPTS = (
    "Summarise the plot of a well-known play in three sentences, and name the character who changes most.",
    "What is the difference between a process and a thread, and when would you choose one over the other?",
    "Write a short and friendly reply to a customer whose parcel is two days late. Offer no refund.",
    "Which of these numbers is the largest: 0.75, 5/8, 13/17 or 71 percent? Say how you know.",
)


class Answers(StrEnum):
    """What is asked for, in the words of the table."""

    WHOLE = "whole"
    STREAMED = "streamed"
    LONG = "whole, 500 tokens"


MAX_TOKENS: Mapping[Answers, int] = {Answers.LONG: 500}
"""Where it is not the model server's own number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a batch of requests cost: processor milliseconds per request, and the milliseconds that clients waited for an answer."""

    cpu_ms: float
    p50_ms: float
    p99_ms: float


class Client:
    """Asks over one connection a batch, kept alive."""

    def __init__(self, setup: Setup, proxy: ProxyProcess, random: Random) -> None:
        self.setup = setup
        self.proxy = proxy
        self._connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {proxy.key}", "Content-Type": "application/json"}
        self._prompts = _prompts(random)

    def batch(self, requests: int, answers: Answers) -> Cost:
        """Ask that often; wait until the proxy has done what it does after answering."""
        self._connection.close()  # the proxy has closed its end of one that was idle; asking opens it again
        before = cpu_seconds(self.proxy.pid)
        waited = [self.ask(answers) for _ in range(requests)]
        time.sleep(SETTLE_S)
        spent = cpu_seconds(self.proxy.pid) - before
        p99 = quantiles(waited, n=100, method="inclusive")[-1]
        return Cost(cpu_ms=spent / requests * 1e3, p50_ms=median(waited) * 1e3, p99_ms=p99 * 1e3)

    def ask(self, answers: Answers) -> float:
        """Seconds until the last byte. Raises ``AssertionError`` when another model than expected has answered, or none."""
        asked: dict[str, Any] = {"model": self.setup.model, "messages": [{"role": "user", "content": next(self._prompts)}]}
        if answers in MAX_TOKENS:
            asked["max_tokens"] = MAX_TOKENS[answers]
        body = json.dumps({**asked, "stream": answers is Answers.STREAMED})
        started = time.perf_counter()
        self._connection.request("POST", "/v1/chat/completions", body, self._headers)
        answer = self._connection.getresponse().read()
        waited = time.perf_counter() - started
        if marker(self.setup.served).encode() not in answer:
            log = self.proxy.log()[-LOG_CHARACTERS:]
            raise AssertionError(f"{self.setup.label}: {self.setup.served} was to answer, but this came: {answer[:500]!r}. The log:\n{log}")
        return waited


def cpu_seconds(pid: int) -> float:
    """Processor time, user and system, of a process and its children, those that have ended included."""
    root = psutil.Process(pid)
    times = root.cpu_times()
    ended = times.children_user + times.children_system
    return float(ended + sum(_own_seconds(process) for process in (root, *root.children(recursive=True))))


def resident_mb(pid: int) -> float:
    """Resident memory of a process and its children, in millions of bytes."""
    root = psutil.Process(pid)
    return float(sum(process.memory_info().rss for process in (root, *root.children(recursive=True)))) / 1e6


def _own_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _prompts(random: Random) -> Iterator[str]:
    """Never the same prompt twice, so that no cache answers."""
    return (f"{random.choice(PROMPTS)} (Question {number}.)" for number in count(1))
