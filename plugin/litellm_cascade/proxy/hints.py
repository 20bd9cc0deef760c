"""What a caller says outright of the answer wanted: in the request's metadata or its headers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from litellm_cascade.proxy.journeys import METADATA
from litellm_cascade.signals import LEVELS
from litellm_cascade.vocabulary import Hints

HINTS = {"quality": "x-cascade-quality", "urgency": "x-cascade-urgency", "latency_budget_ms": "x-cascade-latency-budget-ms"}
"""The keys of the metadata's ``cascade``, each with the header that says the same; where both do, the metadata counts."""


def to_hints(data: Mapping[str, Any]) -> Hints:
    """The hints of a request. What makes no sense is no hint: a client cannot make this raise."""
    headers = {str(name).lower(): value for name, value in _mapping(_mapping(data.get("proxy_server_request")).get("headers")).items()}
    said = {key: headers.get(header) for key, header in HINTS.items()}
    for where in METADATA:
        said |= {key: value for key, value in _mapping(_mapping(data.get(where)).get("cascade")).items() if key in HINTS}
    return Hints(quality=_level(said["quality"]), urgency=_level(said["urgency"]), latency_budget_ms=_positive(said["latency_budget_ms"]))


def _level(said: Any) -> str:
    level = said.strip().lower() if isinstance(said, str) else ""
    return level if level in LEVELS else "unspecified"


def _positive(said: Any) -> float | None:
    try:
        number = float(said) if isinstance(said, (int, float, str)) and not isinstance(said, bool) else 0.0
    except (OverflowError, ValueError):
        return None
    return number if 0.0 < number < math.inf else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
