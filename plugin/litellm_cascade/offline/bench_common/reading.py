"""The tables of a data folder, checked: what is missing in a file is told in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from litellm_cascade.classifiers import digests
from litellm_cascade.errors import ConfigurationError

FOLDERS = ("", "internal", "shareable")
"""Where a file may lie in a data folder; the first that has it counts."""
DIGITS = 12
"""Of a SHA-256, as results name their data."""


def find_file(folder: Path, name: str, inside: Sequence[str] = FOLDERS) -> Path | None:
    """The file of that name; None when the folder has none."""
    return next((path for part in inside if (path := folder / part / name).is_file()), None)


def need_file(folder: Path, name: str, inside: Sequence[str] = FOLDERS) -> Path:
    """The file of that name. Raises ConfigurationError when the folder has none."""
    path = find_file(folder, name, inside)
    if path is None:
        raise ConfigurationError(
            [f"{folder}: there is no {name} here or in {' or '.join(filter(None, inside))}; name a folder with --data"]
        )
    return path


def need_lab(command: str) -> None:
    """Raises ConfigurationError when the extra ``lab`` is not installed."""
    if find_spec("polars") is None or find_spec("sklearn") is None:
        raise ConfigurationError([f"{command} needs polars and scikit-learn: pip install 'litellm-cascade[lab]'"])


def basis_of(fit: Path | None) -> str:
    """What methods are fitted on, for those who read the figures."""
    return "another folder's records" if fit is not None else "the records not marked test, or where none is, the folds not scored"


def read_table(path: Path, columns: Iterable[str] = ()) -> Any:
    """A parquet file as a polars table with at least these columns and one row. Raises ConfigurationError in one sentence."""
    import polars as pl  # noqa: PLC0415 - the extra lab

    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigurationError([f"{path}: is no parquet file that can be read ({type(error).__name__}); write it again"]) from None
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise ConfigurationError([f"{path}: has no column {' and no '.join(map(repr, missing))}; it has {', '.join(table.columns)}"])
    if table.is_empty():
        raise ConfigurationError([f"{path}: holds no row; nothing can be measured on it"])
    return table


def no_gaps(path: Path, table: Any, columns: Iterable[str]) -> None:
    """Raises ConfigurationError at the first of these columns with a value that is missing or no finite number."""
    for name in columns:
        values = table[name]
        lacking = int(values.null_count()) or (int((~values.is_finite()).sum()) if values.dtype.is_float() else 0)
        if lacking:
            raise ConfigurationError([f"{path}: {lacking} of {len(table)} rows have no finite {name!r}; leave such rows out"])


def none_negative(path: Path, table: Any, columns: Iterable[str]) -> None:
    """Raises ConfigurationError at the first of these columns, of those that are there, with a number below 0."""
    for name in table.columns:
        below = int((table[name] < 0).sum()) if name in columns and table[name].dtype.is_numeric() else 0
        if below:
            raise ConfigurationError(
                [f"{path}: {below} of {len(table)} rows have a {name!r} below 0; write what was paid, or leave it empty"]
            )


def digest_of(paths: Sequence[Path]) -> str:
    """The start of the SHA-256 over the bytes of files."""
    return digests.digest_of(*paths)[:DIGITS]
