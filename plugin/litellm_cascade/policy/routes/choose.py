"""``choose: {strategy: ...}``: a strategy chooses among candidates, request by request."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from litellm_cascade.policy.options import Chooser, Kit
from litellm_cascade.policy.routes.base import RouteBase
from litellm_cascade.policy.strategies import Strategy


class ChooseRoute(RouteBase):
    """Let a strategy choose."""

    action: ClassVar[str] = "choose"

    choose: Strategy = Field(description="How to choose, and among what.")

    def chooser(self, kit: Kit) -> Chooser:
        """Ready to run."""
        return self.choose.chooser(kit)
