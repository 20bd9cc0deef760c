"""``invalid_json``: the request asks for JSON, and the answer is none, or breaks the schema.

The text itself must be JSON: a client that asked for it parses it as it is, so fences of Markdown around it are a defect.
"""

from __future__ import annotations

from litellm_cascade.escalation.checks import schema
from litellm_cascade.escalation.checks.json_text import can_become_json, parse
from litellm_cascade.escalation.checks.subject import Subject


def has_invalid_json(subject: Subject) -> bool:
    """Whether the answer breaks the response format; of a stream's beginning, whether it can no longer keep to it."""
    wanted = subject.contract.json
    if wanted not in {"json_object", "json_schema"} or subject.completion.tool_calls or subject.completion.refused:
        return False  # a call or a refusal takes the place of the text
    text = subject.one_text
    if not subject.complete:
        return not can_become_json(text)
    try:
        value = parse(text)
    except ValueError:
        return True
    return not _keeps_to_format(wanted, subject.contract.schema, value)


def _keeps_to_format(wanted: str, wanted_schema: object, value: object) -> bool:
    if wanted == "json_object":
        return isinstance(value, dict)
    schema.begin()
    return wanted_schema is None or schema.keeps_to(wanted_schema, value)
