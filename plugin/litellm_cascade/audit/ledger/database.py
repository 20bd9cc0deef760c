"""A chain in PostgreSQL, in a schema of our own: LiteLLM's migrations drop what they do not know in theirs.

``record`` has the lines as they were sealed, so that what is proven of files is proven of rows; ``head`` has the head of each chain. Both
are written in one statement: a head never names a line that is not there.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from litellm_cascade.audit.ledger.appending import Entry, sealed_head
from litellm_cascade.audit.ledger.chain import Sealer
from litellm_cascade.audit.ledger.options import Url

if TYPE_CHECKING:
    from psycopg import Connection, Error

CONNECT_WITHIN_S = 5
UNACKNOWLEDGED_MS = 10_000
"""After so long without a word from the other end the connection is given up."""
TABLES_LOCK = 0x6361736361646500
"""Of the workers that start together one makes the tables. The bytes say ``cascade``."""

TABLES_FOUND = "select to_regclass('litellm_cascade.record') is not null and to_regclass('litellm_cascade.head') is not null"
TABLES = """
create schema if not exists litellm_cascade;
create table if not exists litellm_cascade.record (
    chain text not null, file integer not null, seq bigint not null, at timestamptz not null, line text not null, primary key (chain, seq)
);
create index if not exists record_at on litellm_cascade.record (at);
create table if not exists litellm_cascade.head (chain text primary key, line text not null);
"""
WRITE = """
with head as (
    insert into litellm_cascade.head (chain, line) values (%(chain)s, %(head)s)
    on conflict (chain) do update set line = excluded.line
)
insert into litellm_cascade.record (chain, file, seq, at, line)
select %(chain)s, * from unnest(%(files)s::integer[], %(seqs)s::bigint[], %(ats)s::timestamptz[], %(lines)s::text[])
on conflict (chain, seq) do nothing
"""
"""Lines may come twice: the connection can break after the database has taken them and before it has said so."""


class DatabaseAppender:
    """The rows of one chain. Every method may raise OSError; what it was given can then be given again."""

    def __init__(self, url: Url, chain: str, sealer: Sealer) -> None:
        self._url, self._chain, self._sealer = url, chain, sealer
        self._connection: Connection | None = None

    def write(self, entries: Sequence[Entry]) -> None:
        """Insert lines; they are as safe as the database keeps what is committed."""
        connection = self._connection = self._connection or _writable(self._url())
        said = {
            "chain": self._chain,
            "head": sealed_head(self._sealer, self._chain, entries[-1]).decode().rstrip("\n"),
            "files": [entry.file for entry in entries],
            "seqs": [entry.seq for entry in entries],
            "ats": [entry.at for entry in entries],
            "lines": [entry.line.decode().rstrip("\n") for entry in entries],
        }
        with failing_like_a_disk():
            connection.execute(WRITE, said)

    def sync(self) -> None:
        """Nothing is left to do: what was written is committed."""

    def checkpoint(self, *, to_disk: bool) -> None:
        """Likewise: the head is written with the lines."""

    def close(self) -> None:
        """Let go of the connection; the next write makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def prepare(url: str) -> None:
    """See that the tables are there. Raises OSError."""
    _writable(url).close()


def connecting(url: str) -> Connection:
    """A new connection. Raises OSError."""
    import psycopg  # noqa: PLC0415 - an extra

    with failing_like_a_disk():
        return psycopg.connect(
            libpq_url(url),
            prepare_threshold=None,  # a pooler may give each statement to another server
            application_name="litellm-cascade",
            connect_timeout=CONNECT_WITHIN_S,
            tcp_user_timeout=UNACKNOWLEDGED_MS,
        )


def _writable(url: str) -> Connection:
    connection = connecting(url)
    try:
        with failing_like_a_disk():
            connection.autocommit = True
            _make_tables(connection)
    except OSError:
        connection.close()
        raise
    return connection


def _make_tables(connection: Connection) -> None:
    """Asked first, because a role may be allowed to insert and nothing else."""
    found = connection.execute(TABLES_FOUND)
    if found.fetchone() == (True,):
        return
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [TABLES_LOCK])
        connection.execute(TABLES)


@contextmanager
def failing_like_a_disk() -> Iterator[None]:
    """Turns psycopg's errors into the OSError that the writer waits out. It says what failed, and nothing of the URL."""
    import psycopg  # noqa: PLC0415 - an extra

    try:
        yield
    except psycopg.Error as error:
        raise OSError(errno.EIO, f"the database: {_told(error)}") from None


def _told(error: Error) -> str:
    """What the server says; of a connection that failed only how, because libpq's sentences may quote parts of the URL."""
    return f"{type(error).__name__}" + (f", {error.diag.message_primary}" if error.sqlstate and error.diag.message_primary else "")


def libpq_url(url: str) -> str:
    """The URL without what only LiteLLM's database client understands, and with its words for certificates translated.

    That client's ``sslcert`` is the certificate of the authority, which libpq calls ``sslrootcert``; its ``sslaccept=strict`` is libpq's
    ``sslmode=verify-full``.
    """
    from psycopg.pq import Conninfo  # noqa: PLC0415 - an extra

    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if not parts.netloc and not parts.query:
        raise OSError(errno.EINVAL, "the database: its URL is none")
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "sslcert" in asked and "sslkey" not in asked:
        asked.setdefault("sslrootcert", asked.pop("sslcert"))
    if asked.get("sslaccept") == "strict":
        asked["sslmode"] = "verify-full"
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    return urlunsplit(
        parts._replace(query=urlencode({name: value for name, value in asked.items() if name in known}, safe="/", quote_via=quote))
    )
