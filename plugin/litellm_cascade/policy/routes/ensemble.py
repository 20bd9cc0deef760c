"""``ensemble: {of: [aliases], by: vote}``: several models answer at once, and one of the answers is picked."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.options import Chooser, InOrder, Kit, Option
from litellm_cascade.policy.routes.base import RouteBase
from litellm_cascade.policy.strict import Label, Strict
from litellm_cascade.policy.targets import each_once
from litellm_cascade.vocabulary import Ensemble


class EnsembleRule(Strict):
    """Who answers, and how one of the answers is picked."""

    of: Annotated[tuple[Label, ...], Field(strict=False, min_length=2)] = Field(description="Aliases; in doubt the first one counts.")
    by: Literal["vote", "longest", "judge"] = Field(
        description="The answer that most of them gave, the longest one, or the one that another alias prefers."
    )
    judge: Label | None = Field(default=None, validate_default=True, description="The alias that picks one, with by: judge.")
    within_ms: float = Field(default=120_000.0, gt=0, description="Milliseconds for the answers; who is late does not count.")
    judge_within_ms: float = Field(default=10_000.0, gt=0, description="Milliseconds for the judge; without it the first answer counts.")

    @field_validator("of")
    @classmethod
    def _each_once(cls, aliases: tuple[str, ...]) -> tuple[str, ...]:
        return each_once(aliases)

    @field_validator("judge")
    @classmethod
    def _where_there_is_something_to_judge(cls, judge: str | None, given: ValidationInfo) -> str | None:
        by = given.data.get("by")
        if by == "judge" and judge is None:
            raise PydanticCustomError("judge_missing", "by: judge needs an alias that judges; write e.g. judge: large")
        if by in {"vote", "longest"} and judge is not None:
            raise PydanticCustomError("judge_idle", "nobody is asked to judge with by: {by}; remove judge, or write by: judge", {"by": by})
        return judge


class EnsembleRoute(RouteBase):
    """Ask all members at once and serve one of their answers.

    When a request's constraints leave no room for all of them, the first one answers alone, or the second one, and so on.
    """

    action: ClassVar[str] = "ensemble"

    ensemble: EnsembleRule = Field(description="Who answers, and how one of the answers is picked.")

    def chooser(self, kit: Kit) -> Chooser:
        """Ready to run."""
        del kit
        rule = self.ensemble
        picking = Ensemble(by=rule.by, judge=rule.judge, within_ms=rule.within_ms, judge_within_ms=rule.judge_within_ms)
        alone = (Option(ladder=(alias,)) for alias in rule.of)
        return InOrder(options=(Option(ladder=rule.of, ensemble=picking), *alone))
