"""An engine that ships for tests and benchmarks: 32 logits that depend on the prompt alone, from a device of a known speed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.classifiers.eight_heads import LOGITS
from litellm_cascade.classifiers.servable import Encoded, Servable
from litellm_cascade.errors import ClassifierError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from litellm_cascade.classifiers.base import Surroundings
    from litellm_cascade.classifiers.batching import Ids

VOCABULARY: Final = 30_000
LONGEST: Final = 512
CHARACTERS: Final = LONGEST * 12


@dataclass(kw_only=True)
class FakeEngine:
    """Answers ``logits_of`` each prompt after ``seconds`` a batch, whatever its size, as a device does that is far from full.

    ``batches`` remembers how many prompts each batch had. A prompt with ``fails_on`` among its ids makes its batch fail.
    """

    seconds: float = 0.0
    fails_on: int | None = None
    batches: list[int] = field(default_factory=list)

    def logits(self, prompts: Sequence[Ids]) -> NDArray[np.float32]:
        """[len(prompts), 32]."""
        self.batches.append(len(prompts))
        if self.seconds:
            time.sleep(self.seconds)
        if any(self.fails_on in ids for ids in prompts):
            raise ClassifierError("the fake engine was told to fail")
        return np.stack([logits_of(ids) for ids in prompts])


def logits_of(ids: Ids) -> NDArray[np.float32]:
    """32 numbers between -4 and 4 that are the same for the same ids on every machine."""
    digest = hashlib.blake2b(np.asarray(ids, "<i8").tobytes(), digest_size=LOGITS).digest()
    return np.asarray((np.frombuffer(digest, np.uint8) - 127.5) / 32, np.float32)


def encode(text: str) -> Encoded:
    """A token a word, between 1 and 2, which stand at the ends."""
    words = text[:CHARACTERS].split()
    ids = [
        3 + int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=4).digest()) % (VOCABULARY - 3)
        for word in words
    ]
    return Encoded(ids=[1, *ids[: LONGEST - 2], 2], truncated=len(ids) > LONGEST - 2 or len(text) > CHARACTERS)


def fake(options: Mapping[str, Any], around: Surroundings) -> Servable:  # noqa: ARG001 -- the factory's signature
    """``litellm_cascade.testing.logits:fake``, with the options ``milliseconds`` a batch takes and ``load_seconds`` loading takes."""
    time.sleep(float(options.get("load_seconds", 0)))
    engine = FakeEngine(seconds=float(options.get("milliseconds", 0)) / 1000)
    return Servable(name="fake", digest="fake", engine=engine, encode=encode, vocabulary=VOCABULARY, longest=LONGEST)
