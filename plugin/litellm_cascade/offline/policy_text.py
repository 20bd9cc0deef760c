"""Numbers of a policy written anew, with everything else, comments too, left as it stands."""

from __future__ import annotations

from collections.abc import Mapping

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from litellm_cascade.policy.problems import Path
from litellm_cascade.policy.scalars import PlainLoader
from litellm_cascade.policy.source import MAX_DEPTH, MAX_VALUES


def with_numbers(text: str, numbers: Mapping[Path, float]) -> str:
    """A policy's text with these numbers at these places. The text must be a policy that was read already; KeyError for no such place."""
    root = PlainLoader(text, most_nodes=2 * MAX_VALUES, max_depth=MAX_DEPTH).get_single_node()
    places = sorted(((_at(root, path), number) for path, number in numbers.items()), key=lambda place: -place[0].start_mark.index)
    for node, number in places:
        text = f"{text[: node.start_mark.index]}{number!r}{text[node.end_mark.index :]}"
    return text


def _at(node: Node | None, path: Path) -> ScalarNode:
    for step in path:
        if isinstance(node, MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        else:
            raise KeyError(path)
    if not isinstance(node, ScalarNode):
        raise KeyError(path)
    return node
