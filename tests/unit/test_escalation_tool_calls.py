"""Tool calls that come in pieces."""

import pytest

from litellm_cascade.escalation import ToolPiece
from litellm_cascade.escalation.tool_calls import assembled
from litellm_cascade.vocabulary import ToolCall

FIRST, SECOND = (0, 0), (0, 1)


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        ([], ()),
        (
            [ToolPiece(FIRST, "look", key="1"), ToolPiece(FIRST, arguments='{"at"'), ToolPiece(FIRST, arguments=": 1}")],
            (ToolCall("look", '{"at": 1}'),),
        ),
        (
            [ToolPiece(FIRST, "look"), ToolPiece(SECOND, "hear"), ToolPiece(FIRST, arguments="[1]"), ToolPiece(SECOND, arguments="[2]")],
            (ToolCall("look", "[1]"), ToolCall("hear", "[2]")),
        ),
        ([ToolPiece(FIRST, "look", "{}", "1"), ToolPiece(FIRST, "look", "[]", "2")], (ToolCall("look", "{}"), ToolCall("look", "[]"))),
        ([ToolPiece(FIRST, "look", "{", "1"), ToolPiece(FIRST, "look", "}", "1")], (ToolCall("look", "{}"),)),
        ([ToolPiece(FIRST, "lo"), ToolPiece(FIRST, "ok", "{}")], (ToolCall("look", "{}"),)),
    ],
    ids=["none", "in parts", "side by side", "one place, two ids", "a name repeated", "a name in parts"],
)
def test_calls_are_put_together(pieces, calls):
    assert assembled(pieces) == calls
