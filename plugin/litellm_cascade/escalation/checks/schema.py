"""Does a value keep to a JSON schema? Schemas are written by clients, so nothing is fetched for them and nothing takes long."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from fractions import Fraction
from functools import lru_cache
from typing import Any

import cel
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend, validator_for
from referencing import Registry

from litellm_cascade.escalation.checks.subject import UncheckableError

MOST_SECONDS = 0.05
"""Of this thread's own time, for all that one answer is held against."""
MOST_LEVELS = 80
"""Keywords within keywords, each up to five frames of Python's stack: the library beneath jsonschema does not survive its end."""
MOST_SCHEMA_CHARACTERS = 64_000
MOST_PATTERN_CHARACTERS = 256
MOST_PATTERN_REPEATS = 128
"""The sum of the numbers in braces: a linear-time engine still writes out ``{n}`` n times."""
MOST_MATCHED_CHARACTERS = 2000

_NOWHERE = Registry()
"""Fetches nothing: a reference must lead to a part of the schema."""
_SHAPE = {key: value for key, value in Draft7Validator.META_SCHEMA.items() if key not in {"$schema", "$id"}}
"""What every schema looks like: later drafts kept the form of the keywords they share with this one, whose check takes a fifth of the time.
Where a keyword of theirs is malformed, jsonschema raises."""

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]
"""A keyword as jsonschema has it: validator, the keyword's value, the instance, the schema it stands in; yields errors."""

_deadline: ContextVar[float] = ContextVar("deadline", default=0.0)
_depth: ContextVar[int] = ContextVar("depth", default=0)
_MATCHES = cel.compile("text.matches(pattern)")
"""CEL's engine takes linear time and has no look-around or back-references: a pattern with these cannot be checked."""


def begin() -> None:
    """An answer is held against schemas from now on: its time begins."""
    _deadline.set(time.thread_time() + MOST_SECONDS)
    _depth.set(0)


def keeps_to(schema: object, instance: Any) -> bool:
    """Whether a value keeps to a schema, in the draft that its ``$schema`` names, else 2020-12. ``format`` is not looked at.

    Raises UncheckableError, or whatever the schema makes jsonschema raise, where the schema is none, leads elsewhere, or takes too long.
    """
    if schema is True:
        return True
    text = json.dumps(schema)
    if len(text) > MOST_SCHEMA_CHARACTERS:
        raise UncheckableError("too long")
    return bool(_prepared(text).is_valid(instance))


@lru_cache(maxsize=128)
def _prepared(text: str) -> Any:
    """A validator for a schema that is one: holding it against its own schema costs more than holding most answers against it."""
    schema = json.loads(text)
    if not isinstance(schema, dict):
        raise UncheckableError("no schema")
    if '"unevaluated' in text:
        raise UncheckableError("jsonschema follows references and patterns for these keywords past every bound of ours")
    draft = validator_for(schema, default=Draft202012Validator)
    schema.pop("$schema", None)
    if '"$schema"' in json.dumps(schema):
        raise UncheckableError("where a part of a schema names a draft, jsonschema goes on with keywords that are not ours")
    if not _bounded(Draft7Validator)(_SHAPE, registry=_NOWHERE).is_valid(schema):
        raise UncheckableError("no schema")
    return _bounded(draft)(schema, registry=_NOWHERE)


@lru_cache
def _bounded(draft: Any) -> Any:
    own: Mapping[str, Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
        "multipleOf": _multiple_of,
    }
    return extend(draft, {name: _bounded_keyword(own.get(name, keyword)) for name, keyword in draft.VALIDATORS.items()})


def _bounded_keyword(keyword: Keyword) -> Keyword:
    def bounded(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _check_time()
        depth = _depth.get()
        if depth >= MOST_LEVELS:
            raise UncheckableError("too deep")
        _depth.set(depth + 1)
        try:
            yield from keyword(validator, value, instance, schema) or ()
        finally:
            _depth.set(depth)

    return bounded


def _check_time() -> None:
    if time.thread_time() > _deadline.get():
        raise UncheckableError("takes too long")


# --- keywords whose usual implementation takes exponential or quadratic time, or rounds -----------------------------------------------


def _matches(pattern: str, text: str) -> bool:
    repeats = sum(int(number) for number in re.findall(r"\d{1,9}", "".join(re.findall(r"\{[\d,]+\}", pattern))))
    if len(pattern) > MOST_PATTERN_CHARACTERS or repeats > MOST_PATTERN_REPEATS or len(text) > MOST_MATCHED_CHARACTERS:
        raise UncheckableError("a pattern too large")
    _check_time()
    return bool(_MATCHES.execute({"text": text, "pattern": pattern}))


def _pattern(validator: Any, pattern: str, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _matches(pattern, instance):
        yield ValidationError("does not match")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, _: Any) -> Iterator[ValidationError]:
    for pattern, subschema in patterns.items() if validator.is_type(instance, "object") else ():
        for name, value in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(value, subschema)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    patterns = schema.get("patternProperties", {})
    for name in instance.keys() - schema.get("properties", {}).keys():
        if not any(_matches(pattern, name) for pattern in patterns):
            yield from validator.descend(instance[name], allowed)


def _unique_items(validator: Any, unique: bool, instance: Any, _: Any) -> Iterator[ValidationError]:
    # 1 and 1.0 count as two, though JSON Schema calls them the same: so no array is refused that has no item twice.
    if unique and validator.is_type(instance, "array") and len({json.dumps(item, sort_keys=True) for item in instance}) < len(instance):
        yield ValidationError("has an item twice")


def _multiple_of(validator: Any, divisor: float, instance: Any, _: Any) -> Iterator[ValidationError]:
    # As they are written: in binary, 0.3 is no multiple of 0.1.
    if validator.is_type(instance, "number") and Fraction(repr(instance)) % Fraction(repr(divisor)):
        yield ValidationError("is no multiple")
