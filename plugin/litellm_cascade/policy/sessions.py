"""The ``sessions:`` section: a conversation that one alias has answered stays with it; and a tool's result goes to whoever asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, field_validator

from litellm_cascade.policy.options import Choice, Option, Situation, narrow
from litellm_cascade.policy.pool import TIERS, ModelCard
from litellm_cascade.policy.strict import Strict
from litellm_cascade.vocabulary import Session, Step

Mark = Literal["id", "beginning"]


class SessionRule(Strict):
    """Whether later turns of a conversation start at the alias that answered the one before."""

    stick: Literal["never", "alias", "band"] = Field(
        default="never",
        description="alias: no later turn starts below the alias that answered; band: only the largest is kept; never: each turn is new.",
    )
    minutes: float = Field(default=30.0, gt=0, le=1440, description="Minutes after its last answer for which a conversation is remembered.")
    by: Annotated[tuple[Mark, ...], Field(strict=False, min_length=1)] = Field(
        default=("beginning", "id"),
        description="How a conversation is known again: by the client's id for it; else by system prompt and first message.",
    )

    @field_validator("by")
    @classmethod
    def _in_one_order(cls, by: tuple[Mark, ...]) -> tuple[Mark, ...]:
        return tuple(sorted(set(by)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stickiness:
    """The rule, ready to be applied. ``tiers`` numbers the tier of each alias that may be asked, the cheapest 0."""

    stick: str
    tiers: Mapping[str, int]
    largest: str

    @classmethod
    def of(cls, rule: SessionRule, pool: Mapping[str, ModelCard], largest: str) -> Stickiness:
        """The rule for the aliases that may be asked."""
        return cls(stick=rule.stick, tiers={alias: TIERS.index(card.tier) for alias, card in pool.items()}, largest=largest)

    def bound(self, choice: Choice, situation: Situation) -> Choice | None:
        """The choice for what one alias alone can go on with; None where nothing is bound.

        A tool's result whose call nobody remembers goes where it is not judged: to the last rung, for a judged answer might be replaced
        by another model's, which never made the call.
        """
        session, is_result = situation.evidence.session, situation.evidence.signals.continues_tool_call
        if session.bound_to in self.tiers:
            why = "tool_call" if is_result else "earlier_response"
            return _moved(choice, Option(ladder=(str(session.bound_to),)), f"session:{why}")
        if is_result and len(choice.option.ladder) > 1:
            return _moved(choice, Option(ladder=choice.option.ladder[-1:]), "session:unknown_tool_call")
        return None

    def kept(self, choice: Choice, situation: Situation) -> Choice:
        """The choice without the rungs below the alias that answered the turn before; that alias itself where none is left."""
        alias = self._to_keep(situation)
        option = None if alias is None else self._from(alias, choice.option)
        if alias is None or option is None or narrow((option, choice.option), situation).places[0] != 0:
            return choice
        return _moved(choice, option, f"session:{self.stick}")

    def _to_keep(self, situation: Situation) -> str | None:
        alias = situation.evidence.session.alias
        if alias not in self.tiers or alias in situation.unfit or self.stick == "never":
            return None
        return None if self.stick == "band" and alias != self.largest else alias

    def _from(self, alias: str, option: Option) -> Option | None:
        """None where nothing changes."""
        ladder = option.ladder
        if alias in ladder:
            left = ladder[ladder.index(alias) :]
        else:
            left = tuple(rung for rung in ladder if self.tiers[rung] >= self.tiers[alias]) or (alias,)
        return None if left == ladder else Option(ladder=left, gate=option.gate if len(left) > 1 else None)


def _moved(choice: Choice, option: Option, reason: str) -> Choice:
    step = Step(name="session", outcome=reason.partition(":")[2], detail=option.label)
    return replace(choice, option=option, reasons=(*choice.reasons, reason), steps=(*choice.steps, step))


SESSION_NAMES = frozenset(f"session.{name}" for name in Session.__dataclass_fields__)
"""What a condition may read of a conversation."""
