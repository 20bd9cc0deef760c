"""The sink of a process: seals each record at once, so that its hash is known when its span ends, and leaves the writing to a thread."""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from litellm_cascade.audit import record_metrics as metrics
from litellm_cascade.audit.ledger.appending import Entry, FileAppender
from litellm_cascade.audit.ledger.chain import Chain, Sealer
from litellm_cascade.audit.ledger.codec import FORMAT, canonical, feedback_text, record_text, texts_text
from litellm_cascade.audit.ledger.database import DatabaseAppender
from litellm_cascade.audit.ledger.options import LedgerOptions
from litellm_cascade.audit.ledger.writer import Appender, Writer
from litellm_cascade.vocabulary import AuditRecord, Feedback, Receipt, Texts

Facts = Callable[[], Mapping[str, Any]]
"""What the first line of a chain says of the process: versions, the policies in use."""

_log = logging.getLogger(__name__)


class Ledger:
    """Called with each record. A process gets its chain with its first record: a forked worker must not go on with its parent's."""

    def __init__(self, options: LedgerOptions, facts: Facts = dict) -> None:
        self._options = options
        self._facts = facts
        self._scribe: Scribe | None = None
        self._pid = 0
        self._starting = threading.Lock()
        atexit.register(self.close)  # not with the first record, which may come when the process is already ending
        if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
            os.register_at_fork(after_in_child=self._forget_the_lock)

    def __call__(self, record: AuditRecord, texts: Texts | None = None) -> Receipt | None:
        """Chain a record, and queue it to be written. None when it had to be left out because too many wait. Never blocks on a disk."""
        members = {"record": record_text(record)}
        if texts is not None:
            members["texts"] = texts_text(texts)
        return self._of_this_process().add(members)

    def feedback(self, feedback: Feedback) -> Receipt | None:
        """Chain what a caller says of an answer. None when too many lines wait: then it is the caller who must try again."""
        return self._of_this_process().add({"feedback": feedback_text(feedback)}, kind="feedback")

    def close(self) -> None:
        """Write what is queued, within ``close_within_s``. The next record would begin another chain."""
        scribe, self._scribe = self._scribe, None
        if scribe is not None and self._pid == os.getpid():
            scribe.close()

    @property
    def pending(self) -> int:
        """Lines that are chained and not written yet."""
        return self._scribe.pending if self._scribe is not None else 0

    def _of_this_process(self) -> Scribe:
        scribe = self._scribe
        if scribe is not None and self._pid == os.getpid():
            return scribe
        with self._starting:
            if self._scribe is None or self._pid != os.getpid():
                self._scribe, self._pid = Scribe(self._options, self._facts()), os.getpid()
            return self._scribe

    def _forget_the_lock(self) -> None:
        self._starting = threading.Lock()


class Scribe:
    """One chain: its growing end, its files, its writer."""

    def __init__(self, options: LedgerOptions, facts: Mapping[str, Any]) -> None:
        self._options = options
        self._sealer = Sealer(options.key)
        now = datetime.now(UTC)
        self._chain = Chain(f"{now:%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(4)}", self._sealer)
        self._writer = Writer(_appender(options, self._chain.name, self._sealer), options.fsync_ms)
        self._adding = threading.Lock()  # a few microseconds: the writer never holds it
        self._file, self._bytes, self._since = 1, 0, time.monotonic()
        self._lost = 0
        self._lost_since = ""
        self._seal("genesis", _text(now), {"genesis": canonical({**facts, **self._own_facts(now)})})
        self._writer.start()

    @property
    def pending(self) -> int:
        """Lines that are not written yet."""
        return self._writer.pending

    def add(self, members: Mapping[str, str], kind: str = "request") -> Receipt | None:
        """The next line; None when too many wait, which is a gap where it was a request's."""
        now = _text(datetime.now(UTC))
        with self._adding:
            if self._writer.pending >= self._options.queue_records:
                if kind == "request":
                    self._lose(now)
                return None
            self._admit_the_gap(now)
            self._rotate_when_due(now)
            return self._seal(kind, now, members)

    def close(self) -> None:
        """The last line says that it is the last."""
        now = _text(datetime.now(UTC))
        with self._adding:
            self._admit_the_gap(now)
            self._seal("end", now, {})
        left = self._writer.close(self._options.close_within_s)
        if left:
            metrics.LOST.labels("shutdown").inc(left)
            _log.error("cascade: %d lines of the decision record could not be written before the process ended; they are lost", left)

    def _seal(self, kind: str, at: str, members: Mapping[str, str]) -> Receipt:
        line, receipt, seq = self._chain.seal(kind, at, **members)
        self._writer.put(Entry(line, self._file, seq, receipt.hash, at))
        self._bytes += len(line)
        return receipt

    def _lose(self, now: str) -> None:
        self._lost += 1
        self._lost_since = self._lost_since or now
        metrics.LOST.labels("queue_full").inc()

    def _admit_the_gap(self, now: str) -> None:
        if self._lost:
            self._seal("gap", now, {"gap": canonical({"lost": self._lost, "since": self._lost_since, "reason": "queue_full"})})
            self._lost, self._lost_since = 0, ""

    def _rotate_when_due(self, now: str) -> None:
        """The new file's first line belongs to the chain like any other, so it names the old file's last hash."""
        too_old = time.monotonic() - self._since >= self._options.rotate_seconds
        if self._bytes >= self._options.rotate_bytes or too_old:
            self._file, self._bytes, self._since = self._file + 1, 0, time.monotonic()
            self._seal("rotation", now, {"rotation": canonical({"file": self._file, "format": FORMAT, **self._identity()})})

    def _own_facts(self, now: datetime) -> dict[str, Any]:
        return {"format": FORMAT, "file": 1, "started": _text(now), "fsync_ms": self._options.fsync_ms, **self._identity()}

    def _identity(self) -> dict[str, Any]:
        return {"algorithm": self._sealer.algorithm, "key_id": self._sealer.key_id}


def _appender(options: LedgerOptions, chain: str, sealer: Sealer) -> Appender:
    if options.database is not None:
        return DatabaseAppender(options.database, chain, sealer)
    if options.folder is None:
        raise ValueError("a record needs a folder or a database")
    return FileAppender(options.folder, chain, sealer)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
