"""A record as canonical JSON and back: keys sorted, no spaces, ASCII, numbers as their type says. Equal records give equal text.

Driven by the types of the vocabulary, so a field that is added there is written and read without a change here. Every field is written
that is not marked otherwise there, also where it has its default: a later release may have another. Numbers that JSON lacks are ``"NaN"``,
``"Infinity"``, ``"-Infinity"``.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from json.encoder import encode_basestring_ascii
from typing import Any, Union, get_args, get_origin, get_type_hints

from litellm_cascade.errors import RecordError
from litellm_cascade.vocabulary import Answered, AuditRecord, Basis, Decision, Feedback, Texts

FORMAT = 1
"""Raised when a line could no longer be read by an older release; the first line of a chain names it."""

quoted = encode_basestring_ascii
"""A text as JSON."""

OF_A_POLICY: Mapping[type[Any], tuple[str, ...]] = {Decision: ("gate",), Basis: ("aliases",)}
"""Members that are the same object in one request after the other. They are never changed."""

Converter = Callable[[Any], Any]


def canonical(value: Any) -> str:
    """JSON in the one form that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def record_text(record: AuditRecord) -> str:
    """A record on one line."""
    return _text(AuditRecord, record)


def texts_text(texts: Texts) -> str:
    """What was said, on one line."""
    return _text(Texts, texts)


def feedback_text(feedback: Feedback) -> str:
    """What a caller says of an answer, on one line."""
    return _text(Feedback, feedback)


def answered_members(answered: Answered) -> dict[str, Any]:
    """What is remembered of an answer, as JSON objects are written."""
    members: dict[str, Any] = json.loads(_text(Answered, answered))
    return members


def read_answered(written: Any) -> Answered:
    """The same, back. Raises RecordError."""
    answered: Answered = _read(Answered, written)
    return answered


def read_feedback(written: Any) -> Feedback:
    """The feedback behind parsed JSON. Raises RecordError."""
    feedback: Feedback = _read(Feedback, written)
    return feedback


def read_record(written: Any) -> AuditRecord:
    """The record behind parsed JSON. Raises RecordError when it is none that this release knows."""
    record: AuditRecord = _read(AuditRecord, written)
    return record


def _text(kind: type[Any], value: Any) -> str:
    text: str = _writer(kind)(value)  # type: ignore[arg-type]  # a type is hashable
    return text


def _read(kind: type[Any], written: Any) -> Any:
    try:
        return _dataclass_decoder(kind)(written)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(f"this record cannot be read ({error}); it may come from another release of litellm-cascade") from None


# --- to JSON -----------------------------------------------------------------------------------------------------------------------
#
# Straight to text, because it is done for every request: building dictionaries for `json.dumps` takes three times as long.


@cache
def _writer(hint: Any) -> Converter:  # noqa: PLR0911 - one line for each kind of type
    """What writes values of a type as ``canonical`` would, without looking at their types where those are what the hint says."""
    if is_dataclass(hint):
        return _dataclass_writer(hint)  # type: ignore[arg-type]
    if _is_optional(hint):
        inner = _writer(_without_none(hint))
        return lambda value: "null" if value is None else inner(value)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return _tuple(arguments, _writer, _list_text)
    if origin is frozenset:
        inner = _writer(arguments[0])
        return lambda value: _list_text(map(inner, sorted(value)))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_writer(_writer(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _str_text
    return {str: _str_text, bool: _bool_text, int: _int_text, float: _float_text}.get(hint, canonical)


def _dataclass_writer(kind: type[Any]) -> Converter:
    """One expression with every member in its place, compiled as dataclasses compile their methods: the names are our own types'."""
    hints = get_type_hints(kind)
    names = sorted(field.name for field in _recorded(kind))
    members = ",".join(f'"{name}":{{write_{name}(value.{name})}}' for name in names)
    writers = {f"write_{name}": _writer(hints[name]) for name in names}
    for name in OF_A_POLICY.get(kind, ()):
        writers[f"write_{name}"] = _remembering(writers[f"write_{name}"])
    made: Converter = eval(f"lambda value: f'''{{{{{members}}}}}'''", writers)  # noqa: S307 - see above
    return made


def _remembering(writer: Converter) -> Converter:
    """Writes the same object once, as long as no other comes between."""
    last: tuple[Any, str] = (object(), "")

    def write(value: Any) -> str:
        nonlocal last
        written, text = last  # at once, for threads
        if written is not value:
            text = writer(value)
            last = value, text
        return text

    return write


def _mapping_writer(inner: Converter) -> Converter:
    def text(value: Mapping[Any, Any]) -> str:
        named = sorted((str(name), item) for name, item in value.items())
        return "{" + ",".join(f"{quoted(name)}:{inner(item)}" for name, item in named) + "}"

    return text


def _list_text(items: Iterable[str]) -> str:
    return f"[{','.join(items)}]"


def _str_text(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else canonical(value)


def _bool_text(value: Any) -> str:
    return "true" if value is True else "false" if value is False else canonical(value)


def _int_text(value: Any) -> str:
    return int.__repr__(value) if type(value) is int else canonical(value)


def _float_text(value: float) -> str:
    value = float(value)
    if math.isfinite(value):
        return float.__repr__(value)
    return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'


# --- and back ----------------------------------------------------------------------------------------------------------------------


@cache
def _decoder(hint: Any) -> Converter:
    if is_dataclass(hint):
        return _dataclass_decoder(hint)  # type: ignore[arg-type]
    if _is_optional(hint):
        inner = _decoder(_without_none(hint))
        return lambda value: None if value is None else inner(value)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return _tuple(arguments, _decoder, tuple)
    if origin is frozenset:
        inner = _decoder(arguments[0])
        return lambda value: frozenset(inner(item) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        key, inner = _decoder(arguments[0]), _decoder(arguments[1])
        return lambda value: {key(name): inner(item) for name, item in value.items()}
    converts = hint in (float, int) or (isinstance(hint, type) and issubclass(hint, StrEnum))
    return hint if converts else _as_it_is


def _as_it_is(written: Any) -> Any:
    return written


def _dataclass_decoder(kind: type[Any]) -> Converter:
    hints = get_type_hints(kind)
    decoders = {field.name: _decoder(hints[field.name]) for field in _recorded(kind)}
    required = {field.name for field in _recorded(kind) if field.default is MISSING and field.default_factory is MISSING}

    def decode(written: Any) -> Any:
        strange = sorted((written.keys() - decoders.keys()) | (required - written.keys()))
        if strange:
            raise ValueError(f"{kind.__name__}: {', '.join(strange)}")
        return kind(**{name: decoders[name](value) for name, value in written.items()})

    return decode


def _recorded(kind: type[Any]) -> list[Field[Any]]:
    return [field for field in fields(kind) if field.metadata.get("recorded", True)]


def _tuple(arguments: tuple[Any, ...], converter: Callable[[Any], Converter], made: Callable[[Any], Any]) -> Converter:
    if arguments[-1] is Ellipsis:
        inner = converter(arguments[0])
        return lambda value: made([inner(item) for item in value])
    inners = [converter(argument) for argument in arguments]
    return lambda value: made([inner(item) for inner, item in zip(inners, value, strict=True)])


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _without_none(hint: Any) -> Any:
    (inner,) = (argument for argument in get_args(hint) if argument is not type(None))
    return inner
