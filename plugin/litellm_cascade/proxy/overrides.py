"""What a client asks for itself: ``x-cascade-*`` headers, or ``cascade`` in the metadata of its body. No client can make this raise."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from litellm_cascade.proxy.headers import PREFIX
from litellm_cascade.proxy.hints import HINTS
from litellm_cascade.proxy.journeys import METADATA
from litellm_cascade.vocabulary import Band, Overrides

METADATA_KEY = "cascade"
UNKNOWN = "unknown"
"""Stands for whatever has a name that is none of ours, so that names remain few."""
LONGEST_VALUE = 100
LONGEST_JSON = 2000


def take_overrides(data: MutableMapping[str, Any]) -> Overrides:
    """What the client asks for itself; headers go before metadata. Its metadata lose it, since providers refuse what they do not know."""
    asked = {name: value for name, value in (*_in_metadata(data), *_in_headers(data)) if name not in HINTS}
    read = {name: _READERS[name](value) for name, value in asked.items() if name in _READERS and value is not None}
    understood = {name: value for name, value in read.items() if value is not None}
    strange = (UNKNOWN,) if any(name not in _READERS for name in asked) else ()
    return Overrides(**understood, ignored=(*sorted(read.keys() - understood.keys()), *strange))


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


def _alias(value: Any) -> str | None:
    return value.strip() if isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_VALUE else None


def _band(value: Any) -> Band | None:
    return next((band for band in Band if isinstance(value, str) and band.value == value.strip().lower()), None)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "max_cost_usd": _number,
    "max_latency_ms": _number,
    "min_quality": _share,
    "alias": _alias,
    "band": _band,
}
