"""Options of a classifier as they are written on a command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from litellm_cascade.errors import ConfigurationError


def read_pairs(written: Iterable[str]) -> dict[str, Any]:
    """``NAME=VALUE`` each, with values as in YAML: numbers are numbers. Raises ``ConfigurationError``."""
    pairs = [pair.partition("=") for pair in written]
    wrong = [f"--option {name!r}: write NAME=VALUE" for name, equals, _ in pairs if not (name and equals)]
    if wrong:
        raise ConfigurationError(wrong)
    return {name: _value(value) for name, _, value in pairs}


def _value(written: str) -> Any:
    try:
        return yaml.safe_load(written)
    except yaml.YAMLError:  # then it is just a text
        return written
