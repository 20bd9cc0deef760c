"""The requests of a source, with a bar on standard error while they are read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from itertools import islice
from typing import Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bars import bar as shown
from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.rated import newest_feedback
from litellm_cascade.offline.traffic.items import Item, Perceive, items_of
from litellm_cascade.offline.traffic.rows import Row, Rows, Source

AT_ONCE = 200
"""Requests between two looks at the clock."""


class Reading:
    """To be read once. ``source`` knows the digest afterwards; ``rows`` counts what was read, left out rows and those to ``skip`` too."""

    def __init__(self, source: Source, perceive: Perceive, *, skip: int = 0) -> None:
        self.source, self._perceive, self._skip = source, perceive, skip
        self.n, self.rows, self.took_s, self._read = 0, 0, 0.0, 0
        source.advance = self._advance

    def __iter__(self) -> Iterator[Item]:
        began = time.perf_counter()
        said = partial(newest_feedback, [self.source.path] if isinstance(self.source, Rows) else [])
        with progress() as bar:
            task = bar.add_task("", total=self.source.size, rate="")
            for item in items_of(self._counted(), self._perceive, said):
                self.n += 1
                if self.n % AT_ONCE == 0:
                    rate = f"{self.n:,} requests, {self.n / (time.perf_counter() - began):,.0f} a second"
                    bar.update(task, completed=self._read, rate=rate)
                yield item
        self.took_s = time.perf_counter() - began
        if self.n == 0 and not self._skip:
            raise ConfigurationError([f"{self.source.name}: holds no request to a chat model"])

    def tell(self) -> None:
        """How many and how fast, on standard error."""
        typer.echo(f"{counted(self.n, 'request')} in {self.took_s:.1f} s, {self.n / max(self.took_s, 1e-9):,.0f} a second", err=True)

    def as_json(self) -> dict[str, Any]:
        """Where the numbers come from."""
        return {"traces": self.source.name, "data": self.source.digest, "version": version("litellm-cascade")}

    def _counted(self) -> Iterator[Row]:
        rows: Iterable[Row] = self.source
        for self.rows, row in enumerate(islice(rows, self._skip, None), self._skip + 1):  # noqa: B020 - so that it is known meanwhile
            yield row

    def _advance(self, size: int) -> None:
        self._read += size


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar with a field ``rate``, where standard error is a terminal."""
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with shown(*columns) as bar:
        yield bar
