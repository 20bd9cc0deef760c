"""Characters by script class, counted on the UTF-8 lead byte: a C loop over bytes instead of a Python loop over characters."""

from __future__ import annotations

from typing import Final

WORD: Final = b"a"  # an ASCII letter
DIGIT: Final = b"0"
MARK: Final = b"."  # ASCII punctuation and control characters
SPACE: Final = b" "
BREAK: Final = b"n"  # line breaks and tabs
LATIN: Final = b"l"  # Latin letters beyond ASCII
GREEK: Final = b"g"
CYRILLIC: Final = b"c"
HEBREW: Final = b"w"
ARABIC: Final = b"r"
INDIC: Final = b"i"  # Devanagari to Thai and their neighbours
HAN: Final = b"h"  # Chinese characters and kana
HANGUL: Final = b"k"
SYMBOL: Final = b"p"  # typographic and full-width punctuation, mathematics
EMOJI: Final = b"e"  # everything outside the basic plane
_TRAIL: Final = b"-"  # a byte that continues a character

# First byte of a class, in order; each runs up to the next. Lead bytes are those of the Unicode blocks (Unicode 15, Blocks.txt).
_STARTS: Final = (
    (0x00, MARK), (0x30, DIGIT), (0x3A, MARK), (0x41, WORD), (0x5B, MARK), (0x61, WORD), (0x7B, MARK), (0x80, _TRAIL), (0xC0, LATIN),
    (0xCE, GREEK), (0xD0, CYRILLIC), (0xD6, HEBREW), (0xD8, ARABIC), (0xE0, INDIC), (0xE2, SYMBOL), (0xE3, HAN), (0xEA, HANGUL),
    (0xEE, SYMBOL), (0xF0, EMOJI),
)  # fmt: skip


def _table() -> bytes:
    table = bytearray(256)
    for start, kind in _STARTS:
        table[start:] = kind * (256 - start)
    table[ord(" ")] = SPACE[0]
    for byte in b"\t\n\v\f\r":
        table[byte] = BREAK[0]
    return bytes(table)


_CLASS: Final = _table()


def utf8(text: str) -> bytes:
    """The text's bytes; a lone surrogate, which a JSON escape can bring in, does not raise."""
    return text.encode("utf-8", "surrogatepass")


def classes(data: bytes) -> bytes:
    """One class letter per byte; bytes that continue a character have a letter of their own, so each character counts once."""
    return data.translate(_CLASS)
