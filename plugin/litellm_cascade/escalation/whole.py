"""A cascade over whole answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from litellm_cascade.escalation.consulting import Consultant, settle_consults
from litellm_cascade.escalation.deadline import MILLISECOND, within
from litellm_cascade.escalation.run import Ask, CascadeRun, Fail, Step
from litellm_cascade.vocabulary import Completion


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rung said, and the edge's own ``payload`` that will be handed on."""

    payload: Any
    completion: Completion


class WholeUpstream(Consultant, Protocol):
    """What the edge provides."""

    async def ask(self, rung: int, alias: str) -> Answer: ...
    def ended(self, rung: int) -> None:
        """The rung's call is over; called once for each rung that was asked, also when it failed."""


async def settle_whole(run: CascadeRun, upstream: WholeUpstream) -> Any:
    """Ask rungs until one is served, and return its payload. Raises what the last rung raised when none answered."""
    answers: dict[int, Answer] = {}
    step: Step = run.start()
    while isinstance(step, Ask):
        step = await _ask(run, step, upstream, answers)
    if isinstance(step, Fail):
        raise step.error
    return answers[step.rung].payload


async def _ask(run: CascadeRun, step: Ask, upstream: WholeUpstream, answers: dict[int, Answer]) -> Step:
    within_s = run.gate.whole_within_ms * MILLISECOND if run.gate is not None else None
    try:
        answer = answers[step.rung] = await within(within_s, upstream.ask(step.rung, step.alias))
        return await settle_consults(run, run.answered(answer.completion), upstream)
    except Exception as error:  # noqa: BLE001 - whatever a provider raises is the run's to judge
        return run.failed(error)
    finally:
        upstream.ended(step.rung)
