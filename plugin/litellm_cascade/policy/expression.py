"""The text of a condition taken apart just far enough to check what CEL itself only finds out while running."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<text>[rRbB]{0,2}(?:'{3}(?:\\.|[^\\])*?'{3}|"{3}(?:\\.|[^\\])*?"{3}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"))
    |(?P<number>0x[0-9a-fA-F]+u?|(?:\d+\.\d+|\d+|\.\d+)(?:[eE][-+]?\d+)?u?)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<sign>&&|\|\||[=!<>]=|.)""",
    re.VERBOSE | re.DOTALL,
)
_OPENING, _CLOSING = "([{", ")]}"
_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})
_LITERALS = {"true": "bool", "false": "bool", "null": "null"}
_WORDS = frozenset({*_LITERALS, "in"})


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a condition and where it starts."""

    kind: str  # text | number | name | sign
    text: str
    start: int
    depth: int

    @property
    def end(self) -> int:
        """Where the next piece may start."""
        return self.start + len(self.text)

    @property
    def literal(self) -> str | None:
        """The type of a literal: text, number, bool or null; None for anything else."""
        return _LITERALS.get(self.text, self.kind if self.kind in ("text", "number") else None)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a condition that is a condition itself. ``claim`` says that it must be true or false."""

    start: int
    text: str
    claim: bool


def tokens_of(text: str) -> list[Token]:
    """The tokens of a condition, without spaces and comments; brackets belong to the depth around them."""
    tokens: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "space":
            continue
        depth -= match.group() in _CLOSING
        tokens.append(Token(str(match.lastgroup), match.group(), match.start(), depth))
        depth += match.group() in _OPENING
    return tokens


def calls(tokens: list[Token]) -> Iterator[Token]:
    """The names of the functions and methods that are called."""
    for token, following in pairwise(tokens):
        if token.kind == "name" and following.text == "(" and token.text not in _WORDS:
            yield token


def bound_names(tokens: list[Token]) -> set[str]:
    """The names that macros introduce: the ``x`` of ``signals.markup.exists(x, x == "sql")``."""
    return {
        third.text
        for first, second, third in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if first.text in _MACROS and second.text == "("
    }


def free_names(tokens: list[Token]) -> Iterator[tuple[Token, Token | None]]:
    """Each name that must come from outside, with the member read from it (None when the name stands alone)."""
    bound = bound_names(tokens)
    padded = [None, *tokens, None, None]
    for before, token, after, member in zip(padded, tokens, padded[2:], padded[3:], strict=False):
        is_member = before is not None and before.text == "."
        is_call = after is not None and after.text == "("
        if token.kind != "name" or token.text in _WORDS or token.text in bound or is_member or is_call:
            continue
        has_member = after is not None and after.text == "." and member is not None and member.kind == "name"
        yield token, member if has_member else None


def equalities(tokens: list[Token]) -> Iterator[tuple[str, int, Token]]:
    """Names compared with a literal by ``==`` or ``!=``: the name, where the comparison starts, the literal."""
    for index, token in enumerate(tokens):
        if token.text not in ("==", "!="):
            continue
        left, right = _operand(tokens[:index], last=True), _operand(tokens[index + 1 :], last=False)
        for name, literal in ((left, right), (right, left)):
            if len(name) == _MEMBER and len(literal) == 1 and literal[0].literal:
                yield "".join(part.text for part in name), left[0].start, literal[0]


_MEMBER = len(("root", ".", "member"))
_ENDS = frozenset({"&&", "||", "==", "!=", "?", ":", ",", "!"})


def _operand(tokens: list[Token], *, last: bool) -> list[Token]:
    """The tokens next to an operator, up to what binds less tightly or to a bracket that is not theirs."""
    operand: list[Token] = []
    for token in reversed(tokens) if last else tokens:
        if token.text in _ENDS or token.text in "([{}])":
            break
        operand.append(token)
    return operand[::-1] if last else operand


def parts_of(text: str, tokens: list[Token], *, claim: bool = True) -> Iterator[Part]:
    """What ``&&``, ``||``, ``!`` and ``? :`` join: each must work by itself, since they hide what they do not evaluate."""
    tokens = _unwrapped(tokens)
    divided = _ternary(tokens) or _operands(tokens, "||") or _operands(tokens, "&&")
    if divided is None:
        start = tokens[0].start
        yield Part(start, text[start : tokens[-1].end], claim)
        return
    for operand, is_claim in divided:
        yield from parts_of(text, operand, claim=claim if is_claim is None else is_claim)


def _unwrapped(tokens: list[Token]) -> list[Token]:
    """Without brackets around the whole, and without a ``!`` before them."""
    while len(tokens) > 1 and (_is_wrapped(tokens) or (tokens[0].text == "!" and _is_wrapped(tokens[1:]))):
        tokens = tokens[1:-1] if _is_wrapped(tokens) else tokens[2:-1]
    return tokens


def _is_wrapped(tokens: list[Token]) -> bool:
    depth = tokens[0].depth
    inside = tokens[1:-1]
    return len(tokens) > 1 and tokens[0].text == "(" and tokens[-1].text == ")" and all(token.depth > depth for token in inside)


def _operands(tokens: list[Token], operator: str) -> list[tuple[list[Token], bool | None]] | None:
    depth = tokens[0].depth
    places = [index for index, token in enumerate(tokens) if token.text == operator and token.depth == depth]
    if not places:
        return None
    bounds = zip([-1, *places], [*places, len(tokens)], strict=True)
    return [(tokens[start + 1 : end], True) for start, end in bounds]


def _ternary(tokens: list[Token]) -> list[tuple[list[Token], bool | None]] | None:
    depth = tokens[0].depth
    marks = [index for index, token in enumerate(tokens) if token.text in "?:" and token.depth == depth]
    if not marks or tokens[marks[0]].text != "?":
        return None
    open_marks = accumulate(1 if tokens[index].text == "?" else -1 for index in marks)
    colon = next(index for index, still_open in zip(marks, open_marks, strict=True) if not still_open)
    return [(tokens[: marks[0]], True), (tokens[marks[0] + 1 : colon], None), (tokens[colon + 1 :], None)]
