"""Options of a classifier as they are written on a command line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import typer
import yaml

from litellm_cascade.errors import ConfigurationError

MODEL_NAME: Final = re.compile(r"[^\W_][\w.-]*", re.ASCII)


def read_pairs(written: Iterable[str]) -> dict[str, Any]:
    """``NAME=VALUE`` each, with values as in YAML: numbers are numbers. Raises ``ConfigurationError``."""
    pairs = [pair.partition("=") for pair in written]
    wrong = [f"--option {name!r}: write NAME=VALUE" for name, equals, _ in pairs if not (name and equals)]
    if wrong:
        raise ConfigurationError(wrong)
    return {name: _value(value) for name, _, value in pairs}


def model_name(written: str) -> str:
    """A name that a URL and a folder can have as it is. Raises ``typer.BadParameter``."""
    if not MODEL_NAME.fullmatch(written):
        raise typer.BadParameter(f"{written!r}: a name has letters, digits, _, . and -, and begins with a letter or a digit")
    return written


def _value(written: str) -> Any:
    try:
        return yaml.safe_load(written)
    except yaml.YAMLError:  # then it is just a text
        return written
