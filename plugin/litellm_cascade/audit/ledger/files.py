"""The files of a chain: ``<chain>.0001.jsonl``, ``<chain>.0002.jsonl`` and so on, and ``<chain>.head``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

ENDING = ".jsonl"
HEAD = ".head"
PRIVATE = 0o600
"""They hold who asked, though not what."""

_NAME = re.compile(r"(.+)\.(\d{4,})\.jsonl")


def file_of(folder: Path, chain: str, number: int) -> Path:
    """Where a file of a chain lies."""
    return folder / f"{chain}.{number:04d}{ENDING}"


def head_of(folder: Path, chain: str) -> Path:
    """Where the head of a chain lies."""
    return folder / f"{chain}{HEAD}"


def named(file: Path) -> tuple[str, int] | None:
    """The chain and the number in a file's name; None for a file that is no part of a record."""
    match = _NAME.fullmatch(file.name)
    return (match[1], int(match[2])) if match else None


def chains_in(paths: Iterable[Path]) -> dict[tuple[Path, str], dict[int, Path]]:
    """The files of each chain by number, in order. Of a folder all its files count, of a file the file itself."""
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    found: dict[tuple[Path, str], dict[int, Path]] = {}
    for file in files:
        name = named(file)
        if name is not None:
            found.setdefault((file.parent, name[0]), {})[name[1]] = file
    return {key: dict(sorted(numbered.items())) for key, numbered in sorted(found.items())}


def headless(paths: Iterable[Path]) -> list[Path]:
    """Heads whose chain has no file any more."""
    heads = [file for path in paths if path.is_dir() for file in sorted(path.glob(f"*{HEAD}"))]
    return [head for head in heads if not any(head.parent.glob(f"{head.name.removesuffix(HEAD)}.*{ENDING}"))]


def replace(path: Path, content: bytes, *, to_disk: bool) -> None:
    """Write a small file so that whoever reads it sees the old content or the new one, never a part."""
    beside = path.with_suffix(".tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    try:
        os.write(descriptor, content)
        if to_disk:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)


def sync_folder(folder: Path) -> None:
    """Force the names of new files to the disk, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
