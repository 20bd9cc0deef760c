"""The thread that writes. Nobody waits for it: what comes is queued, a disk or a database that is gone is tried again until it is back."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice, takewhile
from typing import Protocol

from litellm_cascade.audit import record_metrics as metrics
from litellm_cascade.audit.ledger.appending import Entry

FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 5.0
AT_ONCE = 256
"""Lines of one write."""

_log = logging.getLogger(__name__)


class Appender(Protocol):
    """Where the lines of a chain go. Every method may raise OSError; what it was given can then be given again."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Append lines of one file."""

    def sync(self) -> None:
        """Make what was written outlive a loss of power, and the head say so."""

    def checkpoint(self, *, to_disk: bool) -> None:
        """Write down how far the chain has come."""

    def close(self) -> None:
        """Let go; the next write opens again."""


class Writer:
    """Give it entries with ``put``; ``close`` ends it. ``pending`` is how many are not written yet."""

    def __init__(self, appender: Appender, fsync_ms: float | None) -> None:
        self._appender = appender
        self._fsync_s = fsync_ms / 1e3 if fsync_ms is not None else None
        self._queue: deque[Entry] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._sync_at: float | None = None  # when what was written must be on the disk
        self._failures = 0  # in a row
        self._thread = threading.Thread(target=self._run, name="cascade-record", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def pending(self) -> int:
        """Entries that are not written yet."""
        return len(self._queue)

    def put(self, entry: Entry) -> None:
        """Queue a line. Does not block."""
        self._queue.append(entry)
        self._wake.set()

    def close(self, within_s: float) -> int:
        """Write and sync what is queued, as far as that is done in time; how many lines it was not done for."""
        self._closing.set()
        self._wake.set()
        self._thread.join(within_s)
        return self.pending

    # --- in the thread -------------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._wake.wait(self._seconds_to_sync())
            self._wake.clear()
            closing = self._closing.is_set()  # before the work: what is put while it closes is not waited for
            done = self._work(closing=closing)
            if closing and not done:
                self._work(closing=True)  # once more: a connection may have been broken since the last line
            if closing:
                break
            if not done:
                self._closing.wait(min(FIRST_RETRY_S * 2 ** (self._failures - 1), LONGEST_RETRY_S))
                self._wake.set()

    def _work(self, *, closing: bool) -> bool:
        try:
            while self._queue:
                self._write_some()
                self._sync_when_due()
            self._sync_when_due(now=closing)
            if closing:
                self._appender.checkpoint(to_disk=self._fsync_s is not None)
                self._appender.close()
        except OSError as error:
            self._failed(error)
            return False
        self._recovered()
        return True

    def _write_some(self) -> None:
        first = self._queue[0]
        most = AT_ONCE if first.seq else 1  # the head is there before a second line is, so that one that is missing was taken away
        entries = list(takewhile(lambda entry: entry.file == first.file, islice(self._queue, most)))
        self._appender.write(entries)
        for _ in entries:
            self._queue.popleft()
        metrics.WRITTEN.inc(len(entries))
        if first.seq == 0:
            self._appender.sync() if self._fsync_s is not None else self._appender.checkpoint(to_disk=False)
        elif self._fsync_s is not None and self._sync_at is None:
            self._sync_at = time.monotonic() + self._fsync_s

    def _sync_when_due(self, *, now: bool = False) -> None:
        if self._sync_at is not None and (now or time.monotonic() >= self._sync_at):
            self._appender.sync()
            self._sync_at = None

    def _seconds_to_sync(self) -> float | None:
        return None if self._sync_at is None else max(0.0, self._sync_at - time.monotonic())

    def _failed(self, error: OSError) -> None:
        self._failures += 1
        with suppress(OSError):
            self._appender.close()  # what is opened again is there, and ends with a whole line
        metrics.FAILURES.inc()
        if self._failures == 1:
            metrics.UNWRITABLE.set(1)
            _log.error("cascade: the decision record cannot be written (%s); it is kept in memory and tried again", error.strerror)

    def _recovered(self) -> None:
        if self._failures:
            self._failures = 0
            metrics.UNWRITABLE.set(0)
            _log.warning("cascade: the decision record is written again")
