"""How the decision record is kept."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Url = Callable[[], str]
"""Asked again for each connection: LiteLLM renews short-lived passwords in its environment variable. It is never logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerOptions:
    """Where and how: in files of ``folder``, or in the PostgreSQL behind the URL that ``database`` gives.

    ``fsync_ms``: at most so long after it was written to a file a line is forced to the disk; 0: at once, None: when the operating system
    sees fit. A database keeps what is committed as it is set to.
    """

    folder: Path | None = None
    database: Url | None = None
    fsync_ms: float | None = 1000.0
    rotate_bytes: int = 64 * 1024 * 1024
    rotate_seconds: float = 24 * 3600.0
    queue_records: int = 10_000
    close_within_s: float = 5.0
    key: bytes | None = None


INPUT_HASH = "input hash"
"""The purpose of the key that salts the hashes of what was asked."""


def subkey(key: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, so that what one of them shows helps nobody with another."""
    return hmac.new(key, f"litellm-cascade {purpose}".encode(), hashlib.sha256).digest()
