"""The chain: each line has a sequence number, the hash of the line before it, and at its end its own hash.

The hash is over the bytes of the line before ``,"hash":``, closed by a brace. With a key it is an HMAC, which nobody without the key
can make: any change is found. Without one it is a plain SHA-256: an accident, or a change that does not rewrite everything behind it, is
found; who may write to the folder could write the whole rest of the chain anew.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any

from litellm_cascade.audit.ledger.codec import quoted
from litellm_cascade.audit.ledger.options import subkey
from litellm_cascade.vocabulary import Receipt

BEGINNING = "0" * 64
"""What stands for the hash before the first line."""
SHA256, HMAC = "sha256", "hmac-sha256"

_SEALED = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}', re.DOTALL)


class Sealer:
    """Hashes lines, with a key or without."""

    def __init__(self, key: bytes | None = None) -> None:
        self._begun = hashlib.sha256() if key is None else hmac.new(subkey(key, "chain"), digestmod=hashlib.sha256)
        self.algorithm = SHA256 if key is None else HMAC
        self.key_id = subkey(key, "key id").hex()[:16] if key is not None else None
        """Tells two keys apart, and nothing about either."""

    def hash(self, body: bytes) -> str:
        """64 hexadecimal digits."""
        hashing = self._begun.copy()
        hashing.update(body)
        return hashing.hexdigest()

    def sealed(self, body: str) -> tuple[bytes, str]:
        """A JSON object as a line with its hash, and the hash."""
        written = body.encode()
        hashed = self.hash(written)
        return b'%s,"hash":"%s"}\n' % (written[:-1], hashed.encode()), hashed


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line as it was read, without its line break. ``seq`` is -1 and ``kind`` empty where the line does not say."""

    body: bytes = b""
    hash: str = ""
    seq: int = -1
    previous: str = ""
    chain: str = ""
    kind: str = ""
    content: dict[str, Any] | None = None

    def is_intact(self, sealer: Sealer) -> bool:
        """True when nothing in the line was changed since it was sealed."""
        return self.content is not None and hmac.compare_digest(sealer.hash(self.body), self.hash)


def parsed(raw: bytes) -> Line:
    """A line, however damaged."""
    match = _SEALED.fullmatch(raw)
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        return Line()
    if match is None or not isinstance(content, dict):
        return Line()
    seq, previous, chain, kind = (content.get(name) for name in ("seq", "previous", "chain", "kind"))
    return Line(
        body=match[1] + b"}",
        hash=match[2].decode(),
        seq=seq if isinstance(seq, int) and not isinstance(seq, bool) else -1,
        previous=str(previous),
        chain=str(chain),
        kind=str(kind),
        content=content,
    )


class Chain:
    """The growing end of one chain, in memory."""

    def __init__(self, name: str, sealer: Sealer) -> None:
        self.name = name
        self._sealer = sealer
        self._seq = -1
        self._last = BEGINNING

    def seal(self, kind: str, at: str, **members: str) -> tuple[bytes, Receipt, int]:
        """The next line, its receipt and its sequence number. ``members`` are JSON already."""
        self._seq += 1
        members = {
            "chain": quoted(self.name),
            "seq": str(self._seq),
            "previous": quoted(self._last),
            "at": quoted(at),
            "kind": quoted(kind),
            **members,
        }
        line, hashed = self._sealer.sealed("{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}")
        receipt, self._last = Receipt(hash=hashed, previous=self._last), hashed
        return line, receipt, self._seq
