"""Spans of time as an operator writes them: ``30s``, ``10m``, ``1h``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
SHORTEST_S, LONGEST_S = 10, 7 * SECONDS["d"]
_PATTERN = r"^[0-9]{1,6}[smhd]$"


def seconds_of(written: str) -> int:
    """The number of seconds that ``written`` stands for, which must have been checked."""
    return int(written[:-1]) * SECONDS[written[-1]]


def _checked(written: str) -> str:
    if not re.match(_PATTERN, written):
        raise PydanticCustomError(
            "no_duration", "is {written}; write a whole number with its unit, e.g. 30s, 10m, 1h or 7d", {"written": repr(written)}
        )
    if not SHORTEST_S <= seconds_of(written) <= LONGEST_S:
        raise PydanticCustomError("no_duration", "is {written}; write a time between 10s and 7d", {"written": repr(written)})
    return _shortest(seconds_of(written))


def _shortest(seconds: int) -> str:
    """One spelling for each length, so that ``60m`` and ``1h`` are the same policy."""
    unit = next(unit for unit, length in SECONDS.items() if seconds % length == 0)
    return f"{seconds // SECONDS[unit]}{unit}"


Duration = Annotated[str, AfterValidator(_checked), WithJsonSchema({"type": "string", "pattern": _PATTERN})]
"""``30s``, ``10m``, ``1h``, ``7d``; between ten seconds and seven days."""
