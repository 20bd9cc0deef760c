"""The lines of a record, as they lie in its files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litellm_cascade.audit.ledger.chain import Line, parsed
from litellm_cascade.audit.ledger.files import chains_in


@dataclass(frozen=True, slots=True)
class Placed:
    """A line with its place, and the bytes of a last line that was never finished."""

    file: Path
    number: int
    line: Line
    torn_bytes: int = 0

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.number}"


def lines_of(file: Path) -> Iterator[Placed]:
    """Every line of one file. What stands behind the last line break is torn."""
    with file.open("rb") as content:
        for number, raw in enumerate(content, 1):
            if raw.endswith(b"\n"):
                yield Placed(file, number, parsed(raw[:-1]))
            else:
                yield Placed(file, number, Line(), torn_bytes=len(raw))


def requests_in(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The parsed lines of requests, chain by chain, in order. Whether they are what was written is for ``verifying`` to say."""
    return of_kind("request", paths)


def feedback_in(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The parsed lines of what callers said of answers; likewise."""
    return of_kind("feedback", paths)


def of_kind(kind: str, paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The parsed lines of one kind."""
    for numbered in chains_in(paths).values():
        for file in numbered.values():
            yield from (placed.line.content for placed in lines_of(file) if placed.line.kind == kind and placed.line.content)
