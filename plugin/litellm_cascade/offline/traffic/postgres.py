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
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.traffic.rows import Row

SCHEMES = ("postgresql://", "postgres://")
VARIABLE = "env:"
TABLE = "LiteLLM_SpendLogs"
ROWS_AT_ONCE = 2000
"""Rows that the cursor brings together; a spend log with its messages has some KiB."""
WITHIN_S = 10
"""Seconds for the database to answer the door."""
_PRISMAS = frozenset({"schema", "connection_limit", "pool_timeout", "pgbouncer", "socket_timeout", "statement_cache_size"})
"""Parameters of a URL that only Prisma, LiteLLM's way to its database, understands."""
_COLUMNS = (
    *("request_id", "call_type", "api_key", "spend", "prompt_tokens", "completion_tokens", "startTime", "model", "model_group", "user"),
    *("metadata", "request_tags", "team_id", "end_user", "messages", "proxy_server_request"),
)
_QUERY = f"""SELECT row_to_json(one)::text FROM (
  SELECT {", ".join(f'"{column}"' for column in _COLUMNS)} FROM "{TABLE}" ORDER BY "startTime", request_id
) AS one"""  # noqa: S608 - of constants


def is_database(traces: str) -> bool:
    """Whether the traffic is named by a PostgreSQL URL, or by the environment variable that holds one."""
    return traces.startswith((*SCHEMES, VARIABLE))


def url_of(traces: str) -> str:
    """The URL, from the environment where it is there. Raises ConfigurationError."""
    if not traces.startswith(VARIABLE):
        return traces
    name = traces.removeprefix(VARIABLE)
    url = os.environ.get(name, "")
    if not url.startswith(SCHEMES):
        raise ConfigurationError([f"the environment variable {name} holds no PostgreSQL URL; put postgresql://user:password@host/db there"])
    return url


class SpendLogs:
    """The rows of ``LiteLLM_SpendLogs``, oldest first. Sizes are in rows. Nothing is written, and the URL is never shown."""

    def __init__(self, url: str, advance: Callable[[int], object] = lambda _: None) -> None:
        if find_spec("psycopg") is None:
            raise ConfigurationError(["spend logs from PostgreSQL need psycopg: pip install 'litellm-cascade[postgres]'"])
        self.advance = advance
        self._url = _without_prismas(url)
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


def _without_prismas(url: str) -> str:
    """A URL as LiteLLM has it, without what PostgreSQL's own library would refuse."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in _PRISMAS]
    return urlunsplit(parts._replace(query=urlencode(kept)))


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
