"""What an answer must satisfy, read from requests of chat, responses and messages. References only: no schema is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litellm_cascade.vocabulary import AnswerContract, Tool

Json = Mapping[str, Any]

LONGEST_NAME = 64
"""Longer names LiteLLM cuts on their way through /v1/messages, and the model answers with the short ones."""


def to_contract(data: Json, *, choices: int) -> AnswerContract:
    """The contract behind a request. Never raises; what it cannot read demands nothing."""
    kind, schema = wanted_format(data)
    offered = [tool for tool in _list(data.get("tools")) if isinstance(tool, Mapping)]
    tools = tuple(tool for tool in map(_tool, offered) if tool is not None)
    must_call, must_call_tool = _demand(data.get("tool_choice"))
    return AnswerContract(
        json=kind,
        schema=schema,
        tools=tools,
        knows_all_tools=len(tools) == len(offered),
        must_call=must_call,
        must_call_tool=must_call_tool,
        choices=choices,
    )


def wanted_format(data: Json) -> tuple[str | None, object]:
    """``response_format`` of chat, ``text.format`` of responses: its type, None for text; and its JSON schema."""
    text = data.get("text")
    wanted = data.get("response_format") or (text.get("format") if isinstance(text, Mapping) else None)
    if wanted is None:
        return None, None
    if not isinstance(wanted, Mapping):
        return "json_schema", None  # a class of Pydantic's, from callers inside the process
    kind = str(wanted["type"]) if wanted.get("type") else None
    holder = wanted.get("json_schema")
    schema = holder.get("schema") if isinstance(holder, Mapping) else wanted.get("schema")
    return (None if kind == "text" else kind), schema


def _tool(tool: Json) -> Tool | None:
    """A function; None for a tool of another kind, and for one whose calls come under another name."""
    function = tool.get("function")
    inner = function if isinstance(function, Mapping) else tool
    name = inner.get("name")
    is_function = tool.get("type") in (None, "function") or "input_schema" in tool
    if not is_function or not isinstance(name, str) or len(name) > LONGEST_NAME:
        return None
    return Tool(name=name, parameters=inner.get("parameters", inner.get("input_schema")))


def _demand(choice: Any) -> tuple[bool, str | None]:
    """Whether some tool must be called, and which one if it is named."""
    kind = choice.get("type") if isinstance(choice, Mapping) else choice
    if kind in ("required", "any"):
        return True, None
    if kind not in ("function", "tool") or not isinstance(choice, Mapping):
        return False, None
    function = choice.get("function")
    name = (function if isinstance(function, Mapping) else choice).get("name")
    return (True, name) if isinstance(name, str) and len(name) <= LONGEST_NAME else (False, None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
