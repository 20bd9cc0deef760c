"""The bar that a command shows while it works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import Progress, ProgressColumn


@contextmanager
def bar(*columns: ProgressColumn) -> Iterator[Progress]:
    """On standard error, where that is a terminal; elsewhere nothing is written, not even the empty line at its end."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with progress if console.is_terminal else nullcontext():
        yield progress
