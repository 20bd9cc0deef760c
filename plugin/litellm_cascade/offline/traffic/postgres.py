"""LiteLLM's spend logs from its own database, read as a stream through a cursor of the server."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from litellm_cascade.audit.ledger.database import libpq_url
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.traffic.rows import Row

TABLE = "LiteLLM_SpendLogs"
ROWS_AT_ONCE = 2000
"""Rows that the cursor brings together; a spend log with its messages has some KiB."""
WITHIN_S = 10
"""Seconds for the database to answer the door."""
_COLUMNS = (
    *("request_id", "call_type", "api_key", "spend", "prompt_tokens", "completion_tokens", "startTime", "model", "model_group", "user"),
    *("metadata", "request_tags", "team_id", "end_user", "messages", "proxy_server_request"),
)
_QUERY = f"""SELECT row_to_json(one)::text FROM (
  SELECT {", ".join(f'"{column}"' for column in _COLUMNS)} FROM "{TABLE}" ORDER BY "startTime", request_id
) AS one"""  # noqa: S608 - of constants


class SpendLogs:
    """The rows of ``LiteLLM_SpendLogs``, oldest first. Sizes are in rows. Nothing is written, and the URL is never shown.

    ``variable``: of the environment, with the URL: on a command line the shell and the list of processes would keep it.
    """

    def __init__(self, variable: str, advance: Callable[[int], object] = lambda _: None) -> None:
        if find_spec("psycopg") is None:
            raise ConfigurationError(["spend logs from PostgreSQL need psycopg: pip install 'litellm-cascade[postgres]'"])
        self.advance = advance
        self._url = _url_in(variable)
        self._hash = hashlib.sha256()

    @property
    def name(self) -> str:
        """What is read, without where."""
        return TABLE

    @property
    def digest(self) -> str:
        """Of the rows read so far, as PostgreSQL writes them as JSON."""
        return f"sha256:{self._hash.hexdigest()}"

    @property
    def size(self) -> int:
        """How many rows there are."""
        with _sentences(), self._connected() as connection:
            found = connection.execute(f'SELECT count(*) FROM "{TABLE}"').fetchone()  # noqa: S608 - a constant
            return int(found[0])

    @property
    def state(self) -> str:
        """Which database: rows that are added later stand behind the others."""
        parts = urlsplit(self._url)
        return hashlib.sha256(f"{parts.hostname}:{parts.port}{parts.path}".encode()).hexdigest()

    def __iter__(self) -> Iterator[Row]:
        number = 0
        with _sentences(), self._connected() as connection, connection.cursor(name="cascade_spend_logs") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            for (text,) in cursor.execute(_QUERY):
                number += 1
                self._hash.update(text.encode())
                self.advance(1)
                yield Row(file=Path(TABLE), line=number, content=json.loads(text))
        if not number:
            raise ConfigurationError([f"{TABLE}: holds no requests; LiteLLM writes it unless `disable_spend_logs` is set"])

    def _connected(self) -> Any:
        import psycopg  # noqa: PLC0415 - the extra postgres

        return psycopg.connect(self._url, connect_timeout=WITHIN_S, options="-c default_transaction_read_only=on")


def _url_in(variable: str) -> str:
    try:
        return libpq_url(os.environ.get(variable, ""))
    except OSError:
        told = f"the environment variable {variable} holds no PostgreSQL URL; put postgresql://user:password@host/db there"
        raise ConfigurationError([told]) from None


@contextmanager
def _sentences() -> Iterator[None]:
    """What the driver raises, in one sentence that does not hold the URL."""
    import psycopg  # noqa: PLC0415 - the extra postgres

    try:
        yield
    except psycopg.errors.UndefinedTable:
        raise ConfigurationError([f"the database has no table {TABLE}; name the one that LiteLLM's `database_url` names"]) from None
    except psycopg.Error as error:
        what = type(error).__name__
        raise ConfigurationError([f"{TABLE}: PostgreSQL cannot be read ({what}); check host, port, user, password and database"]) from None
