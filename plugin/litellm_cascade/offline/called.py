"""How a command was called: the line that gives its numbers again, and the key that it may use."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import typer

from litellm_cascade.errors import ConfigurationError

WRITTEN = frozenset({"json_", "as_json_", "html"})
"""Parameters that name what is written beside the answer: they change no number."""
PLACES = frozenset({"traces", "against", "policy", "old", "new", "model"})
"""Parameters that may hold a path as text."""


def command_of(context: typer.Context, leaving_out: Collection[str] = ()) -> str:
    """As it was called; of paths the last part alone, as folders are nobody's business."""
    words = ["cascade", *_names(context)]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if parameter.name in WRITTEN or parameter.name in leaving_out or value in (None, parameter.default, [], ()):
            continue
        for one in value if isinstance(value, (list, tuple)) else [value]:
            said = without_place(one) if isinstance(one, Path) or parameter.name in PLACES else _written(one)
            if isinstance(one, bool):
                words += (parameter.opts if one else parameter.secondary_opts)[:1]
            else:
                words += [said] if parameter.param_type_name == "argument" else [parameter.opts[0], said]
    return shlex.join(words)


def _written(value: object) -> str:
    """As it can be given again."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def without_place(value: object) -> str:
    """A path without its folders. What is none, such as a hub's id of a model, as it is."""
    text = str(value)
    return Path(text).name if isinstance(value, Path) or Path(text).exists() else text


def key_in(variable: str) -> str:
    """The key of a proxy. Raises ConfigurationError where the environment variable holds none."""
    key = os.environ.get(variable)
    if not key:
        raise ConfigurationError(
            [f"the environment variable {variable} is empty; put the proxy's key there, or name another with --key-env"]
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError([f"the environment variable {variable} has characters that no key has; put the proxy's key there"])
    return key


def proxy_at(url: str) -> httpx.URL:
    """Where a proxy is, with or without the ``/v1`` that its clients write. Ends the command where that is no URL."""
    try:
        return httpx.URL(url.removesuffix("/").removesuffix("/v1"))
    except httpx.InvalidURL as error:
        raise typer.BadParameter(f"{url!r} is no URL ({error})", param_hint="--url") from None


def _names(context: Any) -> list[str]:
    """Of the command, and of the groups it is in."""
    return [*_names(context.parent), str(context.info_name)] if context.parent is not None else []
