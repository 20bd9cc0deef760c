"""Thoughts and notes of providers, in three dialects; and what is left of a request without foreign ones."""

import pytest

from litellm_cascade.proxy.dialogue import MOST_MARKS
from litellm_cascade.proxy.thoughts import BESIDE, is_noted, marks_of, own_turns, thoughts_in, without_foreign

SIGNED = {"type": "thinking", "thinking": "hm", "signature": "proof"}
FOREIGN = {"type": "thinking", "thinking": "ours", "signature": "foreign"}
HIDDEN = {"type": "redacted_thinking", "data": "hidden"}
TEXT = {"type": "text", "text": "yes"}


def notes(**held):
    return {"provider_specific_fields": held}


def call(**more):
    return {"id": "a", "function": {"name": "weather", "arguments": "{}"}, **more}


@pytest.mark.parametrize(
    ("turn", "marks"),
    [
        ({"content": [SIGNED, HIDDEN, TEXT]}, ["proof", "hidden"]),
        ({"content": [{"type": "thinking", "thinking": "hm", "signature": None}]}, ["hm"]),
        ({"content": "yes", "thinking_blocks": [SIGNED], "reasoning_content": "hm"}, ["hm", "proof"]),
        ({"content": "yes", "reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "well"}]}, ["hm", "well"]),
        ({"content": "yes", **notes(thinking_blocks=[SIGNED], citations=None)}, ["proof"]),
        ({"content": "yes", **notes(thought_signatures=["proof"])}, ["proof"]),
        ({"tool_calls": [call(**notes(thought_signature="proof"))]}, ["proof"]),
        ({"tool_calls": [call(function=notes(thought_signature="proof"))]}, ["proof"]),
        ({"type": "reasoning", "id": "rs_1", "encrypted_content": "sealed"}, ["sealed"]),
        ({"type": "reasoning", "id": "rs_1"}, ["rs_1"]),
        ({"type": "reasoning"}, []),
        ({"content": "yes", **notes(refusal=None)}, []),
        ({"content": "yes"}, []),
    ],
)
def test_a_thought_is_known_by_its_proof(turn, marks):
    assert sorted(marks_of(turn)) == sorted(marks)


def test_the_newest_thoughts_come_first_and_are_bounded():
    turns = [{"content": [{"type": "thinking", "signature": str(place)}]} for place in range(1000)]
    assert thoughts_in({"messages": turns}) == [str(place) for place in range(999, 999 - MOST_MARKS, -1)]


@pytest.mark.parametrize(
    ("turn", "left"),
    [
        ({"content": [FOREIGN, SIGNED, TEXT]}, {"content": [SIGNED, TEXT]}),
        ({"content": "yes", "thinking_blocks": [FOREIGN], "reasoning_content": "theirs"}, {"content": "yes"}),
        (
            {"content": "yes", "thinking_blocks": [FOREIGN, SIGNED], "reasoning_content": "proof"},
            {"content": "yes", "thinking_blocks": [SIGNED], "reasoning_content": "proof"},
        ),
        ({"content": None, **notes(thinking_blocks=[FOREIGN])}, {"content": None}),
        ({"content": "yes", **notes(thinking_blocks=[SIGNED])}, {"content": "yes", **notes(thinking_blocks=[SIGNED])}),
        ({"content": "yes", **notes(refusal=None)}, {"content": "yes"}),
        ({"content": "yes", "images": [], "thinking_blocks": [], "annotations": [], "refusal": None}, {"content": "yes", "refusal": None}),
        ({"content": "yes", "images": [{"type": "image_url"}]}, {"content": "yes", "images": [{"type": "image_url"}]}),
        ({"content": "yes", "reasoning": "theirs", "reasoning_details": [{"text": "theirs"}]}, {"content": "yes"}),
        ({"content": "yes", "annotations": [{"type": "url_citation"}]}, {"content": "yes"}),
        ({"content": [FOREIGN]}, None),
        ({"content": [FOREIGN], "tool_calls": [call()]}, {"content": [], "tool_calls": [call()]}),
        (
            {"tool_calls": [call(**notes(thought_signature="foreign")), call(**notes(thought_signature="proof"))]},
            {"tool_calls": [call(), call(**notes(thought_signature="proof"))]},
        ),
        (
            {"tool_calls": [call(function={"name": "f", **notes(thought_signature="foreign")})]},
            {"tool_calls": [call(function={"name": "f"})]},
        ),
        ({"type": "reasoning", "encrypted_content": "foreign"}, None),
        ({"type": "reasoning", "encrypted_content": "proof"}, {"type": "reasoning", "encrypted_content": "proof"}),
    ],
)
def test_what_is_foreign_goes_and_all_else_stays(turn, left):
    turn, before = {"role": "assistant", **turn}, repr({"role": "assistant", **turn})
    assert is_noted({"messages": [turn]})
    assert own_turns([turn], lambda mark: mark == "proof") == ([] if left is None else [{"role": "assistant", **left}])
    assert repr(turn) == before, "the client's own data is not changed"


def test_turns_with_nothing_beside_their_words_are_the_same_objects():
    turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": [TEXT], "tool_calls": [call()]}, 7]
    assert not is_noted({"messages": turns})
    assert all(left is turn for left, turn in zip(own_turns(turns, set().__contains__), turns, strict=True))


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, [None, 7, [], {}], {"type": []}, [{"type": {}, "signature": 7}]])
def test_whatever_a_client_sends_is_looked_at(odd):
    for key in (*BESIDE, "content", "tool_calls", "output", "type"):
        turns = [{key: odd}, {"tool_calls": [{"provider_specific_fields": odd, "function": odd}]}]
        assert list(thoughts_in({"messages": turns})) in ([], ["x"], ["x", "x"])
        assert len(own_turns(turns, set().__contains__)) in (1, 2)


def test_a_request_is_given_new_turns():
    data = {"messages": [{"content": [SIGNED, {"type": "text"}]}], "input": "hello"}
    without_foreign(data, set().__contains__)
    assert data == {"messages": [{"content": [{"type": "text"}]}], "input": "hello"}
