"""How a single YAML value becomes a Python value: YAML 1.2's core rules, nothing that constructs an object."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from yaml.composer import Composer
from yaml.error import MarkedYAMLError
from yaml.nodes import Node, ScalarNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

_TAG = "tag:yaml.org,2002:"
STRUCTURE_TAGS = (f"{_TAG}map", f"{_TAG}seq")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_CORE = [
    (f"{_TAG}null", re.compile(r"(?:~|null|Null|NULL|)\Z")),
    (f"{_TAG}bool", _BOOL),
    (f"{_TAG}int", _INT),
    (f"{_TAG}float", _FLOAT),
]
_LONGEST_NUMBER = 40


class TooMuchError(MarkedYAMLError):
    """The file is built to exhaust whoever reads it."""


class _CoreResolver(BaseResolver):
    """YAML 1.2's core schema: fewer surprises than PyYAML's 1.1."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {None: _CORE}  # type: ignore[misc]


class PlainLoader(Reader, Scanner, Parser, Composer, _CoreResolver):
    """Text to nodes with positions, neither longer nor deeper than allowed. Constructs nothing."""

    def __init__(self, text: str, *, most_nodes: int, max_depth: int) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._nodes_left = most_nodes
        self._levels_left = max_depth

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        if self._levels_left == 0 or self._nodes_left == 0:
            message = "too deeply nested, or too many values; a policy is a short text, write it flat"
            raise TooMuchError(problem=message, problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        self._nodes_left -= 1
        self._levels_left -= 1
        node = super().compose_node(parent, index)
        self._levels_left += 1
        return node


def read_scalar(node: ScalarNode) -> Any:
    """The value of one scalar. Raises ValueError for a tag that is not one of YAML's core ones, or a number nobody means."""
    kind, text = node.tag.removeprefix(_TAG), str(node.value)
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool" and _BOOL.match(text):
        return text.lower() == "true"
    if kind == "int" and _INT.match(text):
        return _whole(text)
    if kind in ("int", "float") and _FLOAT.match(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    raise ValueError(tag_refused(node))


def tag_refused(node: Node) -> str:
    """What to do about a tag."""
    tag = str(node.tag).replace(_TAG, "!!")
    return f"the YAML tag {tag!r} is not allowed; remove it, or put the value in quotes"


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("is a number with too many digits; write a smaller one")
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
