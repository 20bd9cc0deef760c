"""The ``overrides:`` section: what clients may ask for themselves, by header or metadata, and which of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, field_validator

from litellm_cascade.policy.conditions import EVALUATION_ERRORS, LONGEST, Condition, context_of
from litellm_cascade.policy.strict import Strict
from litellm_cascade.vocabulary import Evidence, Overrides

OverrideName = Literal["max_cost_usd", "max_latency_ms", "min_quality", "alias", "band"]
LIMITS: tuple[OverrideName, ...] = ("max_cost_usd", "max_latency_ms", "min_quality")
CHOICES: tuple[OverrideName, ...] = ("alias", "band")
"""What takes the choice out of the policy's hands. The first counts when a client asks for both."""
ROOTS = ("caller", "request")
"""What may say whether a caller may: who asks and where, not what."""


class OverrideRule(Strict):
    """What clients may ask for themselves, and which of them. Whatever else they ask is ignored."""

    allow: Annotated[tuple[OverrideName, ...], Field(strict=False)] = Field(
        default=(), description="max_cost_usd, max_latency_ms, min_quality; alias: one of the pool; band: small, cascade or large."
    )
    when: str | None = Field(
        default=None,
        json_schema_extra={"maxLength": LONGEST},
        description="A condition in CEL over caller. and request.: who may; leave it out for everybody.",
    )

    @field_validator("allow")
    @classmethod
    def _in_one_order(cls, allow: tuple[OverrideName, ...]) -> tuple[OverrideName, ...]:
        return tuple(sorted(set(allow)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The rule, ready to be asked. ``condition`` is None where everybody may."""

    allow: tuple[OverrideName, ...] = ()
    condition: Condition | None = None

    def heed(self, evidence: Evidence) -> Evidence:
        """The evidence with the limits that the client may set among its constraints, and without what it may not ask."""
        asked = [name for name in (*LIMITS, *CHOICES) if getattr(evidence.overrides, name) is not None]
        if not asked:
            return evidence
        allowed = self.allow if self._admits(evidence) else ()
        refused = tuple(name for name in asked if name not in allowed)
        limits = {name: getattr(evidence.overrides, name) for name in LIMITS if name in asked and name in allowed}
        return replace(
            evidence,
            constraints=replace(evidence.constraints, **limits),
            overrides=replace(evidence.overrides, **dict.fromkeys(refused), ignored=(*evidence.overrides.ignored, *refused)),
        )

    def _admits(self, evidence: Evidence) -> bool:
        """A condition that fails admits nobody."""
        if self.condition is None:
            return True
        try:
            return self.condition.holds(context_of(evidence, self.condition.names)) is True
        except EVALUATION_ERRORS:
            return False


def in_vain(heeded: Overrides, taken: str | None) -> tuple[str, ...]:
    """The names of all that the client asked in vain, when ``taken`` is the choice of its that was followed."""
    return (*heeded.ignored, *(name for name in CHOICES if name != taken and getattr(heeded, name) is not None))


def override_reasons(heeded: Overrides, ignored: tuple[str, ...]) -> tuple[str, ...]:
    """What the decision says of the client's wishes."""
    limits = (f"override:{name}" for name in LIMITS if getattr(heeded, name) is not None)
    return (*limits, *(f"override_ignored:{name}" for name in ignored))
