"""A cascade over whole answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from litellm_cascade.errors import LateError
from litellm_cascade.escalation.consulting import Consultant, settle_consults
from litellm_cascade.escalation.deadline import MILLISECOND
from litellm_cascade.escalation.record import Ask, Fail
from litellm_cascade.escalation.run import CascadeRun, Step
from litellm_cascade.vocabulary import Completion


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rung said, and the edge's own ``payload`` that will be handed on."""

    payload: Any
    completion: Completion


class WholeUpstream(Consultant, Protocol):
    """What the edge provides."""

    async def ask(self, ask: Ask) -> Answer: ...
    def ended(self, rung: int) -> None:
        """The rung's call is over or cancelled; called once for each rung that was asked, also when it failed."""


async def settle_whole(run: CascadeRun, upstream: WholeUpstream) -> Any:
    """Ask rungs until one is served, and return its payload. Raises what the last rung raised when none answered."""
    answers: dict[int, Answer] = {}
    calls = Calls(upstream)
    try:
        step: Step = run.start()
        while isinstance(step, Ask):
            step = await _ask(run, step, calls, answers)
    finally:
        await calls.cancel()
    if isinstance(step, Fail):
        raise step.error
    return answers[step.rung].payload


async def _ask(run: CascadeRun, step: Ask, calls: Calls, answers: dict[int, Answer]) -> Step:
    within_s = run.gate.whole_within_ms * MILLISECOND if run.gate is not None else None
    calls.start(step)
    if step.beside is not None:
        calls.start(step.beside)
    try:
        answer = answers[step.rung] = await calls.answer(step.rung, within_s)
        return await settle_consults(run, run.answered(answer.completion), calls.upstream)
    except Exception as error:  # noqa: BLE001 - whatever a provider raises is the run's to judge
        return run.failed(error)
    finally:
        await calls.end(step.rung)


class Calls:
    """The calls of one request that are under way, by rung; each is told once that it ended."""

    def __init__(self, upstream: WholeUpstream) -> None:
        self.upstream = upstream
        self._under_way: dict[int, asyncio.Task[Answer]] = {}

    def start(self, ask: Ask) -> None:
        """Ask a rung, unless it is being asked already."""
        if ask.rung not in self._under_way:
            self._under_way[ask.rung] = asyncio.ensure_future(self.upstream.ask(ask))

    async def answer(self, rung: int, within_s: float | None) -> Answer:
        """What the rung says within so many seconds from now; else LateError. Not ``deadline.within``: others may wait for it later."""
        asking = self._under_way[rung]
        await asyncio.wait({asking}, timeout=within_s)
        if not asking.done():
            raise LateError
        return asking.result()

    async def cancel(self) -> None:
        """End the calls that nobody waits for."""
        await asyncio.gather(*(self.end(rung) for rung in list(self._under_way)))

    async def end(self, rung: int) -> None:
        """The rung is done with: its call is cancelled where it is still under way."""
        call = self._under_way.pop(rung)
        call.cancel()
        try:
            await asyncio.gather(call, return_exceptions=True)
        finally:
            self.upstream.ended(rung)
