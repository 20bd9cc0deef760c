"""Routes in words, for `cascade docs`."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getdoc
from typing import Any

import yaml

from litellm_cascade.offline.wording import ensemble_sentence, ladder_sentence
from litellm_cascade.policy.routes import Route
from litellm_cascade.policy.routes.cascade import CascadeRoute
from litellm_cascade.policy.routes.choose import ChooseRoute
from litellm_cascade.policy.routes.ensemble import EnsembleRoute
from litellm_cascade.policy.routes.send import SendRoute


def route_paragraphs(place: int, route: Route) -> Iterator[str]:
    """A route with its condition, in Markdown."""
    yield f"### {place}. {route.name}"
    if route.when is None:
        yield "Without a condition: it takes every request that reaches it."
    else:
        yield "When"
        yield f"```cel\n{route.when.strip()}\n```"
    yield from _action(route)


def _action(route: Route) -> Iterator[str]:
    if isinstance(route, SendRoute):
        yield f"`{route.send}` answers alone, unjudged."
    elif isinstance(route, CascadeRoute):
        yield ladder_sentence(route)
    elif isinstance(route, EnsembleRoute):
        yield ensemble_sentence([f"`{alias}`" for alias in route.ensemble.of], route.ensemble.by, f"`{route.ensemble.judge}`")
    elif isinstance(route, ChooseRoute):
        brief = type(route.choose).model_fields["strategy"].description
        yield f"The strategy `{route.choose.strategy}` chooses: {brief} {_meaning(route.choose)}"
        yield fenced(route.choose.model_dump(mode="json"))
    else:  # an action that has no words yet: as it describes itself, and as it is written
        yield _meaning(route)
        yield fenced(route.model_dump(mode="json", exclude={"name", "when"}))


def fenced(written: dict[str, Any]) -> str:
    """YAML in Markdown, with every default written out."""
    return f"```yaml\n{yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=120).rstrip()}\n```"


def _meaning(written: object) -> str:
    return (getdoc(written) or "").partition("\n\n")[0].replace("\n", " ")
