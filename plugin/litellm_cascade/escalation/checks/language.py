"""``language_mismatch``: the prompt is in one language, and the answer in another.

Right where people should be answered in their own language; wrong for translation, language lessons, and systems told to answer in one
language, which is why a gate has to ask for it. Unknown is no mismatch.
"""

from __future__ import annotations

import re

from litellm_cascade.escalation.checks.subject import Subject

UNKNOWN = "unknown"
FEWEST_LETTERS = 60
"""Shorter answers are names, numbers and words that several languages share."""
READ_CHARACTERS = 1200
ALIKE = ({"da", "no", "sv"}, {"cs", "sk"}, {"ru", "uk", "bg"}, {"es", "pt"}, {"fa", "ar", "ur"}, {"zh", "ja"})
"""Languages that a detector of frequent words and scripts takes for each other."""
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)
"""Code is English to a detector."""


def is_in_another_language(subject: Subject) -> bool:
    """Whether a complete answer is surely in another language than the prompt."""
    contract = subject.contract
    if not subject.complete or contract.language == UNKNOWN or contract.json is not None:
        return False
    prose = _CODE.sub(" ", subject.one_text[: 4 * READ_CHARACTERS])[:READ_CHARACTERS]
    if sum(map(str.isalpha, prose)) < FEWEST_LETTERS:
        return False
    found = subject.expectation.find_language(prose)
    return found not in {UNKNOWN, contract.language} and not any({found, contract.language} <= alike for alike in ALIKE)
