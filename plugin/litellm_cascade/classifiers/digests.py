"""What names a model in spans and records: its files, by what is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

PIECE: Final = 1 << 20  # bytes; the whole would stay in memory
DIGITS: Final = 16


def digest_of(*files: Path) -> str:
    """The first 16 hexadecimal digits of the SHA-256 over the files' bytes, in this order. Raises ``OSError``."""
    found = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                found.update(piece)
    return found.hexdigest()[:DIGITS]
