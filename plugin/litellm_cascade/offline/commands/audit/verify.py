"""``cascade audit verify``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.audit.ledger.files import chains_in, headless
from litellm_cascade.audit.ledger.verifying import KeyNeededError, Verdict, verify_chain
from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.plainly import shown
from litellm_cascade.offline.record_places import DatabaseEnv, Paths, places


def verify(
    paths: Paths = None,
    database_env: DatabaseEnv = None,
    hmac_key_env: Annotated[str | None, typer.Option(metavar="NAME", help="The environment variable that holds the key.")] = None,
    allow_missing_start: Annotated[
        bool, typer.Option("--allow-missing-start", help="The oldest files of a chain were removed on purpose.")
    ] = False,
) -> None:
    """Find every line that was edited, removed, moved, cut off or inserted.

    Each finding is one line: file:line, the number of the line in its chain, and what is wrong. Notes, which are no findings, begin with
    "note:": requests that were not recorded because the disk was full, a last line that a crash left unfinished.

    Exit codes: 0 nothing was found, 1 something was, or a file cannot be opened, or the database does not answer, 2 a path that does not
    exist, nothing to verify, or the key is needed.

    For example:
      cascade audit verify .cascade/record
      cascade audit verify /var/lib/cascade/record --hmac-key-env CASCADE_RECORD_KEY
      cascade audit verify --database-env DATABASE_URL
    """
    key = _key(hmac_key_env)
    with places(paths, database_env) as found:
        lines, code = _verified(found, key, start_may_be_missing=allow_missing_start)
        copy = f"{found[-1]}/" if database_env is not None else ""
    for line in lines:
        typer.echo(shown(line.replace(copy, "")))  # whoever wrote into the record has chosen some of its words
    raise typer.Exit(code)


def _verified(paths: list[Path], key: bytes | None, *, start_may_be_missing: bool) -> tuple[list[str], int]:
    """What there is to say, and the exit code."""
    chains, lonely = chains_in(paths), headless(paths)
    if not chains and not lonely:
        raise typer.BadParameter("there is no file of a record in what was named")
    orphans = [f"{head}: the files of this chain are missing; only its head is left" for head in lonely]
    try:
        verdicts = [verify_chain(name, files, key=key, start_may_be_missing=start_may_be_missing) for (_, name), files in chains.items()]
    except KeyNeededError as error:
        raise typer.BadParameter(f"{shown(str(error))} with --hmac-key-env") from None
    found = len(orphans) + sum(len(verdict.findings) for verdict in verdicts)
    return [*orphans, *_lines(verdicts), _summary(verdicts, found)], 1 if found else 0


def _key(name: str | None) -> bytes | None:
    if name is None:
        return None
    if not os.environ.get(name):
        raise typer.BadParameter(f"the environment variable {name} is not set", param_hint="--hmac-key-env")
    return os.environ[name].encode()


def _lines(verdicts: Iterable[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        yield from verdict.findings
        yield from (f"note: {verdict.chain}: {note}" for note in verdict.notes)


def _summary(verdicts: list[Verdict], found: int) -> str:
    requests, files, lost = (sum(getattr(verdict, name) for verdict in verdicts) for name in ("requests", "files", "lost"))
    read = f"{counted(len(verdicts), 'chain')}, {counted(files, 'file')}, {counted(requests, 'request')}"
    feedback = sum(verdict.feedback for verdict in verdicts)
    read += f", {counted(feedback, 'line')} of feedback" if feedback else ""
    return f"{read}: {counted(found, 'finding')}" + (f", {counted(lost, 'request')} not recorded" if lost else "")
