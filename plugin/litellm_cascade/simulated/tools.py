"""A simulated tool call: the tool that was demanded, with the plainest arguments its schema allows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from litellm_cascade.vocabulary import ToolCall

_PLAINEST: dict[str, Any] = {"string": "simulated", "integer": 1, "number": 1.0, "boolean": True, "array": [], "null": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function a request offers, with its JSON schema."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def demanded_tool(tools: Sequence[Mapping[str, Any]] | None, tool_choice: Any) -> Tool | None:
    """The tool that must be called: the named one, or the first when one is ``required``. None when text will do."""
    functions = [tool["function"] for tool in tools or () if isinstance(tool.get("function"), dict)]
    if tool_choice != "required":
        named = tool_choice.get("function", {}).get("name") if isinstance(tool_choice, dict) else None
        functions = [function for function in functions if function.get("name") == named]
    return Tool(name=functions[0]["name"], parameters=functions[0].get("parameters") or {}) if functions else None


def call_tool(tool: Tool) -> ToolCall:
    """Fills what the schema requires, and nothing else."""
    return ToolCall(name=tool.name, arguments=json.dumps(_plainest({"type": "object", **tool.parameters})))


def _plainest(schema: Mapping[str, Any]) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        return {name: _plainest(properties.get(name, {})) for name in schema.get("required", ())}
    kind = schema.get("type")
    return _PLAINEST.get(kind, "simulated") if isinstance(kind, str) else "simulated"
