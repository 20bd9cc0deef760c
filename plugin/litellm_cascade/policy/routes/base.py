"""What every route has."""

from __future__ import annotations

from pydantic import Field

from litellm_cascade.policy.conditions import LONGEST
from litellm_cascade.policy.strict import Label, Strict


class RouteBase(Strict):
    """A named line of the policy; ``when`` is a condition in CEL, and without one the route takes whatever reaches it."""

    name: Label = Field(description="How this route is called in traces, headers and records.")
    when: str | None = Field(
        default=None,
        json_schema_extra={"maxLength": LONGEST},
        description="A condition in CEL over signals., classification., caller. and request.; leave it out to take every request.",
    )
    stick: bool | None = Field(
        default=None, description="Whether `sessions` counts here. Left out: not for `send`, which is the operator's word; for all else."
    )
