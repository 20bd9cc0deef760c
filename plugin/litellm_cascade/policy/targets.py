"""Where a choice may lead: an alias, a cascade, or another route."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.options import Kit, Option
from litellm_cascade.policy.strict import Label, Strict


def each_once(aliases: tuple[str, ...]) -> tuple[str, ...]:
    """The aliases themselves, none of which is there twice."""
    repeated = next((alias for alias in aliases if aliases.count(alias) > 1), None)
    if repeated is not None:
        raise PydanticCustomError("repeated_alias", "asks {alias} twice; keep one", {"alias": repr(repeated)})
    return aliases


class Ladder(Strict):
    """Rungs and the gate between them."""

    cascade: Annotated[tuple[Label, ...], Field(strict=False, min_length=2)] = Field(description="Aliases, cheapest first.")
    gate: Label = Field(description="What an answer must pass to be served; a key of gates.")
    hedge: bool = Field(
        default=False, description="Start the next rung with each that is judged; the one that is not needed is cancelled and billed."
    )
    carry_over: bool = Field(
        default=False, description="Hand a whole draft that was turned down to the next rung to improve; not together with hedge."
    )

    @field_validator("cascade")
    @classmethod
    def _each_rung_once(cls, rungs: tuple[str, ...]) -> tuple[str, ...]:
        return each_once(rungs)

    @field_validator("carry_over")
    @classmethod
    def _not_before_there_is_a_draft(cls, carry_over: bool, given: ValidationInfo) -> bool:
        if carry_over and given.data.get("hedge"):
            raise PydanticCustomError(
                "hedge_without_draft", "a hedge starts the next rung before there is a draft to carry over; keep one of the two"
            )
        return carry_over


class Detour(Strict):
    """Another route decides; its condition is not asked."""

    route: Label = Field(description="The name of a later route.")


def _kind(target: Any) -> str | None:
    if isinstance(target, (str, Ladder, Detour)):
        return "alias" if isinstance(target, str) else "cascade" if isinstance(target, Ladder) else "route"
    present = [key for key in ("cascade", "route") if isinstance(target, dict) and key in target]
    return present[0] if len(present) == 1 else None


Target = Annotated[
    Annotated[Label, Tag("alias")] | Annotated[Ladder, Tag("cascade")] | Annotated[Detour, Tag("route")],
    Discriminator(_kind),
]


def option_of(target: str | Ladder | Detour, kit: Kit) -> Option:
    """A target made ready."""
    if isinstance(target, str):
        return Option(ladder=(target,))
    if isinstance(target, Detour):
        return Option(route=target.route)
    return Option(ladder=target.cascade, gate=kit.gates[target.gate], hedge=target.hedge, carry_over=target.carry_over)
