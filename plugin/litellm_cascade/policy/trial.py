"""A condition is tried before it is used: on typed samples of what may arrive, as a whole and in each of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cel

from litellm_cascade.policy.conditions import EVALUATION_ERRORS, Condition, compiled, context_of
from litellm_cascade.policy.expression import Part, parts_of, tokens_of
from litellm_cascade.policy.samples import SAMPLES
from litellm_cascade.policy.terms import Fault, types_in

_KINDS = {int: "a whole number", float: "a decimal", str: "text", list: "a list", dict: "a mapping"}
_CONVERSIONS = "CEL converts nothing by itself, write double(...), int(...), string(...), or 1.0 for 1"


def checked(text: str) -> tuple[Condition | None, list[Fault]]:
    """A condition that ran on every sample, or everything that is wrong with it."""
    condition, faults = compiled(text)
    if condition is None:
        return None, faults
    contexts = [context_of(sample, condition.names) for sample in SAMPLES]
    parts = parts_of(text, tokens_of(text))
    faults = [fault for part in parts for fault in _first(_part_faults(part, text, contexts))]
    faults = faults or _first(_whole_faults(text, condition.program, contexts))
    return (None, faults) if faults else (condition, [])


def _first(faults: Iterator[Fault]) -> list[Fault]:
    return [fault for fault, _ in zip(faults, range(1), strict=False)]


def _part_faults(part: Part, text: str, contexts: list[Any]) -> Iterator[Fault]:
    program = cel.compile(part.text)
    for result in _results(program, contexts):
        if isinstance(result, Exception):
            if not _may_be_guarded(text, result):
                yield Fault(part.start, _failure(part.text, result))
        elif part.claim and not isinstance(result, bool):
            kind = _KINDS.get(type(result), "something")
            yield Fault(part.start, f"`{part.text}` is {kind}, not true or false; compare it, e.g. with > or ==")


def _whole_faults(text: str, program: Any, contexts: list[Any]) -> Iterator[Fault]:
    """What only shows when all parts work together: a guard that is missing or does not hold."""
    for result in _results(program, contexts):
        if isinstance(result, Exception):
            yield Fault(0, _failure(text, result))


def _results(program: Any, contexts: list[Any]) -> Iterator[Any]:
    return (_result(program, context) for context in contexts)


def _result(program: Any, context: Any) -> Any:
    try:
        return program.execute(context)
    except EVALUATION_ERRORS as error:
        return error


def _may_be_guarded(text: str, error: Exception) -> bool:
    """A part may fail by itself where the rest keeps it from being reached: ``size(x) > 1 && x[1] == "a"``."""
    if isinstance(error, KeyError):
        return "has(" in text or " in " in text
    return not isinstance(error, TypeError) and "regex" not in str(error)


def _failure(text: str, error: Exception) -> str:
    if isinstance(error, TypeError):
        known = ", ".join(f"{name} is {kind}" for name, kind in types_in(tokens_of(text)).items())
        return f"`{text}` mixes types ({known or 'compare like with like'}); {_CONVERSIONS}"
    if isinstance(error, KeyError):
        return f"`{text}` reads {error.args[0]!r}, which may not be there; correct it, or ask has(...) && first"
    if isinstance(error, IndexError):
        return f"`{text}` reads an element that may not be there; ask size(...) first, or use `in` or exists(...)"
    if isinstance(error, ZeroDivisionError):
        return f"`{text}` may divide by zero; rule that out first with &&"
    if "Undefined" in str(error):
        return f"`{text}` calls what its value does not have; for lists write `in`, or exists(item, ...)"
    reason = str(error).splitlines()[0].partition(". Check")[0].rstrip(".:")
    return f"`{text}` cannot be evaluated ({reason}); correct it"
