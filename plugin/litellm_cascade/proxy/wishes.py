"""What a client says of the answer it wants: ``x-cascade-*`` headers, or ``cascade`` in the metadata of its body.

Hints are signals like any other; overrides count only where the policy allows that caller. No client can make this raise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from litellm_cascade.proxy.headers import PREFIX
from litellm_cascade.proxy.journeys import METADATA
from litellm_cascade.signals import LEVELS
from litellm_cascade.vocabulary import Band, Hints, Overrides, Request

METADATA_KEY = "cascade"
UNKNOWN = "unknown"
"""Stands for whatever has a name that is none of ours, so that names remain few."""
LONGEST_VALUE = 100
LONGEST_JSON = 2000


def take_wishes(request: Request, data: MutableMapping[str, Any]) -> Request:
    """The request with what its client says itself; headers go before metadata.

    The metadata of ``data`` lose it, since providers refuse what they do not know. Call this last.
    """
    asked = {name: value for name, value in (*_in_metadata(data), *_in_headers(data)) if value is not None or name not in _READERS}
    if not asked:
        return request
    understood = {name: read for name, value in asked.items() if name in _READERS and (read := _READERS[name](value)) is not None}
    ignored = sorted({name if name in _READERS else UNKNOWN for name in asked.keys() - understood.keys()})
    return replace(
        request,
        hints=Hints(**{name: understood.pop(name) for name in _HINTS & understood.keys()}),
        overrides=Overrides(**understood, ignored=tuple(ignored)),
    )


def _in_headers(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    request = data.get("proxy_server_request")
    headers = request.get("headers") if isinstance(request, Mapping) else None
    for name, value in headers.items() if isinstance(headers, Mapping) else ():
        if isinstance(name, str) and name.lower().startswith(PREFIX):
            yield name.lower().removeprefix(PREFIX).replace("-", "_"), value


def _in_metadata(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in METADATA:
        metadata = data.get(key)
        if isinstance(metadata, dict) and METADATA_KEY in metadata:
            asked = _mapping(metadata.pop(METADATA_KEY))
            yield from ((str(name), value) for name, value in asked.items())


def _mapping(value: Any) -> Mapping[Any, Any]:
    """A mapping, or one written as JSON: metadata of /v1/responses hold nothing but text."""
    if isinstance(value, str) and len(value) <= LONGEST_JSON:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    return value if isinstance(value, Mapping) else {UNKNOWN: value}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or (isinstance(value, str) and len(value) > LONGEST_VALUE):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _share(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number <= 1 else None


def _positive(value: Any) -> float | None:
    return _number(value) or None


def _level(value: Any) -> str | None:
    level = value.strip().lower() if isinstance(value, str) else ""
    return level if level in LEVELS else None


def _alias(value: Any) -> str | None:
    return value.strip() if isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_VALUE else None


def _band(value: Any) -> Band | None:
    return next((band for band in Band if isinstance(value, str) and band.value == value.strip().lower()), None)


_HINTS = frozenset({"quality", "urgency", "latency_budget_ms"})
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "quality": _level,
    "urgency": _level,
    "latency_budget_ms": _positive,
    "max_cost_usd": _number,
    "max_latency_ms": _number,
    "min_quality": _share,
    "alias": _alias,
    "band": _band,
}
