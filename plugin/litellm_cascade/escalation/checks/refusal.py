"""``refused``: the model did not do what it was asked.

By the provider's word (its own field, or the finish reason ``content_filter``), or by its own: a short answer that begins as models begin
to refuse.
"""

from __future__ import annotations

import re

from litellm_cascade.escalation.checks.refusal_phrases import PHRASES
from litellm_cascade.escalation.checks.subject import Subject
from litellm_cascade.vocabulary import Completion

MOST_CHARACTERS = 500
"""A longer answer has done something, whatever it opens with."""

_BEGINNING = re.compile(r"[\s\"'“”„«*_>#-]*(?:" + "|".join(PHRASES.values()) + ")", re.IGNORECASE)


def is_refused(subject: Subject) -> bool:
    """Whether the answer, or what has arrived of it, refuses."""
    completion = subject.completion
    if is_withheld(completion):
        return True
    if completion.tool_calls or not completion.text:
        return False
    return reads_like_a_refusal(subject.one_text)


def is_withheld(completion: Completion) -> bool:
    """Whether the provider itself says that the model refused, or that its answer was filtered."""
    return completion.refused or completion.finish_reason == "content_filter"


def reads_like_a_refusal(text: str) -> bool:
    """Whether a text is short and begins as models begin to refuse. A prefix is short while it is one."""
    return len(text.strip()) <= MOST_CHARACTERS and _BEGINNING.match(text) is not None
