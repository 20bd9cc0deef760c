"""What a request asks of whoever answers it: which options keep to it, and what gives way when none does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.strict import Strict
from litellm_cascade.vocabulary import Constraints, Estimate

Limit = Literal["latency", "cost", "quality"]
RELAXED: tuple[Limit, ...] = ("latency", "cost", "quality")
"""What gives way first, unless the policy says otherwise: a late answer is better than an expensive one, and that than a wrong one."""


class ConstraintRule(Strict):
    """What to do when nothing keeps to all that a request asks."""

    relax: Annotated[tuple[Limit, ...], Field(strict=False)] = Field(
        default=RELAXED, description="All three limits, beginning with the one that gives way first."
    )

    @field_validator("relax")
    @classmethod
    def _each_once(cls, relax: tuple[Limit, ...]) -> tuple[Limit, ...]:
        if sorted(relax) != sorted(RELAXED):
            raise PydanticCustomError("not_all_limits", "must name latency, cost and quality, each once")
        return relax


_LIMITS: Mapping[Limit, Callable[[Constraints], float | None]] = {
    "latency": lambda asked: asked.max_latency_ms,
    "cost": lambda asked: asked.max_cost_usd,
    "quality": lambda asked: asked.min_quality,
}
_KEEPS: Mapping[Limit, Callable[[Estimate, float], bool]] = {
    "latency": lambda it, limit: it.latency_ms is not None and it.latency_ms <= limit,
    "cost": lambda it, limit: it.cost_usd is not None and it.cost_usd <= limit,
    "quality": lambda it, limit: it.quality is not None and it.quality >= limit,
}
"""What nobody knows keeps to no limit."""


def asked_of(constraints: Constraints, relax: Sequence[Limit]) -> tuple[tuple[Limit, float], ...]:
    """The limits of a request, beginning with the one that gives way first."""
    limits = ((name, _LIMITS[name](constraints)) for name in relax)
    return tuple((name, limit) for name, limit in limits if limit is not None)


def admitted(options: Sequence[Estimate | None], asked: Sequence[tuple[Limit, float]]) -> tuple[list[int], tuple[Limit, ...]]:
    """The places of the options that keep to what is asked, and the limits that had to give way for there to be one.

    Counts upwards in binary over the limits: a later one gives way only when giving up all earlier ones does not help. An option that is
    None is asked elsewhere, and admitted here.
    """
    tried = ((given_up, _fitting(options, asked, given_up)) for given_up in range(2 ** len(asked)))
    given_up, fitting = next((given_up, fitting) for given_up, fitting in tried if fitting)  # at the latest when all gave way
    return fitting, tuple(name for place, (name, _) in enumerate(asked) if given_up >> place & 1)


def _fitting(options: Sequence[Estimate | None], asked: Sequence[tuple[Limit, float]], given_up: int) -> list[int]:
    kept = [limit for place, limit in enumerate(asked) if not given_up >> place & 1]
    return [place for place, option in enumerate(options) if option is None or _keeps_to(option, kept)]


def _keeps_to(option: Estimate, kept: Sequence[tuple[Limit, float]]) -> bool:
    return all(_KEEPS[name](option, limit) for name, limit in kept)
