"""A cascade over streams.

The first tokens of a rung are held and judged. Accepted, they are released and the rest passes through. Rejected, the next rung is
opened, unless a hedge has done so already; only when that has something better is the held stream abandoned (closed and billed), so that
a next rung which fails or hangs costs nothing: the held answer is released instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from litellm_cascade.errors import LateError
from litellm_cascade.escalation.consulting import settle_consults
from litellm_cascade.escalation.deadline import MILLISECOND
from litellm_cascade.escalation.record import Ask, Fail, Serve
from litellm_cascade.escalation.regret import LateRegret
from litellm_cascade.escalation.run import CascadeRun, Step
from litellm_cascade.escalation.rung import Rung, Said, StreamUpstream
from litellm_cascade.escalation.streaming import StreamedAnswer
from litellm_cascade.vocabulary import Gate, Reason


class StreamedCascade(StreamedAnswer):
    """The first rung that is good enough, piece by piece."""

    def __init__(self, run: CascadeRun, upstream: StreamUpstream, *more: Any, **options: Any) -> None:
        super().__init__(run, upstream, *more, **options)
        self.run = run

    async def _chosen(self) -> int:
        step: Step = self.run.start()
        while isinstance(step, Ask):
            step = await self._ask(step)
            self._abandon_all_but(self._wanted(step))
        if isinstance(step, Fail):
            raise step.error
        return step.rung

    def _wanted(self, step: Step) -> set[int | None]:
        """The rung that is served; until there is one, the best so far and the one that is asked next."""
        return {step.rung} if isinstance(step, Serve) else {self.run.fallback, step.rung if isinstance(step, Ask) else None}

    async def _ask(self, step: Ask) -> Step:
        rung = self._start(step)
        if step.beside is not None:
            self._start(step.beside)
        try:
            await self._hold(rung)
        except Exception as error:  # noqa: BLE001 - whatever a provider raises is the run's to judge
            return self.run.failed(error)
        if self._judges == "off":
            return self.run.accepted_unjudged()
        return await self._judged(rung)

    async def _judged(self, rung: Rung) -> Step:
        judges, complete = self._judges, rung.is_complete
        step = await settle_consults(self.run, self.run.answered(rung.said.completion(), complete=complete), self._upstream)
        if judges != "nothing" and rung.begun_at is not None:
            self.run.held(rung.number, (asyncio.get_running_loop().time() - rung.begun_at) / MILLISECOND)
        gate = self.run.gate
        if gate is not None and not complete and self.run.outcome().reason is Reason.CONFIDENT:
            self._regret = LateRegret(gate, rung.said.tokens)
        return step

    async def _hold(self, rung: Rung) -> None:
        gate = self.run.gate
        if not await rung.begun(gate.first_chunk_within_ms * MILLISECOND if gate is not None else None):
            raise LateError
        if gate is not None and self._judges not in {"nothing", "off"}:
            await rung.hold(_enough_for(gate), _hold_seconds(gate))

    @property
    def _judges(self) -> str:
        """How this rung is judged: ``prefix``, ``full``, ``off``, or ``nothing`` where the run does not judge it."""
        gate = self.run.gate
        return "nothing" if gate is None or not self.run.judges(self.run.rung) else gate.stream.judge


def _enough_for(gate: Gate) -> Callable[[Said], bool]:
    if gate.stream.judge == "full":
        return lambda _: False
    return lambda said: said.outputs >= gate.stream.tokens


def _hold_seconds(gate: Gate) -> float:
    within_ms = gate.whole_within_ms if gate.stream.judge == "full" else gate.stream.within_ms
    return within_ms * MILLISECOND
