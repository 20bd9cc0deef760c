"""``cascade: [rungs]``: try the cheaper model, judge its answer at a gate, go on when it is not good enough."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.routes.base import RouteBase
from litellm_cascade.policy.strict import Label


class CascadeRoute(RouteBase):
    """Ask the rungs in order until one's answer passes the gate; the last one's is served whatever it is."""

    action: ClassVar[str] = "cascade"

    cascade: Annotated[tuple[Label, ...], Field(strict=False, min_length=2)] = Field(description="Aliases, cheapest first.")
    gate: Label = Field(description="What an answer must pass to be served; a key of gates.")

    @field_validator("cascade")
    @classmethod
    def _each_rung_once(cls, rungs: tuple[str, ...]) -> tuple[str, ...]:
        repeated = next((alias for alias in rungs if rungs.count(alias) > 1), None)
        if repeated is not None:
            raise PydanticCustomError("repeated_rung", "asks {alias} twice; keep one", {"alias": repr(repeated)})
        return rungs

    @property
    def ladder(self) -> tuple[str, ...]:
        """The aliases this route may ask, in order."""
        return self.cascade
