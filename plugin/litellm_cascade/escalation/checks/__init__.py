"""What can be wrong with an answer, however sure the model was. One defect, one line of ``CHECKS``, one word of ``also_escalate``.

To add one: write its check and add it to ``CHECKS``, ``Reason`` and the gates of the policy language. A check may raise: then it has
found nothing, and ``unchecked:<its name>`` is among the run's degradations.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from litellm_cascade.escalation.checks.answer_format import has_invalid_json
from litellm_cascade.escalation.checks.language import is_in_another_language
from litellm_cascade.escalation.checks.refusal import is_refused, is_withheld
from litellm_cascade.escalation.checks.subject import Expectation, Subject
from litellm_cascade.escalation.checks.tool_calls import has_invalid_tool_call
from litellm_cascade.vocabulary import Completion, Reason

__all__ = ["CHECKS", "Expectation", "Subject", "find_defect", "is_empty", "is_silent"]


def is_empty(completion: Completion) -> bool:
    """True for an answer without text and tool calls, whatever was thought on the way."""
    return not completion.text.strip() and not completion.tool_calls


def is_silent(completion: Completion) -> bool:
    """True for an empty answer that is not the provider's refusal to give one."""
    return is_empty(completion) and not is_withheld(completion)


CHECKS: Mapping[Reason, Callable[[Subject], bool]] = {
    Reason.REFUSED: is_refused,
    Reason.EMPTY: lambda subject: subject.complete and is_empty(subject.completion),
    Reason.TRUNCATED: lambda subject: subject.complete and subject.completion.finish_reason == "length",
    Reason.INVALID_TOOL_CALL: has_invalid_tool_call,
    Reason.INVALID_JSON: has_invalid_json,
    Reason.LANGUAGE_MISMATCH: is_in_another_language,
}
"""In the order in which they are looked for: the first is the reason. What is cut off is no valid JSON either, so that comes before."""


def find_defect(subject: Subject, wanted: Collection[str]) -> tuple[Reason | None, tuple[str, ...]]:
    """The first of the ``wanted`` defects that the answer has, and what could not be checked."""
    unchecked: list[str] = []
    for reason, has_defect in CHECKS.items():
        if reason.value not in wanted:
            continue
        try:
            if has_defect(subject):
                return reason, tuple(unchecked)
        except Exception:  # noqa: BLE001 - a check reads what clients and models wrote: whatever that makes it raise costs nobody an answer
            unchecked.append(f"unchecked:{reason.value}")
    return None, tuple(unchecked)
