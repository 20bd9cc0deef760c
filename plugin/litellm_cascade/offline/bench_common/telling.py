"""Results of benchmarks: a bar while they are measured, tables, and JSON with what it takes to get the numbers again."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from litellm_cascade.offline.bars import bar
from litellm_cascade.offline.pages import Grid, Heading, Paragraph, blocks_of, table, write_text
from litellm_cascade.offline.traffic.telling import table_of

__all__ = ["figure", "interval", "origin", "say", "share", "steps", "table", "tell", "write_json"]

JSON_FORMAT = 1
"""Raised when a key of the JSON is renamed or removed; new keys may come at any time."""


@contextmanager
def steps(total: int) -> Iterator[Progress]:
    """A bar on standard error, where that is a terminal. ``tell`` moves it."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with bar(*columns) as progress:
        progress.add_task("", total=total)
        yield progress


def tell(progress: Progress, what: str, *, advance: int = 0) -> None:
    """What is being done, and how many steps are."""
    progress.update(progress.task_ids[0], description=what, advance=advance)


def say(told: str, to: TextIO | None = None) -> None:
    """A result in Markdown: as it is for a file or a pipe, set out in columns on a terminal."""
    stream = to or sys.stdout
    if not stream.isatty():
        stream.write(f"{told}\n")
        return
    console = Console(file=stream, highlight=False, markup=False)
    for block in blocks_of(told):
        if isinstance(block, Grid):
            columns = table_of(*block.head)
            for row in block.rows:
                columns.add_row(*row)
            console.print(columns)
        elif isinstance(block, (Heading, Paragraph)):
            console.print(f"\n{block.text.replace('**', '')}\n", soft_wrap=True)


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """A figure with its interval; empty where it is not known."""
    if value is None or low is None or high is None:
        return figure(value)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def figure(value: float | None) -> str:
    """With three digits; empty where it is not known."""
    return "" if value is None or not np.isfinite(value) else f"{value:.3f}"


def share(value: float | None) -> str:
    """As a percentage; empty where it is not known."""
    return "" if value is None or not np.isfinite(value) else f"{value:.1%}"


def origin(command: str, *, data: Mapping[str, str], seed: int, draws: int, packages: Sequence[str] = ()) -> dict[str, Any]:
    """What it takes to get the numbers again. ``data``: the digest of each file."""
    versions = {name: version(name) for name in ("litellm-cascade", "numpy", *packages)}
    return {
        "format": JSON_FORMAT,
        "command": command,
        "data": dict(data),
        "seed": seed,
        "bootstrap_draws": draws,
        "versions": {"python": platform.python_version(), **versions},
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Raises ConfigurationError where it cannot be written. What is not a number becomes null."""
    write_text(path, json.dumps(_finite(content), indent=1) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
