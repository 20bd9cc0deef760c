"""One file after another, written so that a failure leaves whole lines only."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from litellm_cascade.audit.ledger.chain import Sealer
from litellm_cascade.audit.ledger.codec import canonical
from litellm_cascade.audit.ledger.files import PRIVATE, file_of, head_of, replace, sync_folder


@dataclass(frozen=True, slots=True)
class Entry:
    """A sealed line with the file it belongs to."""

    line: bytes
    file: int
    seq: int
    hash: str
    at: str


def sealed_head(sealer: Sealer, chain: str, last: Entry) -> bytes:
    """How far a chain has come, as a line."""
    return sealer.sealed(canonical({"chain": chain, "file": last.file, "seq": last.seq, "record": last.hash, "at": last.at}))[0]


class FileAppender:
    """The files of one chain, open for writing. Every method may raise OSError; what it was given can then be given again."""

    def __init__(self, folder: Path, chain: str, sealer: Sealer) -> None:
        self._folder, self._chain, self._sealer = folder, chain, sealer
        self._descriptor: int | None = None
        self._file = 0
        self._end = 0  # where the last whole line ends
        self._last: Entry | None = None

    def write(self, entries: Sequence[Entry]) -> None:
        """Append lines of one file."""
        descriptor = self._open(entries[0].file)
        text = b"".join(entry.line for entry in entries)
        _write_all(descriptor, text)
        self._end += len(text)
        self._last = entries[-1]

    def sync(self) -> None:
        """Force what was written to the disk, and only then say so in the head."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)
            if os.fstat(self._descriptor).st_nlink == 0:
                raise OSError(errno.ENOENT, f"file {self._file} of the chain was removed")
        self.checkpoint(to_disk=True)

    def checkpoint(self, *, to_disk: bool) -> None:
        """Write down how far the chain has come: lines cut off its end are missed when it is verified."""
        last = self._last
        if last is not None:
            replace(head_of(self._folder, self._chain), sealed_head(self._sealer, self._chain, last), to_disk=to_disk)

    def close(self) -> None:
        """Let go of the file. When it is opened again it is cut back to where the last whole line ends."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _open(self, number: int) -> int:
        if self._descriptor is not None and number != self._file:
            self.sync()  # a finished file is safe before the next one names its last hash
            self.close()
        if self._descriptor is None:
            is_new = number != self._file
            path = file_of(self._folder, self._chain, number)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
            self._end = 0 if is_new else min(self._end, os.fstat(self._descriptor).st_size)
            self._file = number
            os.ftruncate(self._descriptor, self._end)
            os.lseek(self._descriptor, self._end, os.SEEK_SET)
            sync_folder(self._folder)
        return self._descriptor


def _write_all(descriptor: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
