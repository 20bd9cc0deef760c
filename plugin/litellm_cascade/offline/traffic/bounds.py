"""``--fail-if``: ``quality<-0.01``, ``cost>0.05``, ``psi>0.2``. No evaluation of anything else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

import typer

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.traffic.planning import Change, Delta

METRICS = ("quality", "cost", "escalation")
"""Of a plan."""
_FORM = re.compile(r"\s*([a-z]+)\s*([<>])\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A change over all requests that is not to be. ``written`` as the operator wrote it."""

    metric: str
    above: bool
    number: float
    written: str

    def is_broken_by(self, change: Change) -> bool:
        """Whether the estimate, not its interval, lies beyond the number. Raises ConfigurationError where nothing is known of it."""
        delta: Delta | None = getattr(change, self.metric)
        if delta is None:
            remedy = {"cost": "`price`", "quality": "`quality`", "escalation": "`quality`"}[self.metric]
            raise ConfigurationError(
                [f"--fail-if {self.written!r}: the {self.metric} of no request is known under both policies; add {remedy} to their models"]
            )
        return self.is_broken_by_value(delta.value)

    def is_broken_by_value(self, value: float) -> bool:
        """Whether a number lies beyond this one."""
        return value > self.number if self.above else value < self.number


def bounds_of(written: Sequence[str], metrics: Sequence[str] = METRICS, signs: str = "<>", like: str = "quality<-0.01") -> list[Bound]:
    """What the operator wrote, and ``like`` what it is to be. Raises BadParameter in one sentence."""
    return [_bound(one, metrics, signs, like) for one in written]


def end_if(broken: Iterable[Bound]) -> None:
    """Says which conditions hold, and ends the command with code 1 where there is one."""
    held = [bound.written for bound in broken]
    for written in held:
        typer.echo(f"--fail-if {written!r} holds", err=True)
    if held:
        raise typer.Exit(1)


def _bound(written: str, metrics: Sequence[str], signs: str, like: str) -> Bound:
    match = _FORM.fullmatch(written)
    if match is None or match[1] not in metrics or match[2] not in signs or not isfinite(float(match[3])):
        raise typer.BadParameter(
            f"{written!r} is no condition; write {', '.join(metrics[:-1])} or {metrics[-1]}, {' or '.join(signs)}, and a number: '{like}'",
            param_hint="--fail-if",
        )
    return Bound(metric=match[1], above=match[2] == ">", number=float(match[3]), written=written.strip())
