"""JSON objects from files that may be larger than memory: one a line, the members of one array, or the rows of a parquet file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from litellm_cascade.audit.ledger.files import chains_in, named
from litellm_cascade.errors import ConfigurationError

CHUNK = 1 << 16
LARGEST = 1 << 26
"""Bytes of one line or one member of an array. A million tokens of text are about 4 MiB; more is no request."""
PARQUET = ".parquet"
ROWS_AT_ONCE = 8192
"""Rows of a parquet file that are in memory together."""
_BETWEEN = " \t\r\n,"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One object, and where it stands: ``file:line``."""

    file: Path
    line: int
    content: Mapping[str, Any]

    def problem(self, sentence: str) -> ConfigurationError:
        """What is wrong with it."""
        return unusable(self.file, sentence, self.line)


class Source(Protocol):
    """Where rows come from. To be read once; ``digest`` is of all that was read so far, ``size`` what there is to read.

    ``name`` stands for it in outputs, ``state`` tells whether it is still what it was. ``advance`` is told how much was read each time, in
    the unit of the size.
    """

    advance: Callable[[int], object]

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def state(self) -> str: ...

    def __iter__(self) -> Iterator[Row]: ...


class Rows:
    """The objects of a file, or of the files of a decision record in a folder, in order. Sizes are in bytes."""

    def __init__(self, path: Path, advance: Callable[[int], object] = lambda _: None, name: str | None = None) -> None:
        self.path = path
        self.advance = advance
        self._name = name
        self._hash = hashlib.sha256()

    @property
    def name(self) -> str:
        """Without its folder, which is nobody's business."""
        return self._name or self.path.name

    @property
    def digest(self) -> str:
        """``sha256:`` and 64 hexadecimal digits."""
        return f"sha256:{self._hash.hexdigest()}"

    @property
    def size(self) -> int:
        """Of all files."""
        return sum(file.stat().st_size for file in files_in(self.path) if file.is_file())

    @property
    def state(self) -> str:
        """Names, sizes and times of the files, hashed."""
        known = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files_in(self.path)]
        return hashlib.sha256(repr(known).encode()).hexdigest()

    def __iter__(self) -> Iterator[Row]:
        found = False
        for file in files_in(self.path):
            try:
                with file.open("rb") as content:
                    for row in self._rows(file, content):
                        found = True
                        yield row
            except OSError as error:
                raise unusable(file, f"cannot be read ({(error.strerror or type(error).__name__).lower()})") from None
        if not found:
            raise unusable(self.path, "holds no requests; give a decision record, LiteLLM spend logs, or requests as JSON, one a line")

    def _rows(self, file: Path, content: BinaryIO) -> Iterator[Row]:
        if file.suffix == PARQUET:
            yield from self._table(file, content)
            return
        first = content.read(CHUNK).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        content.seek(0)
        yield from (self._members if first == b"[" else self._lines)(file, content)

    def _lines(self, file: Path, content: BinaryIO) -> Iterator[Row]:
        number = 0
        while raw := content.readline(LARGEST + 1):
            number += 1
            self._count(raw)
            if len(raw) > LARGEST:
                raise unusable(file, f"is longer than {LARGEST >> 20} MiB; write one request a line", number)
            is_torn = named(file) is not None and not raw.endswith(b"\n")  # the record is being written, or its process died
            if raw.strip(b"\xef\xbb\xbf \t\r\n") and not is_torn:
                yield Row(file=file, line=number, content=_parsed(file, number, raw))

    def _members(self, file: Path, content: BinaryIO) -> Iterator[Row]:
        """The members of an array, with no more of it in memory than the largest member takes, twice."""
        window = _Window(file, content, self._count)
        window.skip("[")
        while not window.ends():
            line, member = window.member()
            yield Row(file=file, line=line, content=_an_object(file, line, member))

    def _table(self, file: Path, content: BinaryIO) -> Iterator[Row]:
        """The rows of a parquet file, some thousands at a time; what is null is left out."""
        if find_spec("polars") is None:
            raise unusable(file, "parquet needs polars: pip install 'litellm-cascade[lab]'")
        import polars as pl  # noqa: PLC0415 - the extra lab

        while raw := content.read(CHUNK):
            self._hash.update(raw)
        try:
            table = pl.scan_parquet(file)
            height = int(table.select(pl.len()).collect().item())
            for begin in range(0, height, ROWS_AT_ONCE):
                batch = table.slice(begin, ROWS_AT_ONCE).collect()
                self.advance(file.stat().st_size * batch.height // height)
                for number, row in enumerate(batch.iter_rows(named=True), begin + 1):
                    yield Row(file=file, line=number, content={name: _as_json(value) for name, value in row.items() if value is not None})
        except pl.exceptions.PolarsError as error:
            raise unusable(file, f"cannot be read as parquet ({type(error).__name__}); write it again, or give JSON") from None

    def _count(self, raw: bytes) -> None:
        self._hash.update(raw)
        self.advance(len(raw))


class _Window:
    """The part of an array that is in memory."""

    def __init__(self, file: Path, content: BinaryIO, count: Callable[[bytes], None]) -> None:
        self._file, self._content, self._count = file, content, count
        self._decoder = json.JSONDecoder(parse_constant=_refuse)
        self._text, self._at, self._line, self._rest = "", 0, 1, b""
        self._more(CHUNK)

    def skip(self, characters: str) -> None:
        """Go on behind these, and behind what may stand between members."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in characters + _BETWEEN + "\ufeff":
                self._step(self._at + 1)
            if self._at < len(self._text) or not self._more(CHUNK):
                return

    def ends(self) -> bool:
        """At the bracket that closes the array. Raises where the file ends before it."""
        self.skip("")
        if self._at >= len(self._text):
            raise unusable(self._file, "the array is not closed; the file was cut off", self._line)
        return self._text[self._at] == "]"

    def member(self) -> tuple[int, Any]:
        """The next one, with its line."""
        line, step = self._line, CHUNK
        while True:
            with suppress(json.JSONDecodeError):
                value, end = self._decoded(line)
                self._step(end)
                return line, value
            if len(self._text) - self._at > LARGEST or not self._more(step):
                raise unusable(self._file, "is not JSON, or was cut off; write an array of objects, or one object a line", line)
            step *= 2

    def _decoded(self, line: int) -> tuple[Any, int]:
        try:
            return self._decoder.raw_decode(self._text, self._at)
        except _NoNumberError:
            raise unusable(self._file, NO_NUMBER, line) from None
        except RecursionError:
            raise unusable(self._file, "is nested too deeply", line) from None

    def _step(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _more(self, size: int) -> bool:
        raw = self._content.read(size)
        self._count(raw)
        text, self._rest = _whole_characters(self._rest + raw)
        self._text, self._at = self._text[self._at :] + text, 0
        return bool(raw)


class _NoNumberError(Exception):
    """NaN or Infinity, which Python reads and JSON does not have."""


NO_NUMBER = "holds NaN or Infinity, which JSON does not have; write null for what is not known"


def files_in(path: Path) -> list[Path]:
    """The file, or the files of the decision record in a folder."""
    if not path.is_dir():
        return [path]
    files = [file for numbered in chains_in([path]).values() for file in numbered.values()]
    if not files:
        raise unusable(path, "is a folder without a decision record; name a file, or the folder that the proxy's `record` names")
    return files


def unusable(path: Path, sentence: str, line: int | None = None) -> ConfigurationError:
    """What is wrong with a file."""
    return ConfigurationError([f"{path}:{line}: {sentence}" if line is not None else f"{path}: {sentence}"])


def _parsed(file: Path, number: int, raw: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse)
    except _NoNumberError:
        raise unusable(file, NO_NUMBER, number) from None
    except (ValueError, RecursionError):
        raise unusable(file, "is not JSON; write one object a line, or an array of objects", number) from None
    return _an_object(file, number, value)


def _an_object(file: Path, number: int, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise unusable(file, "is no JSON object; every request is one", number)
    return value


def _as_json(value: Any) -> Any:
    """A cell as JSON would have it: times as text."""
    return value.isoformat() if isinstance(value, (date, time)) else value


def _whole_characters(raw: bytes) -> tuple[str, bytes]:
    """The text, and the bytes of a character that is not complete yet. Bytes that are no text become replacement characters."""
    cut = next((size for size in (1, 2, 3) if len(raw) >= size and raw[-size] >= 0xC0), 0)  # noqa: PLR2004 - first byte of several
    return (raw[:-cut].decode("utf-8", "replace"), raw[-cut:]) if cut else (raw.decode("utf-8", "replace"), b"")


def _refuse(_: str) -> Any:
    raise _NoNumberError
