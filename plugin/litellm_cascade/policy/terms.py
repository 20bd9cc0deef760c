"""The words of a condition: does each mean something? CEL itself only finds out about those it reaches while running."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from litellm_cascade.policy.expression import Token, bound_names, calls, equalities, free_names
from litellm_cascade.policy.loads import LOAD, LOAD_FIELDS, readings
from litellm_cascade.policy.problems import did_you_mean
from litellm_cascade.policy.variables import ROOTS, VARIABLES, Variable, variable_of

METHODS = ("contains", "startsWith", "endsWith", "matches", "size", "all", "exists", "exists_one", "map", "filter")
FUNCTIONS = frozenset({*METHODS, "has", "int", "uint", "double", "string"})
"""What a condition may call."""

_EQUALS = {"bool": "bool", "int": "number", "double": "number", "string": "text"}


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong with a condition, and how many characters into it."""

    offset: int
    message: str


def term_faults(tokens: list[Token]) -> list[Fault]:
    """Unknown names and functions, and comparisons that are false for every request."""
    return sorted([*_name_faults(tokens), *_load_faults(tokens), *_call_faults(tokens), *_shadow_faults(tokens), *_equality_faults(tokens)])


def types_in(tokens: list[Token]) -> dict[str, str]:
    """The names of a condition that is free of faults, each with its type."""
    names = [f"{root.text}.{member.text}" for root, member in free_names(tokens) if member and root.text != LOAD]
    names += [reading.name for reading in readings(tokens)]
    return {name: variable_of(name).type for name in names}


def _name_faults(tokens: list[Token]) -> Iterator[Fault]:
    for root, member in free_names(tokens):
        if root.text == LOAD:
            continue
        if root.text not in ROOTS:
            yield Fault(root.start, f"unknown name {root.text!r}; {_what_it_may_be(root.text)}")
        elif member is None:
            yield Fault(root.start, f"{root.text!r} alone is no value; write {root.text}.name, {did_you_mean('', _members(root.text))}")
        elif f"{root.text}.{member.text}" not in VARIABLES:
            asked = f"{root.text}.{member.text}"
            yield Fault(root.start, f"unknown name {asked!r}; {did_you_mean(member.text, _members(root.text))}")


def _load_faults(tokens: list[Token]) -> Iterator[Fault]:
    for reading in readings(tokens):
        if reading.alias is None:
            yield Fault(reading.start, f'{LOAD!r} is read alias by alias; write {LOAD}.alias.in_flight, or {LOAD}["alias"].in_flight')
        elif reading.field not in LOAD_FIELDS:
            yield Fault(reading.start, f"unknown name {reading.name!r}; {did_you_mean(reading.field, LOAD_FIELDS)}")


def _what_it_may_be(word: str) -> str:
    """Most unknown names are a field without its root, or a word without its quotes."""
    full = [name for name in VARIABLES if name.endswith(f".{word}")]
    return f"did you mean {full[0]!r}?" if full else f'names start with {", ".join(ROOTS)}; text stands in quotes: "{word}"'


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


def _equality_faults(tokens: list[Token]) -> Iterator[Fault]:
    """``==`` between different types is no error in CEL."""
    for name, start, literal in equalities(tokens):
        variable = VARIABLES.get(name)
        if variable is not None and _EQUALS.get(variable.type) != literal.literal:
            yield Fault(start, f"{name} is a {variable.type} and never equals {literal.text}; {_instead(literal, variable)}")


def _instead(literal: Token, variable: Variable) -> str:
    if literal.text == "null":
        return f"what is unknown is {json.dumps(variable.neutral)}"
    if variable.type == "list of string":
        return f"write {literal.text} in {variable.name}"
    return f"compare it with a {variable.type}"
