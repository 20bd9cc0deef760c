"""How likely each alias is right about a prompt: a linear model of outcomes, on hashed words and proportions of the text. numpy alone.

``offline/gaining/chances.py`` fits one to recorded outcomes; the classifier ``linear`` reads it beside its own weights (option
``chances``), and the strategy ``learned`` decides on what it says.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log1p
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.classifiers.features import BUCKETS, read_words
from litellm_cascade.errors import ClassifierError

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION: Final = 1
"""Of the features below and of ``features.VERSION``; raised with either."""
MOST_BYTES: Final = 64 << 20
_ARRAYS: Final = ("hashed", "scales", "dense", "intercepts", "bounds")
_NUMBER: Final = re.compile(r"\d[\d,.]*")
_OPTION: Final = re.compile(r"(?m)^\(?[A-J][.):]\s*(.*)$")
_FIRST_OPTION: Final = re.compile(r"(?m)^\(?A[.):]")
_NEGATION: Final = re.compile(r"(?i)\b(?:not|except|false|incorrect)\b")
_STEP: Final = re.compile(r"(?i)\b(?:each|every|per|twice|half|times|total|more|less|fewer|remaining|left)\b")
_BLANK: Final = re.compile(r"_{2,}")
_MEND: Final = "fit it again with `cascade train gain --chances`"


def read_proportions(text: str) -> NDArray[np.float32]:
    """What can be counted about a text without knowing a word of it, each about 0 to 8."""
    words, numbers, size = text.split(), _NUMBER.findall(text), len(text) + 1
    options = [len(option) for option in _OPTION.findall(text)]
    stem = _FIRST_OPTION.split(text, maxsplit=1)[0]
    counted = (
        log1p(size),
        log1p(len(words)),
        log1p(len(numbers)),
        len(numbers) / (len(words) + 1),
        log1p(text.count(".")),
        log1p(text.count("?")),
        sum(map(str.isupper, text)) / size,
        log1p(text.count("\\")),
        log1p(sum(map(text.count, "=+^*/<>"))),
        log1p(sum(map(text.count, "{}[]_;"))),
        log1p(len(options)),
        log1p(_mean(options)),
        log1p(_spread(options)),
        log1p(len(stem)),
        _mean([len(word) for word in words]) / 8,
        log1p(text.count("\n")),
        _NEGATION.search(text) is not None,
        "Statement 1" in text,
        log1p(text.count("%")),
        log1p(text.count("$")),
        len(set(words)) / (len(words) + 1),
        log1p(text.count(",")),
        _BLANK.search(text) is not None,
        log1p(len(_STEP.findall(text))),
        _largest(numbers),
    )
    return np.array(counted, np.float32)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _spread(values: Sequence[float]) -> float:
    centre = _mean(values)
    return float(_mean([(value - centre) ** 2 for value in values]) ** 0.5)


def _largest(numbers: Sequence[str]) -> float:
    """The logarithm of the largest number, by its digits before a point."""
    return float(max((len(number.replace(",", "").partition(".")[0]) for number in numbers), default=0))


@dataclass(frozen=True, slots=True, eq=False)
class Chances:
    """The fitted numbers. ``hashed[bucket, alias] * scales[alias]`` is a weight in log-odds, ``dense[proportion, alias]`` too.

    ``intercepts`` [alias]; ``bounds`` [2, proportion]: the least and the most that was seen, beyond which nothing is known and the line
    would run away. ``card``: what it was fitted on, for people.
    """

    aliases: tuple[str, ...]
    hashed: NDArray[np.int8]
    scales: NDArray[np.float32]
    dense: NDArray[np.float32]
    intercepts: NDArray[np.float32]
    bounds: NDArray[np.float32]
    card: Mapping[str, Any]
    digest: str = ""

    def of(self, text: str) -> dict[str, float]:
        """The probability that each alias is right."""
        total = self.intercepts + np.clip(read_proportions(text), *self.bounds) @ self.dense
        words = read_words(text)
        if len(words):
            total = total + self.hashed[words].sum(axis=0, dtype=np.int32) * (self.scales / np.sqrt(len(words)))
        odds = np.clip(total.astype(np.float64), -30, 30)
        return dict(zip(self.aliases, (1 / (1 + np.exp(-odds))).tolist(), strict=True))


def write_chances(path: Path, chances: Chances) -> None:
    """As ``read_chances`` reads it."""
    told = json.dumps({"aliases": chances.aliases, "card": dict(chances.card)})
    arrays = {name: getattr(chances, name) for name in _ARRAYS}
    with path.open("wb") as file:
        np.savez_compressed(file, version=np.array(VERSION), told=np.array(told), **arrays)


def read_chances(path: Path) -> Chances:
    """From a file, checked. Raises ClassifierError saying what is wrong, where, and how to mend it."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ClassifierError(f"chances: cannot read {path} ({error.strerror}): check the path, or {_MEND}") from error
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            version, told = int(arrays["version"]), json.loads(str(arrays["told"]))
            found = {name: arrays[name] for name in _ARRAYS}
        aliases = tuple(map(str, told["aliases"]))
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ClassifierError(f"chances: {path} is corrupt or no file of chances: {_MEND}") from error
    count = len(aliases)
    counted = len(read_proportions(""))
    shapes = {
        "hashed": (BUCKETS, count),
        "scales": (count,),
        "dense": (counted, count),
        "intercepts": (count,),
        "bounds": (2, counted),
    }
    if version != VERSION or any(found[name].shape != shape for name, shape in shapes.items()):
        raise ClassifierError(f"chances: {path} is for another version of litellm-cascade: {_MEND}")
    return Chances(aliases, **found, card=told.get("card", {}), digest=hashlib.sha256(content).hexdigest()[:16])
