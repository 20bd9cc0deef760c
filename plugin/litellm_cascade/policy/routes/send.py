"""``send: alias``: one model answers alone."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from litellm_cascade.policy.options import Chooser, InOrder, Kit, Option
from litellm_cascade.policy.routes.base import RouteBase
from litellm_cascade.policy.strict import Label


class SendRoute(RouteBase):
    """Send the request to one alias."""

    action: ClassVar[str] = "send"

    send: Label = Field(description="The alias that answers; a key of models.")

    def chooser(self, kit: Kit) -> Chooser:
        """Ready to run."""
        del kit
        return InOrder(options=(Option(ladder=(self.send,)),))
