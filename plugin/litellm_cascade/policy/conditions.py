"""Conditions: one line of CEL that is true or false for a request.

Compiled once, when the policy is loaded; a condition that could fail at request time is, as far as that can be known, refused then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cel

from litellm_cascade.policy.expression import Token, bound_names, calls, free_names, tokens_of
from litellm_cascade.policy.problems import did_you_mean
from litellm_cascade.policy.variables import ROOTS, VARIABLES
from litellm_cascade.vocabulary import Evidence

FUNCTIONS = frozenset(
    {
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "int",
        "uint",
        "double",
        "string",
        "has",
        "all",
        "exists",
        "exists_one",
        "map",
        "filter",
    }
)
"""What a condition may call. CEL finds an unknown function only when it gets there."""

EVALUATION_ERRORS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""What ``cel`` raises while it evaluates."""

LONGEST = 2000
"""Characters. ``cel`` cannot print its own complaint about expressions past 65,535 columns."""

_COMPLAINT = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)")
_INSTEAD = {"and": "&&", "or": "||", "not": "!", "=": "==", "=<": "<=", "=>": ">=", "<>": "!=", "&": "&&", "|": "||", "is": "=="}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a condition, and how many characters into it."""

    offset: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A compiled condition and the names it reads."""

    text: str
    names: frozenset[str]
    program: Any

    def holds(self, context: Any) -> bool | None:
        """True or false for what ``context_of`` made of a request; None when it cannot be evaluated or is neither."""
        try:
            result = self.program.execute(context)
        except EVALUATION_ERRORS:
            return None
        return result if isinstance(result, bool) else None


def context_of(evidence: Evidence, names: Iterable[str]) -> Any:
    """What conditions may see of a request, reduced to the names they read: converting everything costs 40 microseconds, this 3."""
    roots: dict[str, dict[str, Any]] = {}
    for name in names:
        root, _, field = name.partition(".")
        roots.setdefault(root, {})[field] = VARIABLES[name].read(evidence)
    return cel.Context(roots)


def compiled(text: str) -> tuple[Condition | None, list[Fault]]:
    """A condition ready to run, or everything that is wrong with its syntax and its names."""
    if not text.strip() or len(text) > LONGEST:
        return None, [Fault(0, f"a condition has 1 to {LONGEST} characters; leave `when` out to take every request")]
    try:
        program = cel.compile(text)
    except ValueError as error:
        return None, [_syntax_fault(text, str(error))]
    tokens = tokens_of(text)
    faults = [*_name_faults(tokens), *_call_faults(tokens), *_shadow_faults(tokens)]
    names = frozenset(f"{root.text}.{member.text}" for root, member in free_names(tokens) if member)
    return (None, faults) if faults else (Condition(text=text, names=names, program=program), [])


def _syntax_fault(text: str, complaint: str) -> Fault:
    found = _COMPLAINT.search(complaint)
    line, column, what = (int(found[1]), int(found[2]), found[3]) if found else (1, 1, complaint.partition("\n")[0])
    offset = sum(len(before) for before in text.splitlines(keepends=True)[: line - 1]) + column - 1
    if "'<EOF>'" in what.partition("expecting")[0]:
        return Fault(offset, "the condition ends too early; complete it")
    word = re.search(r"'(.*?)'", what)
    written = word[1].strip() if word else ""
    instead = _INSTEAD.get(_word_before(text, offset) if written not in _INSTEAD else written)
    advice = f"in CEL write {instead}" if instead else "check the operators and quotes around it"
    return Fault(offset, f"this is no CEL ({what.partition(' expecting')[0]}); {advice}")


def _word_before(text: str, offset: int) -> str:
    return (text[:offset].split() or [""])[-1]


def _name_faults(tokens: list[Token]) -> Iterator[Fault]:
    for root, member in free_names(tokens):
        name = f"{root.text}.{member.text}" if member else root.text
        if root.text not in ROOTS:
            yield Fault(root.start, f"unknown name {root.text!r}; {_similar(root.text)}")
        elif member is None:
            yield Fault(root.start, f"{root.text!r} alone is no value; write {root.text}.name with one of {', '.join(_members(root.text))}")
        elif name not in VARIABLES:
            yield Fault(
                root.start, f"unknown name {name!r}; {did_you_mean(name, [f'{root.text}.{field}' for field in _members(root.text)])}"
            )


def _similar(word: str) -> str:
    """Most unknown names are a field without its root, or a word without its quotes."""
    full = [name for name in VARIABLES if name.endswith(f".{word}")]
    return f"did you mean {full[0]!r}?" if full else f'names start with {", ".join(ROOTS)}; put text in quotes: "{word}"'


def _members(root: str) -> list[str]:
    return [name.partition(".")[2] for name in VARIABLES if name.startswith(f"{root}.")]


def _call_faults(tokens: list[Token]) -> Iterator[Fault]:
    for call in calls(tokens):
        if call.text not in FUNCTIONS:
            yield Fault(call.start, f"unknown function {call.text!r}; {did_you_mean(call.text, FUNCTIONS)}")


def _shadow_faults(tokens: list[Token]) -> Iterator[Fault]:
    for name in sorted(bound_names(tokens) & set(ROOTS)):
        place = next(token.start for token in tokens if token.text == name)
        yield Fault(place, f"{name!r} is a name of the request; call the element something else, e.g. item")


def types_of(text: str) -> Mapping[str, str]:
    """The names in a condition with their types, for a message."""
    pairs = (f"{root.text}.{member.text}" for root, member in free_names(tokens_of(text)) if member)
    return {name: VARIABLES[name].type for name in pairs}
