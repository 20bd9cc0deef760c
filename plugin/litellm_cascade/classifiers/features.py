"""A prompt as numbers for the linear classifier: hashed n-grams and a few proportions. Used alike in training and in the proxy.

Hashes are CRC-32 of UTF-8 words and a polynomial over code points, both the same on every machine. Changing anything here makes the
shipped weights meaningless, which is why ``VERSION`` is stored in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from math import log1p
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

VERSION: Final = 1
HEAD_CHARACTERS: Final = 2_000
TAIL_CHARACTERS: Final = 600
BUCKETS: Final = 1 << 16
COMPLEXITY_ONLY: Final = 4  # the last dense features; they made the task types worse
EDGE_WORDS: Final = 6  # an instruction usually stands in the first or the last few words
_CHARACTER_NGRAMS: Final = (1, 2, 3, 4, 5)
_CHARACTERS_READ: Final = 600  # n-grams of characters carry style, which shows early

_WORD: Final = re.compile(r"[^\W_]+|[?!:;{}()\[\]=<>\"`|#*+/\\-]")
_LINE_WITH_LETTER: Final = re.compile(r"\n\(?[A-J][.)] ")


@dataclass(frozen=True, slots=True)
class Features:
    """Groups of bucket numbers, each group of length 1 in the Euclidean sense, and the dense part."""

    groups: tuple[NDArray[np.intp], ...]
    dense: NDArray[np.float32]


def read_features(text: str) -> Features:
    """Features of a text that is already cut to ``HEAD_CHARACTERS`` and ``TAIL_CHARACTERS``."""
    words = _WORD.findall(text.lower())
    return Features(groups=(_words(words), _edges(words), _characters(text.lower()[:_CHARACTERS_READ])), dense=_dense(text, len(words)))


def read_words(text: str) -> NDArray[np.intp]:
    """The first group alone: words and pairs of words."""
    return _words(_WORD.findall(text.lower()))


def _hashed(grams: Iterable[str]) -> NDArray[np.intp]:
    buckets = {crc32(gram.encode("utf-8", "surrogatepass")) % BUCKETS for gram in grams}
    return np.fromiter(buckets, np.intp, len(buckets))


def _words(words: list[str]) -> NDArray[np.intp]:
    pairs = map(" ".join, pairwise(words))
    return _hashed([*words, *pairs])


def _edges(words: list[str]) -> NDArray[np.intp]:
    first, last = words[:EDGE_WORDS], words[-EDGE_WORDS:]
    grams = [f"^{word}" for word in first] + [f"{word}$" for word in last]
    grams += [f"^{place}{word}" for place, word in enumerate(first)]
    grams += [f"^{' '.join(first[:size])}$" for size in (2, 3)]
    return _hashed(grams)


def _characters(text: str) -> NDArray[np.intp]:
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)
    rolling = np.zeros(len(points), np.uint32)
    found = []
    for size in range(1, max(_CHARACTER_NGRAMS) + 1):
        usable = max(len(points) - size + 1, 0)
        rolling = rolling[:usable] * np.uint32(0x01000193) + points[size - 1 : size - 1 + usable]
        found.append((rolling * np.uint32(0x9E3779B1)) >> np.uint32(16))
    return _distinct(np.concatenate(found)).astype(np.intp)


def _distinct(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """``np.unique``, in a fifth of its time for as few as a prompt has."""
    ordered = np.sort(values)
    kept = np.empty(len(ordered), np.bool_)
    kept[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=kept[1:])
    return ordered[kept]


def _dense(text: str, words: int) -> NDArray[np.float32]:
    size = max(len(text), 1)
    stripped = text.rstrip()
    options = len(_LINE_WITH_LETTER.findall(text))
    openly = not options  # length means something else in a multiple-choice question
    return np.array(
        (
            1.0,
            log1p(words) / 6,
            log1p(len(text)) / 8,
            log1p(text.count("\n")) / 4,
            log1p(options) / 2,
            text.count("?") / (1 + text.count("?")),
            stripped.endswith(("?", "\uff1f")),
            sum(map(text.count, "{}();=<>")) / size,
            sum(map(text.count, "0123456789")) / size,
            sum(map(text.count, "+-*/^$\\")) / size,
            "```" in text,
            text.isascii(),
            openly,
            openly * log1p(words),
            openly * log1p(len(text)),
            openly * log1p(sum(map(text.count, "0123456789"))),
        ),
        np.float32,
    )
