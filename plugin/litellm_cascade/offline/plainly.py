"""Values of the vocabulary, whatever fields it has today: as a line of text, or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from litellm_cascade.vocabulary import Calibration

MOST = 3
"""Entries of a mapping that one line shows, the largest first."""


def shown(value: Any) -> str:
    """A value on one line; what is not known is ``unknown``."""
    if value is None or isinstance(value, bool):
        return {None: "unknown", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if is_dataclass(value):
        return ", ".join(f"{field.name} {shown(getattr(value, field.name))}" for field in fields(value))
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, (tuple, list, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return ", ".join(shown(item) for item in items) or "none"
    return _printable(str(value.value if isinstance(value, Enum) else value)) or "none"


def as_json(value: Any) -> Any:
    """The same with JSON's types; nothing is left out but the curves of calibrations, which their ids stand for."""
    if isinstance(value, Calibration):
        return value.id
    if is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(as_json(item) for item in value)
    if isinstance(value, (tuple, list)):
        return [as_json(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def _mapping(value: Mapping[str, Any]) -> str:
    largest = (
        sorted(value.items(), key=lambda item: (-item[1], item[0]))
        if all(isinstance(n, float) for n in value.values())
        else [*value.items()]
    )
    entries = [f"{key} {shown(item)}" for key, item in largest[:MOST]]
    left_out = [f"{len(largest) - MOST} more"] if len(largest) > MOST else []
    return ", ".join(entries + left_out) or "none"


def _printable(text: str) -> str:
    """Without the control characters that would move a terminal's cursor or change its colours."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
