"""The metrics of the decision record."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

WRITTEN = Counter("cascade_record_written", "Lines of the decision record that were handed to the operating system")
LOST = Counter("cascade_record_lost", "Requests that have no line in the decision record", ["reason"])
FAILURES = Counter("cascade_record_write_failures", "Attempts to write the decision record that failed; they are repeated")
UNWRITABLE = Gauge("cascade_record_unwritable", "1 while the decision record cannot be written", multiprocess_mode="livemax")
for reason in ("error", "queue_full", "shutdown"):
    LOST.labels(reason)  # there from the start, so that an alert sees the first loss rise from nothing
