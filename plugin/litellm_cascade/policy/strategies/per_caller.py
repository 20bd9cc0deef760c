"""``strategy: per_caller``: who asks decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from litellm_cascade.policy.options import Choice, Chooser, Kit, Option, Situation, narrow
from litellm_cascade.policy.strategies.base import Place, StrategyBase
from litellm_cascade.policy.strict import Label
from litellm_cascade.policy.targets import Target, option_of
from litellm_cascade.vocabulary import Caller, Step

Attribute = Literal["key_alias", "team", "user", "end_user", "tier", "tag"]
_ATTRIBUTES: Mapping[Attribute, Callable[[Caller], tuple[str | None, ...]]] = {
    "key_alias": lambda caller: (caller.key_alias,),
    "team": lambda caller: (caller.team,),
    "user": lambda caller: (caller.user,),
    "end_user": lambda caller: (caller.end_user,),
    "tier": lambda caller: (caller.tier,),
    "tag": lambda caller: caller.tags,
}


class PerCaller(StrategyBase):
    """A table of callers. Of several tags the first that stands in it counts."""

    targets: ClassVar[tuple[Place, ...]] = (("map", "*"), ("default",))

    strategy: Literal["per_caller"] = Field(description="A table of callers.")
    by: Attribute = Field(description="What the table lists.")
    map: dict[Label, Target] = Field(min_length=1, description="Who gets what: an alias, a cascade or a later route.")
    default: Target = Field(description="What everybody else gets.")

    def chooser(self, kit: Kit) -> Chooser:
        """Ready to run."""
        table = {who: option_of(target, kit) for who, target in self.map.items()}
        return _ByTable(by=self.by, table=table, default=option_of(self.default, kit))


@dataclass(frozen=True, slots=True, kw_only=True)
class _ByTable:
    by: Attribute
    table: Mapping[str, Option]
    default: Option

    @property
    def options(self) -> tuple[Option, ...]:
        return (*(self.table[who] for who in sorted(self.table)), self.default)

    def choose(self, situation: Situation) -> Choice:
        """What the table says; when that does not keep to the request's constraints, they give way."""
        found = next((who for who in _ATTRIBUTES[self.by](situation.evidence.caller) if who in self.table), None)
        option = self.default if found is None else self.table[found]
        narrowed = narrow((option,), situation)
        return Choice(
            option=option,
            reasons=(f"per_caller:{self.by}={'others' if found is None else found}",),
            steps=(*narrowed.steps, Step(name="per_caller", outcome=option.label, detail="default" if found is None else found)),
            degraded=narrowed.degraded,
        )
