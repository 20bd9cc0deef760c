import pytest

from litellm_cascade.escalation.carrying import CUT, LONGEST_DRAFT, carried
from litellm_cascade.vocabulary import Completion, Judgement, Reason, ToolCall, Verdict

DRAFT = Completion(text="Perhaps Bern.")


def rejected(reason):
    return Judgement(verdict=Verdict.ESCALATE, reason=reason)


@pytest.mark.parametrize("reason", [Reason.LOW_CONFIDENCE, Reason.UNKNOWN_CONFIDENCE, Reason.TRUNCATED])
def test_an_unsure_draft_is_carried_as_the_assistants_and_improved_at_the_users_request(reason):
    draft, request = carried(DRAFT, rejected(reason))
    assert (draft.role, draft.text) == ("assistant", "Perhaps Bern.")
    assert request.role == "user"
    assert "draft" in request.text


def test_a_long_draft_is_cut():
    draft, _ = carried(Completion(text="x" * 1_000_000), rejected(Reason.LOW_CONFIDENCE))
    assert draft.text == "x" * LONGEST_DRAFT + CUT


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        (DRAFT, Reason.EMPTY),
        (DRAFT, Reason.ERROR),
        (DRAFT, Reason.REFUSED),
        (DRAFT, Reason.INVALID_TOOL_CALL),
        (Completion(text="No.", refused=True), Reason.LOW_CONFIDENCE),
        (Completion(text=" \n"), Reason.LOW_CONFIDENCE),
        (Completion(text="Let me look", tool_calls=(ToolCall("search"),)), Reason.LOW_CONFIDENCE),
    ],
)
def test_what_is_of_no_use_is_not_carried(draft, reason):
    assert carried(draft, rejected(reason)) == ()
