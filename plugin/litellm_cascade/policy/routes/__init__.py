"""What a route may do. One action, one file, one line here.

An action is named by the key that only its routes have: ``send``, ``cascade``, ``ensemble`` or
``choose``. To add one: write its file and add it to
``Route``.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from litellm_cascade.policy.routes.cascade import CascadeRoute
from litellm_cascade.policy.routes.choose import ChooseRoute
from litellm_cascade.policy.routes.ensemble import EnsembleRoute
from litellm_cascade.policy.routes.send import SendRoute

ROUTES: dict[str, type[SendRoute | CascadeRoute | EnsembleRoute | ChooseRoute]] = {
    route.action: route for route in (SendRoute, CascadeRoute, EnsembleRoute, ChooseRoute)
}
ACTIONS = tuple(ROUTES)


def _action(route: Any) -> str | None:
    """The one action of a route; None when it has none or several, which pydantic then reports."""
    if not isinstance(route, dict):
        return str(route.action) if hasattr(route, "action") else None
    present = [action for action in ACTIONS if action in route]
    return present[0] if len(present) == 1 else None


Route = Annotated[
    Annotated[SendRoute, Tag("send")]
    | Annotated[CascadeRoute, Tag("cascade")]
    | Annotated[EnsembleRoute, Tag("ensemble")]
    | Annotated[ChooseRoute, Tag("choose")],
    Discriminator(_action),
]
