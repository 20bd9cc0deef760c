"""``invalid_tool_call``: a tool nobody offered, arguments that are no JSON or break the tool's schema, or no call where one was due."""

from __future__ import annotations

from collections.abc import Callable

from litellm_cascade.escalation.checks import schema
from litellm_cascade.escalation.checks.json_text import parse
from litellm_cascade.escalation.checks.subject import Subject
from litellm_cascade.vocabulary import AnswerContract, ToolCall


def has_invalid_tool_call(subject: Subject) -> bool:
    """Whether a call is wrong or missing; of a stream's beginning, whether it calls a tool that was not offered."""
    contract, calls = subject.contract, subject.completion.tool_calls
    if not subject.complete:
        return any(_is_unknown(call.name, contract, str.startswith) for call in calls)  # the name may be incomplete itself
    if any(_is_unknown(call.name, contract, str.__eq__) for call in calls):
        return True
    schema.begin()
    return _misses_a_call(contract, calls) or any(_has_wrong_arguments(call, contract) for call in calls)


def _is_unknown(name: str, contract: AnswerContract, fits: Callable[[str, str], bool]) -> bool:
    return contract.knows_all_tools and bool(contract.tools) and not any(fits(tool.name, name) for tool in contract.tools)


def _misses_a_call(contract: AnswerContract, calls: tuple[ToolCall, ...]) -> bool:
    if contract.must_call_tool is not None:
        return all(call.name != contract.must_call_tool for call in calls)
    return contract.must_call and not calls


def _has_wrong_arguments(call: ToolCall, contract: AnswerContract) -> bool:
    text = call.arguments if call.arguments.strip() else "{}"  # providers write nothing where there are no arguments
    try:
        arguments = parse(text)
    except ValueError:
        return True
    if not isinstance(arguments, dict):
        return True
    schemas = [tool.parameters for tool in contract.tools if tool.name == call.name and tool.parameters is not None]
    return bool(schemas) and not any(schema.keeps_to(one, arguments) for one in schemas)
