"""How far a replay has come, kept in a file, so that one that was interrupted goes on there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.pages import unwritable
from litellm_cascade.offline.traffic.reading import Reading
from litellm_cascade.offline.traffic.replaying import Replay

EVERY_S = 5.0
FORMAT = 2


@dataclass(slots=True, kw_only=True)
class Progress:
    """What was done of a replay. ``what``: traffic, policy and classifier; none of them may have changed. No file: nothing is kept."""

    file: Path | None
    what: dict[str, str]
    every_s: float = EVERY_S
    _noted: float = field(default_factory=time.monotonic)

    def read(self) -> tuple[int, Replay | None]:
        """The rows that are done, and what came of them. Raises ConfigurationError where the file is of something else."""
        if self.file is None or not self.file.exists():
            return 0, None
        try:
            kept = json.loads(self.file.read_text(encoding="utf-8"))
            if kept["format"] == FORMAT and kept["what"] == self.what:
                return int(kept["rows"]), Replay.restored(kept["done"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise ConfigurationError([f"{self.file}: is no replay that was interrupted; name another file with --resume"]) from None
        raise ConfigurationError([f"{self.file}: is of other traffic, another policy or another classifier; remove it to begin anew"])

    def noting(self, reading: Reading) -> Callable[[Replay], None]:
        """What is to be called after each request, when all of it is counted. An interrupt loses what came after the last writing."""

        def note(done: Replay) -> None:
            if self.file is not None and time.monotonic() - self._noted > self.every_s:
                self._write(self.file, reading, done)

        return note

    def end(self) -> None:
        """All is done: the file goes."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)

    def _write(self, file: Path, reading: Reading, done: Replay) -> None:
        beside = file.with_suffix(f"{file.suffix}.part")
        content: dict[str, Any] = {"format": FORMAT, "what": self.what, "rows": reading.rows, "done": done.state()}
        try:
            beside.write_text(json.dumps(content), encoding="utf-8")
            beside.replace(file)
        except OSError as error:
            raise unwritable(file, error) from None
        self._noted = time.monotonic()
