"""A YAML file as plain data, with the position of everything in it.

Stricter than YAML: only text, numbers, booleans, null, lists and mappings with text keys, each key once. Scalars are read as YAML 1.2
reads them, so ``off`` and ``no`` are words and ``1:30`` is no number. Size, depth and the number of values (aliases counted as often as
they are used) are bounded, so that no file can take the proxy's memory or its stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any

from yaml.error import MarkedYAMLError
from yaml.nodes import Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy.problems import Path, Problem
from litellm_cascade.policy.scalars import STRUCTURE_TAGS, PlainLoader, TooMuchError, read_scalar, tag_refused
from litellm_cascade.policy.syntax import explain

MAX_BYTES = 1024 * 1024
"""A policy is written by people: the largest one shipped has 3 KiB."""
MAX_VALUES = 20_000
MAX_DEPTH = 24
TOO_MUCH = f"more than {MAX_VALUES} values or {MAX_DEPTH} levels, aliases followed; a policy is a short text, write it flat"


class Source:
    """One YAML file.

    ``raw`` is its content, ``problems`` what YAML allows and a policy does not, ``position`` where a problem lies (line and column from 1).
    Raises PolicyError when the text is not YAML at all, or empty.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.raw: Any = None
        self._text = text
        self._values: dict[Path, Node] = {}
        self._keys: dict[Path, Node] = {}
        self.problems: list[Problem] = []
        self._read()

    def position(self, problem: Problem) -> tuple[int, int]:
        """The line and column of a problem, or of the closest thing around it that exists."""
        path = problem.path
        if problem.on_key and path in self._keys:
            return self._inside(self._keys[path], 0)
        while path not in self._values:
            path = path[:-1]
        return self._inside(self._values[path], problem.offset if path == problem.path else 0)

    def _inside(self, node: Node, offset: int) -> tuple[int, int]:
        """Exact where a text stands in the file as it reads; escapes and folded lines get the position of their beginning."""
        place, end = node.start_mark.index, node.end_mark.index
        if offset and isinstance(node.value, str):
            found = self._text.find(node.value.rstrip(), place, end)
            place = found + offset if found >= 0 else place
        return self._text.count("\n", 0, place) + 1, place - self._text.rfind("\n", 0, place)

    def _read(self) -> None:
        with self._yaml_errors():
            node = PlainLoader(self._text, most_nodes=2 * MAX_VALUES, max_depth=MAX_DEPTH).get_single_node()
            if node is None:
                raise PolicyError([f"{self.name}:1:1: $: is empty; see docs/policies.md for the smallest policy"])
            self.raw = self._plain(node, ())

    @contextmanager
    def _yaml_errors(self) -> Iterator[None]:
        try:
            yield
        except (ReaderError, MarkedYAMLError) as error:
            line, column, sentence = explain(error, self._text)
            raise PolicyError([f"{self.name}:{line}:{column}: $: {sentence}"]) from None

    def _plain(self, node: Node, path: Path) -> Any:
        self._values[path] = node
        if len(self._values) > MAX_VALUES or len(path) > MAX_DEPTH:
            raise TooMuchError(problem=TOO_MUCH, problem_mark=node.start_mark)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if node.tag not in STRUCTURE_TAGS:
            self.problems.append(Problem(path=path, message=tag_refused(node)))
        if isinstance(node, SequenceNode):
            return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._mapping(node, path)

    def _mapping(self, node: Node, path: Path) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            place = (*path, key)
            if key in plain:
                line = self._keys[place].start_mark.line + 1
                self.problems.append(Problem(path=place, message=f"is here twice, first on line {line}; keep one", on_key=True))
            self._keys[place] = key_node
            plain[key] = self._plain(value_node, place)
        return plain

    def _key(self, node: Node, path: Path) -> str:
        if isinstance(node, ScalarNode) and isinstance(self._scalar(node, path), str):
            return str(node.value)
        written = self._text[node.start_mark.index : node.end_mark.index]
        self.problems.append(Problem(path=(*path, written), message="is no text; put this key in quotes", on_key=True))
        return written

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        try:
            return read_scalar(node)
        except ValueError as error:
            self.problems.append(Problem(path=path, message=str(error)))
            return node.value


def open_source(path: str | FilePath) -> Source:
    """Read a file. Raises PolicyError when it is missing, unreadable, too large, not text, or not the YAML described above."""
    try:
        with FilePath(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError([f"{path}:1:1: $: cannot be read ({reason_of(error)}); check the path and its permissions"]) from None
    if len(data) > MAX_BYTES:
        raise PolicyError([f"{path}:1:1: $: is larger than {MAX_BYTES // 1024} KiB; a policy is a short text, check the path"])
    return Source(str(path), _decode(str(path), data))


def reason_of(error: OSError | ValueError) -> str:
    """Why a file cannot be opened."""
    return (getattr(error, "strerror", None) or type(error).__name__).lower()


def _decode(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PolicyError([f"{name}:{line}:1: $: is not UTF-8 text; save the file as UTF-8"]) from None
