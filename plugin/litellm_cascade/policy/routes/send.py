"""``send: alias``: one model answers alone."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from litellm_cascade.policy.routes.base import RouteBase
from litellm_cascade.policy.strict import Label


class SendRoute(RouteBase):
    """Send the request to one alias."""

    action: ClassVar[str] = "send"
    gate: ClassVar[None] = None

    send: Label = Field(description="The alias that answers; a key of models.")

    @property
    def ladder(self) -> tuple[str, ...]:
        """The aliases this route may ask, in order."""
        return (self.send,)
