"""Values of a policy written anew, with everything else, comments too, left as it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from litellm_cascade.policy.problems import Path
from litellm_cascade.policy.scalars import PlainLoader
from litellm_cascade.policy.source import MAX_DEPTH, MAX_VALUES


def with_values(text: str, values: Mapping[Path, float | str]) -> str:
    """A policy's text with these values at these places. The text must be a policy that was read already; KeyError for no such place."""
    root = PlainLoader(text, most_nodes=2 * MAX_VALUES, max_depth=MAX_DEPTH).get_single_node()
    places = sorted(((_at(root, path), value) for path, value in values.items()), key=lambda place: -place[0].start_mark.index)
    for node, value in places:
        text = f"{text[: node.start_mark.index]}{json.dumps(value, ensure_ascii=False)}{text[node.end_mark.index :]}"
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
