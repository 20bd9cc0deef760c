"""Numbers with their nouns."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``no problems``, ``1 problem``, ``2 problems``."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
