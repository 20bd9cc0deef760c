"""JSON as a model writes it: parsed at a bounded cost, and judged by its beginning."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from litellm_cascade.escalation.checks.subject import UncheckableError

MOST_CHARACTERS = 256_000
"""About 1 ms to parse; the longest outputs of today's models are half of it."""
_LONGEST_NUMBER = 300
"""Digits: beyond, a whole number is no decimal any more, and beyond 4300 Python refuses it."""
_UNDECIDED_CHARACTERS = 16
"""So much of a valid text may lie behind the place where the parser gives up for want of an end: two halves of an escaped character."""

_BEGINNINGS = frozenset('{["-0123456789tfn')


def parse(text: str) -> Any:
    """The value. ValueError for what is not JSON (RFC 8259), UncheckableError or RecursionError for what is too much of it."""
    if len(text) > MOST_CHARACTERS:
        raise UncheckableError("too long")
    return json.loads(text, parse_constant=_refuse, parse_int=_whole_number)


def can_become_json(prefix: str) -> bool:
    """False when no continuation makes this JSON. Code fences and opening words are told by their first character."""
    beginning = prefix.strip()
    if beginning and beginning[0] not in _BEGINNINGS:
        return False
    try:
        parse(prefix)
    except json.JSONDecodeError as error:
        return error.msg.startswith("Unterminated string") or len(prefix.rstrip()) - error.pos <= _UNDECIDED_CHARACTERS
    except ValueError:  # NaN and its like
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _whole_number(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise UncheckableError("a number too long")
    return int(digits)
