"""Numbers with their nouns."""

from __future__ import annotations

from decimal import Decimal


def counted(number: int, noun: str) -> str:
    """``no problems``, ``1 problem``, ``2,000 problems``."""
    return f"{f'{number:,}' if number else 'no'} {noun}{'' if number == 1 else 's'}"


def plain(value: float, digits: int = 4) -> str:
    """With so many digits that count, and never as a power of ten: ``0.0000891``."""
    return f"{Decimal(f'{value:.{digits}g}'):f}"
