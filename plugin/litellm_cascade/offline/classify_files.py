"""Prompts of a file, classified into another: a line for each line, whole or not at all, and gone on with after an interruption.

The answers are written beside the file they are meant for (``OUT.part``), which takes its place when the last one is there. What that
part belongs to stands in ``OUT.part.json``: it is gone on with only if input, classifier and options are still the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.classifying import PromptReader

HASHED_AT_ONCE = 1 << 20  # bytes
OWN = "input."
"""Before a name of the input that one of ours would overwrite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be done, and how much of it: ``lines`` of ``source``, of which ``done`` are in ``part`` already."""

    source: Path
    target: Path
    part: Path  # where the answers go until all are there
    note: Path  # what the part belongs to
    lines: int
    done: int
    writing: BinaryIO
    """The part, which is this run's alone until it is closed."""


def prepare(source: Path, target: Path, asked: dict[str, Any]) -> Job:
    """Find out what there is to do; ``asked`` is what else the answers depend on. Raises ``ConfigurationError``."""
    target = target.resolve() if target.is_symlink() else target  # the file takes the place of a file, not of the link to it
    if target.exists() and target.samefile(source):
        raise ConfigurationError([f"--output {target} is the input itself; name another file"])
    if not target.parent.is_dir():
        raise ConfigurationError([f"--output {target}: there is no folder {target.parent}; make it first"])
    if target.exists() and not target.is_file():
        raise ConfigurationError([f"--output {target} is no file but a pipe or a device, and a file would take its place; name a file"])
    if not source.is_file():
        raise ConfigurationError([f"--input {source} is a pipe, which cannot be read twice; write it to a file first"])
    part, note = (target.with_name(f"{target.name}.{ending}") for ending in ("part", "part.json"))
    if any(kept.exists() and kept.samefile(source) for kept in (part, note)):
        raise ConfigurationError([f"--output {target} would be written over the input on its way; name another file"])
    digest, lines = _measured(source)
    belongs_to = {"sha256": digest, **asked}
    writing = _alone(part)
    done = _whole_lines(part) if _read_note(note) == belongs_to else 0
    if not done:
        writing.truncate(0)
        note.write_text(json.dumps(belongs_to), encoding="utf-8")
    return Job(source=source, target=target, part=part, note=note, lines=lines, done=done, writing=writing)


def _alone(part: Path) -> BinaryIO:
    """Opened to append to, for nobody else as long as it is open. Raises ConfigurationError where it is somebody else's."""
    taken = ConfigurationError([f"{part} is being written by another run; wait until it has ended, or name another --output"])
    writing = part.open("ab")
    try:
        import fcntl  # noqa: PLC0415 - not on Windows

        fcntl.flock(writing, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        writing.close()
        raise taken from None
    except (OSError, ImportError):  # a file system, or a whole system, without locks
        return writing
    if not part.exists() or not os.path.samestat(part.stat(), os.fstat(writing.fileno())):  # it has just become the output
        writing.close()
        raise taken
    return writing


def run(job: Job, reader: PromptReader, *, at_once: int, complain: Callable[[str], None], advance: Callable[[int], None]) -> int:
    """Classify what is left, with a reader that is warm, and put the target in its place.

    How many lines of all have an error instead of an answer; ``complain`` hears a sentence for each of those that are new. Raises
    ``OSError`` where it cannot be written; nothing is lost then.
    """
    with job.source.open("rb") as source, job.writing as part, asyncio.Runner() as runner:
        numbered = islice(enumerate(source, 1), job.done, None)
        while batch := list(islice(numbered, at_once)):
            for answer in runner.run(_answers(batch, reader)):
                if "error" in answer:
                    complain(f"{job.source}:{answer['line']}: {answer['error']}")
                part.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
            part.flush()
            advance(len(batch))
        os.fsync(part.fileno())
    failed = sum(b'"error": ' in line and "error" in json.loads(line) for line in _lines(job.part))
    job.part.replace(job.target)
    job.note.unlink(missing_ok=True)
    return failed


async def _answers(batch: list[tuple[int, bytes]], reader: PromptReader) -> list[dict[str, Any]]:
    parsed = [_parsed(line) for _, line in batch]
    prompts = [record["prompt"] for record in parsed if "error" not in record]
    answers = iter(await reader.read_all(prompts))
    return [
        {"line": number, **(_joined(record, next(answers)) if "error" not in record else record)}
        for (number, _), record in zip(batch, parsed, strict=True)
    ]


def _parsed(line: bytes) -> dict[str, Any]:
    """The object of a line, or an ``error``. Objects with an ``error`` of their own keep it under another name."""
    try:
        record = json.loads(line, parse_constant=_finite, parse_float=_finite)
    except OverflowError:
        return {"error": "there is a number that JSON does not have, such as NaN; write null for it"}
    except (ValueError, RecursionError):
        return {"error": "this is no JSON; write one object with a `prompt` on each line"}
    if not isinstance(record, dict):
        return {"error": f"this is no JSON object but {_kind(record)}; write an object with a `prompt`"}
    if not isinstance(record.get("prompt"), str):
        what = f"the `prompt` is {_kind(record['prompt'])}; it must be text" if "prompt" in record else "there is no `prompt`"
        return {"error": what}
    return {(OWN + name if name in ("error", "line") else name): value for name, value in record.items()}


def _finite(written: str) -> float:
    """Raises ``OverflowError`` for what Python reads and cannot write as JSON again."""
    if not isfinite(number := float(written)):
        raise OverflowError
    return number


def _joined(record: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The line's own fields, then ours; where both have a name, its own becomes ``input.<name>``."""
    own = {(OWN + name if name in answer else name): value for name, value in record.items()}
    return own | answer


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names[type(value)]


def _measured(source: Path) -> tuple[str, int]:
    """The SHA-256 of a file, and how many lines it has."""
    hashed, lines, last = hashlib.sha256(), 0, b"\n"
    with source.open("rb") as content:
        while block := content.read(HASHED_AT_ONCE):
            hashed.update(block)
            lines += block.count(b"\n")
            last = block[-1:]
    return hashed.hexdigest(), lines + (last != b"\n")


def _read_note(note: Path) -> Any:
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _whole_lines(part: Path) -> int:
    """How many answers an earlier run has left; half a line at the end, where it was killed while it wrote, is cut off."""
    if not part.is_file():
        return 0
    lines, length = 0, 0
    for line in _lines(part):
        if line.endswith(b"\n"):
            lines, length = lines + 1, length + len(line)
    with part.open("rb+") as content:
        content.truncate(length)
    return lines


def _lines(file: Path) -> Iterator[bytes]:
    opened: BinaryIO
    with file.open("rb") as opened:
        yield from opened
