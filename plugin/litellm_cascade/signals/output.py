"""How many tokens an answer will have, guessed from what is asked for: words of the task, examples, format, and the client's own limit.

A guess for prices and waiting times, no more: docs/signals.md says how far off it is. The words are English; a request in another
language, or one without any of them, is guessed at ``USUAL``. The first rule that applies counts.
"""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING, Final

from litellm_cascade.signals.tokens import estimate_tokens
from litellm_cascade.signals.window import newest_text

if TYPE_CHECKING:
    from litellm_cascade.vocabulary import Request

HEAD_CHARACTERS: Final = 600
TAIL_CHARACTERS: Final = 600
"""The task stands at the beginning or at the end of what was written."""

USUAL: Final = 256
MOST: Final = 4096
FEWEST_EXAMPLES: Final = 2

_COUNTED: Final = re.compile(r"\b(\d{1,4})[ -]?(word|sentence|paragraph|bullet)")
_TOKENS_PER: Final = {"word": 1.35, "sentence": 24.0, "paragraph": 110.0, "bullet": 28.0}
_EXAMPLE: Final = re.compile(r"\n ?(?:a|answer|output|label|sql|response): ?([^\n]{1,300})(?=\n)")

_BRIEF: Final = re.compile(
    r"\b(?:yes or no|true or false|one word|single word|only the (?:letter|number|name|label|final answer)"
    r"|just the (?:letter|number|answer)"
    r"|answer with (?:a|the|only|one)|nothing else)\b",
)
_CHOICES: Final = re.compile(r"\n ?\(?a[.):] ?[^\n]{1,400}\n ?\(?b[.):] ?")
_SUM: Final = re.compile(r"\b(?:how (?:many|much|old|far|long)|calculate|compute|solve|what is the (?:total|sum|value))\b")
_LIKE_THE_INPUT: Final = re.compile(r"\b(?:translate|rewrite|rephrase|paraphrase|proofread|correct the|fix the grammar)")
_SHORTER: Final = re.compile(r"\b(?:summari[sz]e|summary|tl;?dr|key points|shorten)")
_LABEL: Final = re.compile(r"\b(?:classify|categori[sz]e|sentiment|which category|extract)\b")
_LONG: Final = re.compile(
    r"\b(?:essay|article|blog|story|report|speech|chapter|tutorial|business plan|cover letter"
    r"|detailed|in depth|step[- ]by[- ]step guide)\b",
)
_CODE: Final = re.compile(
    r"\b(?:implement|write (?:a|an|the|some) (?:\w{1,20} ){0,3}(?:function|program|script|class|code|query|test|regex)"
    r"|refactor|def \w{1,60}\()",
)
_EXPLAIN: Final = re.compile(r"\b(?:explain|describe|compare|discuss|why|how (?:do|does|can|to|would)|list|suggest|plan)\b")

_FIXED: Final = (
    (_BRIEF, 8),
    (_CHOICES, 75),  # public exam questions, whose answers are reasoned out
    (_LABEL, 40),
    (_LONG, 700),
    (_CODE, 350),
    (_SUM, 75),  # the same for sums told as stories
    (_EXPLAIN, 320),
)
_JSON_TOKENS: Final = 150


def read_predicted_output_tokens(request: Request, input_tokens: int) -> int:
    """Tokens of one answer: 1 to ``MOST``, and never more than the client allows. ``input_tokens`` is the request's own estimate."""
    asked = newest_text(request, roles=("user",), head=HEAD_CHARACTERS, tail=TAIL_CHARACTERS).lower()
    expected = min(max(ceil(_expected(asked, request, input_tokens)), 1), MOST)
    allowed = request.max_output_tokens
    return min(expected, allowed) if allowed is not None and allowed > 0 else expected


def _expected(asked: str, request: Request, input_tokens: int) -> float:
    counted = _COUNTED.search(asked)
    if counted is not None:
        return int(counted[1]) * _TOKENS_PER[counted[2]]
    examples = _EXAMPLE.findall(asked)
    if len(examples) >= FEWEST_EXAMPLES:
        return sum(map(estimate_tokens, examples)) / len(examples)
    if _LIKE_THE_INPUT.search(asked):
        return max(input_tokens, 16)
    if _SHORTER.search(asked):
        return min(max(0.25 * input_tokens, 60), 400)
    usual = _JSON_TOKENS if request.response_format in ("json_object", "json_schema") else USUAL
    return next((tokens for pattern, tokens in _FIXED if pattern.search(asked)), usual)
