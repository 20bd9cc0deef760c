"""Where a record is read from: folders, files, or the database that an environment variable names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from litellm_cascade.audit.ledger.exporting import export
from litellm_cascade.errors import RecordError

OPTION = "--database-env"
HELP = "Read it from PostgreSQL: the environment variable that holds the URL, such as DATABASE_URL."

Paths = Annotated[
    list[Path] | None, typer.Argument(metavar="[PATH]...", exists=True, help="Folders of a record, or files of it.", show_default=False)
]
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
"""How a time is written on the command line, in UTC."""

DatabaseEnv = Annotated[str | None, typer.Option(OPTION, metavar="NAME", help=HELP)]


@contextmanager
def places(paths: Sequence[Path] | None, database_env: str | None, *, containing: str = "") -> Iterator[list[Path]]:
    """The folders and files to read. Rows of a database are written into a folder that is gone afterwards.

    ``containing``: of a database only the lines with this text. The URL is not taken from the command line, where the shell and the list of
    processes would keep it. Raises RecordError, and BadParameter where nothing is named.
    """
    if database_env is None:
        if not paths:
            raise typer.BadParameter(f"name a folder of a record, or with {OPTION} its database")
        yield list(paths)
        return
    with TemporaryDirectory(prefix="cascade-record-") as folder:
        _export(database_env, Path(folder), containing)
        yield [*(paths or ()), Path(folder)]


def _export(name: str, folder: Path, containing: str) -> None:
    url = os.environ.get(name)
    if not url:
        raise typer.BadParameter("there is no environment variable of that name, or it is empty", param_hint=OPTION)
    if find_spec("psycopg") is None:
        raise RecordError('reading a database needs psycopg; pip install "litellm-cascade[postgres]"')
    try:
        export(url, folder, containing=containing)
    except OSError as error:
        raise RecordError(f"the record cannot be read ({error.strerror})") from None
