"""What is told of requests, written down a little later: nobody waits for it, and for several requests at once it costs much less.

At a hundred requests a second, what runs once for each finds the processor's caches cold every time, and takes three times as long as it
does the second time in a row.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable

GATHER_S = 0.05
"""How long the first piece of work waits for others. A process that is killed loses what it has not done."""

MOST = 10_000
"""Pieces that wait. More come only where the thread hangs, in a span processor of the host's: whoever brings one then waits as well."""

Work = Callable[[], object]

_log = logging.getLogger(__name__)


class Later:
    """Called with work: a thread does it within ``gather_s`` or so, one piece after the other, in the order in which it was given.

    The thread starts with the first piece. What a process has left when it ends is done then; a forked worker begins with nothing.
    """

    def __init__(self, gather_s: float = GATHER_S) -> None:
        self._gather_s = gather_s
        self._begin_anew()
        if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
            os.register_at_fork(after_in_child=self._begin_anew)

    def __call__(self, work: Work) -> None:
        """Have something done. Does not block, unless far too much waits already."""
        self._left.append(work)
        if len(self._left) > MOST:
            self.finish()  # all of it: a request's end must not be told before its beginning
        if not self._awake.is_set():
            self._wake()

    def finish(self) -> None:
        """Do in this thread what is left; return when nothing is."""
        with self._working:
            while self._left:
                _do(self._left.popleft())

    def _begin_anew(self) -> None:
        self._left: deque[Work] = deque()
        self._working = threading.RLock()  # whoever works, so that the order is kept; work may bring work
        self._starting = threading.Lock()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None

    def _wake(self) -> None:
        self._awake.set()
        with self._starting:
            if self._thread is None:
                atexit.register(self.finish)
                self._thread = threading.Thread(target=self._run, name="cascade-audit", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._awake.wait()
            time.sleep(self._gather_s)
            if self._left:
                self.finish()  # and look again after a while: to be woken for each request would cost more
                continue
            self._awake.clear()
            if self._left:  # it came between these lines
                self._awake.set()


def now(work: Work) -> None:
    """Instead of later."""
    work()


def _do(work: Work) -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001 - a span processor is anybody's code, and must not cost what comes after it
        _log.error("cascade: something of a request could not be written down: %s", type(error).__name__)  # its words may quote
