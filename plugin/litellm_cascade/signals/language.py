"""Which language a request is written in: by script first, then by votes of frequent short words. ``unknown`` when unsure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from litellm_cascade.signals import scripts
from litellm_cascade.signals.stop_words import LANGUAGES_OF
from litellm_cascade.signals.window import newest_text

if TYPE_CHECKING:
    from litellm_cascade.vocabulary import Request

UNKNOWN: Final = "unknown"
HEAD_CHARACTERS: Final = 900
TAIL_CHARACTERS: Final = 300
LEAST_SCRIPT_SHARE: Final = 0.3  # of the letters: a Chinese question about an English name stays Chinese
LEAST_VOTES: Final = 2
LEAST_LEAD: Final = 1.25  # over the runner-up; neighbours such as Danish and Norwegian share half of their votes

_WORD: Final = re.compile(r"[^\W\d_]+")
_KANA: Final = (b"\xe3\x81", b"\xe3\x82", b"\xe3\x83")
_DEVANAGARI: Final = (b"\xe0\xa4", b"\xe0\xa5")
_THAI: Final = (b"\xe0\xb8", b"\xe0\xb9")
_MOST: Final = 0.5  # more than half of the letters
_LEAST_KANA_SHARE: Final = 0.1  # Japanese prose is half kana; Chinese has none


def read_language(request: Request) -> str:
    """ISO 639-1 code of what the user wrote last, or ``unknown``."""
    return find_language(newest_text(request, roles=("user",), head=HEAD_CHARACTERS, tail=TAIL_CHARACTERS))


def find_language(text: str) -> str:
    """ISO 639-1 code of a text, or ``unknown``."""
    if text.isascii():
        return _by_words(text)
    data = scripts.utf8(text)
    kinds = scripts.classes(data)
    counts = {kind: kinds.count(kind) for kind in _LETTERS}
    kind = max(_OF_SCRIPT, key=lambda kind: counts[kind])
    if counts[kind] < max(LEAST_SCRIPT_SHARE * sum(counts.values()), 1):
        return _by_words(text)
    return _OF_SCRIPT[kind](text, data, counts[kind])


def _by_words(text: str) -> str:
    votes: dict[str, int] = {}
    for word in set(_WORD.findall(text.lower())):
        for candidate in LANGUAGES_OF.get(word, ()):
            votes[candidate] = votes.get(candidate, 0) + 1
    best, second, *_ = [*sorted(votes, key=lambda candidate: (-votes[candidate], candidate)), UNKNOWN, UNKNOWN]
    sure = votes.get(best, 0) >= max(LEAST_VOTES, LEAST_LEAD * votes.get(second, 0))
    return best if sure else UNKNOWN


def _share(data: bytes, marks: tuple[bytes, ...], letters: int) -> float:
    return sum(map(data.count, marks)) / letters


def _chinese_or_japanese(_: str, data: bytes, letters: int) -> str:
    return "ja" if _share(data, _KANA, letters) >= _LEAST_KANA_SHARE else "zh"


def _cyrillic(text: str, _: bytes, __: int) -> str:
    lowered = text.lower()
    if any(letter in lowered for letter in "їєґ"):
        return "uk"
    if not any(letter in lowered for letter in "ў\u0456") and any(letter in lowered for letter in "ыэё"):  # Belarusian has all of these
        return "ru"
    voted = _by_words(text)
    return voted if voted in ("ru", "uk", "bg") else UNKNOWN


def _arabic(text: str, _: bytes, __: int) -> str:
    if any(letter in text for letter in "ٹڈڑںے"):
        return "ur"
    return "fa" if any(letter in text for letter in "پچژگ") else "ar"


def _indic(_: str, data: bytes, letters: int) -> str:
    if _share(data, _DEVANAGARI, letters) > _MOST:
        return "hi"
    return "th" if _share(data, _THAI, letters) > _MOST else UNKNOWN


_OF_SCRIPT: Final = {
    scripts.HAN: _chinese_or_japanese,
    scripts.HANGUL: lambda *_: "ko",
    scripts.CYRILLIC: _cyrillic,
    scripts.GREEK: lambda *_: "el",
    scripts.HEBREW: lambda *_: "he",
    scripts.ARABIC: _arabic,
    scripts.INDIC: _indic,
}
_LETTERS: Final = (scripts.WORD, scripts.LATIN, *_OF_SCRIPT)
