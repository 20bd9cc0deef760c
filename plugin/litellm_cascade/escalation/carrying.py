"""What the next rung is told of a draft that was turned down, where the policy says ``carry_over: true``.

The draft is put where a model finds its own earlier answers, and a request of the user's follows it: turns alternate, as every provider
wants them, and none of the client's own turns changes.
"""

from __future__ import annotations

from litellm_cascade.vocabulary import Completion, Judgement, Reason, Turn

LONGEST_DRAFT = 12_000
"""Characters, some 3,000 tokens: what a draft may add to the price of the larger model's answer."""
CUT = "\n[The rest of the draft is left out.]"
IMPROVE = (
    "The answer above is a draft by a less capable assistant and may be wrong. Answer my last request yourself, as if it had not been "
    "answered: keep what is right in the draft, correct what is wrong, and do not mention the draft."
)
CARRIED = frozenset({Reason.LOW_CONFIDENCE, Reason.UNKNOWN_CONFIDENCE, Reason.TRUNCATED, Reason.INVALID_JSON, Reason.LANGUAGE_MISMATCH})
"""Why a draft may have been turned down and still be of use. What a model refused to say would only talk the next one into refusing."""


def carried(draft: Completion, judgement: Judgement) -> tuple[Turn, ...]:
    """The turns that hand a whole draft on; none for one that is of no use: without text, refused, or a call of tools."""
    if judgement.reason not in CARRIED or draft.refused or draft.tool_calls or not draft.text.strip():
        return ()
    text = draft.text if len(draft.text) <= LONGEST_DRAFT else draft.text[:LONGEST_DRAFT] + CUT
    return (Turn(role="assistant", text=text), Turn(role="user", text=IMPROVE))
