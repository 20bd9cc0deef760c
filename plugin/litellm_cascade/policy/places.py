"""Where pydantic's errors lie in a file: its places name the members of unions, which are no keys of the file."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import Tag

from litellm_cascade.policy.problems import Path

if TYPE_CHECKING:
    from pydantic import BaseModel


def place_of(model: type[BaseModel], loc: Path) -> tuple[Path, Any]:
    """The path in the file that pydantic's place stands for, and the type that belongs there."""
    here: Any = model
    path: list[str | int] = []
    for part in loc:
        if is_union(here):
            here = members(here)[str(part)]
        elif part != "[key]":
            path.append(part)
            here = _inside(here, part)
    return tuple(path), here


def is_union(here: Any) -> bool:
    """Whether a type is a choice among members."""
    return get_origin(here) in (Union, UnionType)


def members(union: Any) -> dict[str, Any]:
    """The members of a union, by tag."""
    return {tag: _bare(member) for member in get_args(union) for tag in (_tag(member),) if tag}


def _tag(member: Any) -> str | None:
    """As ``Tag`` says, or the strategy that a model is for."""
    if get_origin(member) is Annotated:
        return next((extra.tag for extra in get_args(member) if isinstance(extra, Tag)), None)
    return str(get_args(member.model_fields["strategy"].annotation)[0])


def _inside(here: Any, part: str | int) -> Any:
    if hasattr(here, "model_fields"):
        return _bare(here.model_fields[part].annotation)
    return _bare(get_args(here)[get_origin(here) is not tuple])


def _bare(annotation: Any) -> Any:
    """An annotation without ``Annotated`` and without ``| None``."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if not is_union(annotation) or NoneType not in get_args(annotation):
        return annotation
    return _bare(next(argument for argument in get_args(annotation) if argument is not NoneType))
