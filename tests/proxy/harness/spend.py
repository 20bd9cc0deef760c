"""Reading what the spend recorder wrote."""

import json

from waiting import until

LOOK_EVERY_S = 0.05


class Spend:
    """The rows since the test began, oldest first: ``kind``, ``internal_call_origin``, ``model`` and ``standard_logging_object``.

    LiteLLM logs after it has answered, so a row of the test before may still come in. Name the ``call`` (the header
    ``x-litellm-call-id``) or the ``trace`` (its id in OpenTelemetry) where that matters.
    """

    def __init__(self, path):
        self.path = path
        self._skipped = 0
        self.clear()

    def rows(self, *, call=None, trace=None):
        wanted = {"litellm_call_id": call, "trace_id": trace}
        return [row for row in self._all()[self._skipped :] if _fits(row["standard_logging_object"], wanted)]

    def wait_rows(self, count, **which):
        """The rows, as soon as there are at least ``count``."""
        return self.wait_until(lambda rows: len(rows) >= count, wanted=f"{count} spend rows", **which)

    def wait_until(self, holds, wanted="other spend rows", **which):
        """The rows, as soon as ``holds`` is true of them."""
        looked_for = f"{wanted} of {which} expected"
        return until(lambda: self.rows(**which), holds, every_s=LOOK_EVERY_S, told=lambda: f"{looked_for}, there are: {self.rows()}")

    def clear(self):
        """Forget what is there. The file stays: the proxy may be writing to it."""
        self._skipped = len(self._all())

    def _all(self):
        text = self.path.read_text() if self.path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _fits(logged, wanted):
    return all(value is None or logged.get(name) == value for name, value in wanted.items())
