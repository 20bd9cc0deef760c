"""Asking a rung's model again how sure it is: whatever goes wrong with that costs the score, never the answer."""

from __future__ import annotations

from typing import Protocol

from litellm_cascade.escalation.deadline import MILLISECOND, within
from litellm_cascade.escalation.record import Consult
from litellm_cascade.escalation.run import CascadeRun, Step


class Consultant(Protocol):
    """What the edge provides."""

    async def consult(self, asked: Consult) -> float | None:
        """How sure the model is of its answer, 0..1; None when its replies do not tell."""


async def settle_consults(run: CascadeRun, step: Consult | Step, consultant: Consultant) -> Step:
    """Do what the run says until it asks for something else."""
    while isinstance(step, Consult):
        try:
            score = await within(step.gate.consulting.within_ms * MILLISECOND, consultant.consult(step))
        except Exception as error:  # noqa: BLE001 - whatever a provider raises: the gate says what an unknown confidence comes to
            step = run.consulted(None, error)
        else:
            step = run.consulted(score)
    return step
