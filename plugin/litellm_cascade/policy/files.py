"""The JSON files that a policy names: fitted and recorded numbers, read when the policy is loaded and checked like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from litellm_cascade.policy.messages import problems_of
from litellm_cascade.policy.problems import Path, Problem, as_text
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


def named_files(raw: Any, folder: FilePath) -> tuple[dict[Path, NamedFile], list[Problem]]:
    """The files that routes name, by the route's path, and everything that is wrong with them."""
    files: dict[Path, NamedFile] = {}
    problems: list[Problem] = []
    for path, route in routes_in(raw):
        strategy, written = choice_in(route) or (StrategyBase, {})
        key = strategy.file or ""
        name = written.get(key)
        if isinstance(name, str):
            read, sentences = read_named(folder, name, strategy.content)  # type: ignore[arg-type]
            if read is not None:
                files[path] = read
                sentences = _silences(read, strategy, written)
            problems += (Problem(path=(*path, "choose", key), message=sentence) for sentence in sentences)
    return files, problems


def read_named(folder: FilePath, name: str, model: type[BaseModel]) -> tuple[NamedFile | None, list[str]]:
    """One file, or what is wrong with it in sentences."""
    try:
        with (folder / name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        return None, [f"{name!r} cannot be read ({reason_of(error)}); the path starts at the policy's folder"]
    if len(data) > MAX_BYTES:
        return None, [f"{name!r} is larger than {MAX_BYTES // 1024} KiB; check the path"]
    content, sentences = _parsed(name, data, model)
    return NamedFile(name=name, digest=sha256(data).hexdigest(), content=content) if content is not None else None, sentences


def _silences(file: NamedFile, strategy: type[StrategyBase], choose: Mapping[str, Any]) -> list[str]:
    candidates = [alias for alias in list_in(choose, "candidates") if isinstance(alias, str)]
    return [f"{file.name!r} says nothing of {alias!r}" for alias in candidates if strategy.silent_on(file.content, alias)]


def _parsed(name: str, data: bytes, model: type[BaseModel]) -> tuple[BaseModel | None, list[str]]:
    try:
        return model.model_validate_json(data, strict=True), []
    except ValidationError as error:
        found = list(problems_of(error, model))
    return None, [f"{name!r}: {as_text(problem.path)}: {problem.message}" for problem in found[:_SHOWN]]
