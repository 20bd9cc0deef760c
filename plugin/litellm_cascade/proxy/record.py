"""The decision record of this process, as the settings want it. What speaks against it is said at start-up, in one sentence each."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from litellm_cascade.audit.ledger import LedgerOptions
from litellm_cascade.errors import StartupError
from litellm_cascade.proxy.settings import RecordSettings

FROM_ENVIRONMENT = "os.environ/"
SHORTEST_KEY = 32
"""Characters: 128 bits, written in hexadecimal."""
SETTING = "callback_settings.cascade.record"
MEBIBYTE = 1024 * 1024


def record_options(settings: RecordSettings, config_file: str | None, environ: Mapping[str, str] = os.environ) -> LedgerOptions | None:
    """Where and how the record is kept; None when no folder is named. Raises StartupError where it could not be kept like that."""
    if settings.folder is None:
        return None
    beside = Path(config_file).resolve().parent if config_file else Path.cwd()
    return LedgerOptions(
        folder=_writable(beside / settings.folder),
        fsync_ms=None if settings.fsync_ms == "never" else settings.fsync_ms,
        rotate_bytes=int(settings.rotate_mb * MEBIBYTE),
        rotate_seconds=settings.rotate_hours * 3600,
        queue_records=settings.queue_records,
        key=_key(settings.hmac_key, environ),
    )


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
