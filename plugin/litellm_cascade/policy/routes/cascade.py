"""``cascade: [rungs]``: try the cheaper model, judge its answer at a gate, go on when it is not good enough."""

from __future__ import annotations

from typing import ClassVar

from litellm_cascade.policy.options import Chooser, InOrder, Kit, Option
from litellm_cascade.policy.routes.base import RouteBase
from litellm_cascade.policy.targets import Ladder, option_of


class CascadeRoute(Ladder, RouteBase):
    """Ask the rungs in order until one's answer passes the gate; the last one's is served whatever it is.

    When a request's constraints leave no room for the whole ladder, its last rung answers alone, or the one before it, and so on.
    """

    action: ClassVar[str] = "cascade"

    def chooser(self, kit: Kit) -> Chooser:
        """Ready to run."""
        alone = (Option(ladder=(alias,)) for alias in reversed(self.cascade))
        return InOrder(options=(option_of(self, kit), *alone))
