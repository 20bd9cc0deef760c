"""The JSON files that strategies name: fitted and recorded numbers, read when the policy is loaded and checked like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from litellm_cascade.policy.messages import problems_of
from litellm_cascade.policy.problems import Problem, as_text
from litellm_cascade.policy.source import MAX_BYTES, reason_of
from litellm_cascade.policy.strategies.base import StrategyBase
from litellm_cascade.policy.written import choice_in, list_in, routes_in

_SHOWN = 3
"""Problems of one file; more would hide the policy's own."""


@dataclass(frozen=True, kw_only=True)
class NamedFile:
    """A file as it was read: the name it has in the policy, the SHA-256 of its bytes, its content."""

    name: str
    digest: str
    content: Any


def named_files(raw: Any, folder: FilePath) -> tuple[dict[int, NamedFile], list[Problem]]:
    """The files that routes name, by the route's index, and everything that is wrong with them."""
    files: dict[int, NamedFile] = {}
    problems: list[Problem] = []
    for path, route in routes_in(raw):
        strategy, written = choice_in(route) or (StrategyBase, {})
        key = strategy.file or ""
        name = written.get(key)
        if isinstance(name, str):
            read, sentences = _read(folder, name, strategy, written)
            problems += (Problem(path=(*path, "choose", key), message=sentence) for sentence in sentences)
            files |= {int(path[1]): read} if read else {}
    return files, problems


def _read(folder: FilePath, name: str, strategy: type[StrategyBase], choose: Mapping[str, Any]) -> tuple[NamedFile | None, list[str]]:
    try:
        with (folder / name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        return None, [f"{name!r} cannot be read ({reason_of(error)}); the path starts at the policy's folder"]
    if len(data) > MAX_BYTES:
        return None, [f"{name!r} is larger than {MAX_BYTES // 1024} KiB; check the path"]
    content, sentences = _parsed(name, data, strategy.content)  # type: ignore[arg-type]
    if content is None:
        return None, sentences
    silent = [alias for alias in list_in(choose, "candidates") if isinstance(alias, str) and strategy.silent_on(content, alias)]
    return NamedFile(name=name, digest=sha256(data).hexdigest(), content=content), [
        f"{name!r} says nothing of {alias!r}" for alias in silent
    ]


def _parsed(name: str, data: bytes, model: type[BaseModel]) -> tuple[BaseModel | None, list[str]]:
    try:
        return model.model_validate_json(data, strict=True), []
    except ValidationError as error:
        found = list(problems_of(error, model))
    return None, [f"{name!r}: {as_text(problem.path)}: {problem.message}" for problem in found[:_SHOWN]]
