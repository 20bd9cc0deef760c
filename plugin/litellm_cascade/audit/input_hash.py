"""What was asked, as a hash: equal conversations can be told, and one that is at hand can be compared, but none can be read from it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from functools import lru_cache

from litellm_cascade.vocabulary import Turn

WRITTEN = json.JSONEncoder(separators=(",", ":")).encode


def input_hash(turns: Iterable[Turn], salt: bytes) -> str:
    """HMAC-SHA256 over the JSON list of ``[role, text]`` (ASCII, no spaces), 64 hexadecimal digits."""
    hashing = _salted(salt).copy()
    hashing.update(WRITTEN([[turn.role, turn.text] for turn in turns]).encode())
    return hashing.hexdigest()


@lru_cache(maxsize=4)
def _salted(salt: bytes) -> hmac.HMAC:
    """Begun once: to look the algorithm up and take in the salt costs more than to hash a prompt."""
    return hmac.new(salt, digestmod=hashlib.sha256)
