"""``strategy: split``: shares of the traffic, the same caller always in the same arm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from math import isclose
from typing import ClassVar, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.options import Choice, Chooser, Kit, Option, Situation, narrow
from litellm_cascade.policy.strategies.base import Place, StrategyBase
from litellm_cascade.policy.strict import Label, Strict
from litellm_cascade.policy.targets import Target, option_of
from litellm_cascade.vocabulary import Evidence, Step

Who = Literal["key", "user", "end_user", "team", "request"]
_IDENTITIES: Mapping[Who, Callable[[Evidence], str | None]] = {
    "key": lambda evidence: evidence.caller.key_hash or evidence.caller.key_alias,
    "user": lambda evidence: evidence.caller.user,
    "end_user": lambda evidence: evidence.caller.end_user,
    "team": lambda evidence: evidence.caller.team,
    "request": lambda evidence: evidence.envelope.request_id,
}
_ROUNDING = 1e-9


class Arm(Strict):
    """One side of an experiment."""

    take: Target = Field(description="An alias, a cascade or a later route.")
    share: float = Field(gt=0, lt=1, description="Its share of the callers; all shares add up to 1.")


class Split(StrategyBase):
    """An experiment: who is in which arm depends on nothing but the seed, the route's name and the caller."""

    targets: ClassVar[tuple[Place, ...]] = (("arms", "*", "take"),)

    strategy: Literal["split"] = Field(description="Shares of the traffic.")
    arms: dict[Label, Arm] = Field(min_length=2, description="The arms, by name.")
    by: Who = Field(default="key", description="What stays in one arm; a request stands for itself where that is not known.")
    seed: int = Field(default=0, description="Another seed deals the callers anew.")

    @field_validator("arms")
    @classmethod
    def _everybody_is_in_one(cls, arms: dict[str, Arm]) -> dict[str, Arm]:
        total = sum(arm.share for arm in arms.values())
        if not isclose(total, 1.0, abs_tol=_ROUNDING):
            raise PydanticCustomError("shares", "the shares add up to {total}; make them add up to 1", {"total": f"{total:g}"})
        return arms

    def chooser(self, kit: Kit) -> Chooser:
        """Ready to run. The order in which the arms are written does not matter."""
        arms = sorted(self.arms.items())
        return _ByHash(
            options=tuple(option_of(arm.take, kit) for _, arm in arms),
            names=tuple(name for name, _ in arms),
            shares=tuple(arm.share for _, arm in arms),
            by=self.by,
            salt=f"{self.seed}:{kit.route}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ByHash:
    options: tuple[Option, ...]
    names: tuple[str, ...]
    shares: tuple[float, ...]
    by: Who
    salt: str

    def choose(self, situation: Situation) -> Choice:
        """The arm in whose share the caller's hash falls, among those that the request's constraints leave."""
        narrowed = narrow(self.options, situation)
        total = sum(self.shares[place] for place in narrowed.places)
        bounds = accumulate(self.shares[place] / total for place in narrowed.places)
        drawn, identified = self._draw(situation.evidence)
        place = next((place for place, bound in zip(narrowed.places, bounds, strict=True) if drawn < bound), narrowed.places[-1])
        return Choice(
            option=self.options[place],
            propensity=self.shares[place] / total,
            reasons=(f"split:{self.names[place]}",),
            steps=(*narrowed.steps, Step(name="split", outcome=self.names[place], detail=f"by {identified}")),
            degraded=narrowed.degraded,
        )

    def _draw(self, evidence: Evidence) -> tuple[float, str]:
        """A number from 0 up to 1 that is the same for the same caller, and what identified them."""
        identity = _IDENTITIES[self.by](evidence)
        identified = self.by if identity else "request"
        text = f"{self.salt}:{identified}:{identity or evidence.envelope.request_id}"
        return int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:6], "big") / 2**48, identified
