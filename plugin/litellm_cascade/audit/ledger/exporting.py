"""A record in a database, written out as the files it could have been: what reads and verifies files does so for rows, too."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_cascade.audit.ledger.database import connecting, failing_like_a_disk
from litellm_cascade.audit.ledger.files import PRIVATE, file_of, head_of
from litellm_cascade.errors import RecordError

if TYPE_CHECKING:
    from psycopg import Connection

ROWS_AT_ONCE = 500
LINES = "select chain, file, line from litellm_cascade.record where position(%s in line) > 0 or %s = '' order by chain, seq"
HEADS = "select chain, line from litellm_cascade.head"

_CHAIN = re.compile(r"[0-9A-Za-z-]{1,100}")


def export(url: str, folder: Path, *, containing: str = "") -> None:
    """Write every chain into an empty folder, as it is at one moment. ``containing``: only the lines with this text, for a look at a few.

    Raises RecordError where a row cannot be a part of a record, and OSError where the database does not answer.
    """
    from psycopg import IsolationLevel  # noqa: PLC0415 - an extra

    with failing_like_a_disk(), connecting(url) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ  # lines and heads of one moment
        connection.read_only = True
        for file, line in _lines(connection, folder, containing):
            _append(file, line)
        for chain, line in connection.execute(HEADS):
            _append(head_of(folder, _sound(chain)), line)


def _lines(connection: Connection, folder: Path, containing: str) -> Iterator[tuple[Path, str]]:
    with connection.cursor("cascade_record") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        for chain, number, line in cursor.execute(LINES, [containing, containing]):
            if number < 1:
                raise RecordError(f"the chain {_sound(chain)} has a row with the file {number}, which no proxy has written")
            yield file_of(folder, _sound(chain), number), line


def _append(file: Path, line: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
    with os.fdopen(descriptor, "wb") as appended:
        appended.write(line.encode() + b"\n")


def _sound(chain: str) -> str:
    """The name of a chain, which is to become that of a file; anybody who may write to the table has chosen it."""
    if _CHAIN.fullmatch(chain) is None:
        raise RecordError(f"a row is of the chain {chain!r}, which no proxy has written")
    return chain
