"""An ensemble's calls, over whole answers and over streams. A stream is shown when all have ended: then its pieces come as they came."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from litellm_cascade.errors import LateError
from litellm_cascade.escalation.deadline import MILLISECOND
from litellm_cascade.escalation.ensemble import EnsembleRun
from litellm_cascade.escalation.record import Ask, Fail, Serve
from litellm_cascade.escalation.rung import StreamUpstream
from litellm_cascade.escalation.streaming import StreamedAnswer
from litellm_cascade.escalation.whole import Answer, Calls, WholeUpstream
from litellm_cascade.vocabulary import Completion

Hear = Callable[[Ask, float], Awaitable[Completion]]
"""What an alias says to a question, within so many seconds."""


async def settle_ensemble(run: EnsembleRun, upstream: WholeUpstream) -> Any:
    """Ask all members at once, and return the payload of the one that is picked. Raises what the last raised when none answered."""
    answers: dict[int, Answer] = {}
    calls = Calls(upstream)

    async def hear(ask: Ask, within_s: float) -> Completion:
        calls.start(ask)
        try:
            answer = answers[ask.rung] = await calls.answer(ask.rung, within_s)
        finally:
            await calls.end(ask.rung)
        return answer.completion

    try:
        return answers[await _picked(run, hear)].payload
    finally:
        await calls.cancel()


class StreamedEnsemble(StreamedAnswer):
    """The answer that is picked, piece by piece."""

    def __init__(self, run: EnsembleRun, upstream: StreamUpstream, *more: Any, **options: Any) -> None:
        super().__init__(run, upstream, *more, **options)
        self.run = run

    async def _chosen(self) -> int:
        chosen = await _picked(self.run, self._hear)
        self._abandon_all_but({chosen})
        return chosen

    async def _hear(self, ask: Ask, within_s: float) -> Completion:
        rung, clock = self._start(ask), asyncio.get_running_loop().time
        deadline = clock() + within_s
        if not await rung.begun(within_s) or not await rung.hold(_never, max(0.0, deadline - clock())):
            raise LateError
        return rung.said.completion()


async def _picked(run: EnsembleRun, hear: Hear) -> int:
    await asyncio.gather(*(_member(run, ask, hear) for ask in run.start()))
    step = run.pick()
    if isinstance(step, Ask):
        step = await _judge(run, step, hear)
    if isinstance(step, Fail):
        raise step.error
    return step.rung


async def _member(run: EnsembleRun, ask: Ask, hear: Hear) -> None:
    try:
        run.answered(ask.rung, await hear(ask, run.ensemble.within_ms * MILLISECOND))
    except Exception as error:  # noqa: BLE001 - whatever a provider raises costs its member only
        run.failed(ask.rung, error)


async def _judge(run: EnsembleRun, ask: Ask, hear: Hear) -> Serve:
    try:
        reply = await hear(ask, run.ensemble.judge_within_ms * MILLISECOND)
    except Exception as error:  # noqa: BLE001 - nor must a judge cost the answer
        return run.judge_failed(error)
    return run.judged(reply)


def _never(_: object) -> bool:
    return False
