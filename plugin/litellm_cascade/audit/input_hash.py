"""What was asked, as a hash: equal conversations can be told, and one that is at hand can be compared, but none can be read from it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable

from litellm_cascade.vocabulary import Turn


def input_hash(turns: Iterable[Turn], salt: bytes) -> str:
    """HMAC-SHA256 over the JSON list of ``[role, text]`` (ASCII, no spaces), 64 hexadecimal digits."""
    said = json.dumps([[turn.role, turn.text] for turn in turns], separators=(",", ":"))
    return hmac.new(salt, said.encode(), hashlib.sha256).hexdigest()
