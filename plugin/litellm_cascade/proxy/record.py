"""The decision record of this process, as the settings want it. What speaks against it is said at start-up, in one sentence each."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from litellm_cascade.audit.ledger import LedgerOptions
from litellm_cascade.audit.ledger.database import prepare
from litellm_cascade.audit.ledger.options import Url
from litellm_cascade.errors import StartupError
from litellm_cascade.proxy.settings import RecordSettings

FROM_ENVIRONMENT = "os.environ/"
SCHEMES = ("postgresql://", "postgres://")
LITELLMS_DATABASE = "DATABASE_URL"
"""Also where the configuration names the database: LiteLLM writes it there when it starts, and renews its password there."""
SHORTEST_KEY = 32
"""Characters: 128 bits, written in hexadecimal."""
SETTING = "callback_settings.cascade.record"
MEBIBYTE = 1024 * 1024


def record_options(
    settings: RecordSettings, config_file: str | None, environ: Mapping[str, str] = os.environ, general: Mapping[str, Any] | None = None
) -> LedgerOptions | None:
    """Where and how the record is kept; None when neither a folder nor a database is named. ``general``: LiteLLM's general_settings.

    Raises StartupError where it could not be kept like that.
    """
    _refuse_what_is_not_set(settings)
    if settings.folder is None and not settings.postgres:
        return None
    if settings.folder is not None and settings.postgres:
        raise StartupError([f"cascade: {SETTING}: folder and postgres are two places for one record; take one of them out"])
    beside = Path(config_file).resolve().parent if config_file else Path.cwd()
    in_files = settings.folder is not None and settings.fsync_ms != "never"
    return LedgerOptions(
        folder=_writable(beside / settings.folder) if settings.folder is not None else None,
        database=_database(settings.postgres, environ, general or {}) if settings.postgres else None,
        fsync_ms=float(settings.fsync_ms) if in_files else None,
        rotate_bytes=int(settings.rotate_mb * MEBIBYTE),
        rotate_seconds=settings.rotate_hours * 3600,
        queue_records=settings.queue_records,
        key=_key(settings.hmac_key, environ),
    )


def prepare_database(options: LedgerOptions, warn: Callable[[str], object]) -> None:
    """See that the database of a record takes lines. One that does not will be tried again with the first line: requests go on."""
    if options.database is None:
        return
    try:
        prepare(options.database())
    except OSError as error:
        warn(f"cascade: {SETTING}.postgres: the decision record cannot be written now ({error.strerror}); it will be tried again")


def facts_of(policies: Callable[[], Mapping[str, str]]) -> Callable[[], dict[str, Any]]:
    """What the first line of a chain says of its process. ``policies`` gives the digest of each in use; versions are read now."""
    versions = {name: version(name) for name in ("litellm-cascade", "litellm")} | {"python": platform.python_version()}
    return lambda: {"versions": versions, "policies": policies(), "pid": os.getpid()}


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        problem = f"{folder} cannot be written ({error.strerror}); give the proxy's user the right to, or name another folder"
        raise StartupError([f"cascade: {SETTING}.folder: {problem}"]) from None


def _refuse_what_is_not_set(settings: RecordSettings) -> None:
    """A variable that is not set comes from LiteLLM as nothing at all, and neither a record nor its key is to be done without unnoticed."""
    for name in ("folder", "postgres", "hmac_key"):
        if name in settings.model_fields_set and getattr(settings, name) in (None, ""):
            remedy = "set that variable, or take the setting out"
            raise StartupError([f"cascade: {SETTING}.{name}: there is nothing in it, or in the environment variable it names; {remedy}"])


def _database(written: bool | str, environ: Mapping[str, str], general: Mapping[str, Any]) -> Url:
    """What gives the URL, for each connection anew. What was written is not repeated: it holds a password."""
    if find_spec("psycopg") is None:
        raise StartupError([f'cascade: {SETTING}.postgres: this needs psycopg; pip install "litellm-cascade[postgres]"'])
    configured = str(general.get("database_url") or "") if written is True else str(written)
    if written is True and environ.get(LITELLMS_DATABASE):
        return lambda: environ.get(LITELLMS_DATABASE, "")
    if not configured:
        remedy = "set general_settings.database_url or DATABASE_URL, or name another database's URL by os.environ/NAME"
        raise StartupError([f"cascade: {SETTING}.postgres: LiteLLM has no database; {remedy}"])
    if not configured.startswith(SCHEMES):
        raise StartupError([f"cascade: {SETTING}.postgres: what is there does not begin with {SCHEMES[0]}; give the URL of a database"])
    return lambda: configured


def _key(written: str | None, environ: Mapping[str, str]) -> bytes | None:
    if written is None:
        return None
    name = written.removeprefix(FROM_ENVIRONMENT) if written.startswith(FROM_ENVIRONMENT) else None
    key = environ.get(name, "") if name is not None else written
    if len(key) < SHORTEST_KEY:
        what = f"the environment variable {name}" if name is not None else "it"
        is_short = f"has {len(key)} characters" if key else "is not set"
        remedy = f"a key needs {SHORTEST_KEY} or more, for example from `openssl rand -hex 32`"
        raise StartupError([f"cascade: {SETTING}.hmac_key: {what} {is_short}; {remedy}"])
    return key.encode()
