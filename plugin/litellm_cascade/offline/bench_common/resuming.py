"""A benchmark that was interrupted goes on where it was: what each set gave is kept beside the JSON until all of it is written."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litellm_cascade.errors import ConfigurationError

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is done already. ``key``: everything that the rows depend on; another key is another run. ``folder`` None: nothing is kept."""

    folder: Path | None
    key: Mapping[str, Any]

    def rows(self, name: str, measure: Callable[[], Rows]) -> Rows:
        """The rows of a part: as they were kept, else measured and kept."""
        kept = self.kept(name)
        return kept if kept is not None else self.keep(name, measure())

    def kept(self, name: str) -> Rows | None:
        """The rows of a part that is done; None where it is not."""
        return None if self.folder is None else _kept(self.folder / f"{self._digest(name)}.json")

    def keep(self, name: str, rows: Rows) -> Rows:
        """The rows, which are kept from now on."""
        if self.folder is not None:
            _write(self.folder / f"{self._digest(name)}.json", json.dumps(rows))
        return rows

    def done(self) -> None:
        """All is written elsewhere."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _digest(self, name: str) -> str:
        return hashlib.sha256(json.dumps([name, self.key], sort_keys=True, default=str).encode()).hexdigest()[:24]


def parts_beside(json_file: Path | None, key: Mapping[str, Any]) -> Parts:
    """In the folder ``NAME.json.parts`` next to where the result will be written."""
    return Parts(folder=json_file.with_name(f"{json_file.name}.parts") if json_file is not None else None, key=key)


def _kept(file: Path) -> Rows | None:
    try:
        rows: Rows = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there, or cut off in the middle
        return None
    return rows


def _write(file: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beginning = file.with_suffix(".part")
        beginning.write_text(text, encoding="utf-8")
        beginning.replace(file)
    except OSError as error:
        raise ConfigurationError([f"{file.parent}: cannot be written ({error.strerror}); write --json elsewhere"]) from None
