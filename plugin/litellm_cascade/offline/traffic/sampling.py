"""A few of many requests, each with the same chance."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TypeVar

Anything = TypeVar("Anything")


def sampled(stream: Iterable[Anything], most: int, random: Random) -> list[Anything]:
    """At most so many, in the order of the stream (Vitter 1985, algorithm R)."""
    kept: list[tuple[int, Anything]] = []
    for number, one in enumerate(stream):
        place = number if number < most else random.randrange(number + 1)
        if place >= most:
            continue
        if number < most:
            kept.append((number, one))
        else:
            kept[place] = (number, one)
    return [one for _, one in sorted(kept, key=lambda entry: entry[0])]
