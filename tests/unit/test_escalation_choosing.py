import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.escalation.choosing import LONGEST_SHOWN, ballot, longest, most_frequent, normalised, picked
from litellm_cascade.vocabulary import Completion, ToolCall

WORDS = st.sampled_from(["yes", "Yes.", "no", "NO ", "", "42", "perhaps not"])
ANSWERS = st.lists(WORDS.map(lambda text: Completion(text=text)), min_size=1, max_size=6).map(lambda said: dict(enumerate(said)))


def answers(*texts):
    return {rung: Completion(text=text) for rung, text in enumerate(texts)}


@given(ANSWERS)
def test_the_chosen_answer_is_one_of_them_and_no_other_has_more_votes(said):
    normal = {rung: normalised(answer) for rung, answer in said.items()}
    votes = {rung: list(normal.values()).count(normal[rung]) for rung in said}
    chosen = most_frequent(said)
    assert votes[chosen] == max(votes.values())
    assert all(votes[rung] < votes[chosen] for rung in said if rung < chosen)


@given(ANSWERS, st.data())
def test_the_order_of_the_votes_does_not_change_what_a_majority_says(said, data):
    chosen = normalised(said[most_frequent(said)])
    if sum(normalised(answer) == chosen for answer in said.values()) * 2 > len(said):
        shuffled = dict(enumerate(data.draw(st.permutations(list(said.values())))))
        assert normalised(shuffled[most_frequent(shuffled)]) == chosen


@given(ANSWERS)
def test_the_longest_answer_is_the_first_of_the_longest(said):
    chosen = longest(said)
    assert len(said[chosen].text) == max(len(answer.text) for answer in said.values())
    assert all(len(said[rung].text) < len(said[chosen].text) for rung in said if rung < chosen)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It is 42.", " it  is 42"),
        ("**Bern**", "bern"),
        ('{"a": 1, "b": [2]}', '{ "b": [2], "a": 1 }'),
        ("<think>hm, 7 or 8</think>\n8", "8"),
        ("Straße", "STRASSE"),
        ('"yes"', "Yes."),
    ],
)
def test_answers_that_mean_the_same_are_one(one, other):
    assert normalised(Completion(text=one)) == normalised(Completion(text=other))


@pytest.mark.parametrize(("one", "other"), [("-5", "5"), ("42", "42.5"), ('{"a": 1}', '{"a": 2}'), ("[" * 100_000, "]")])
def test_answers_that_differ_are_two(one, other):
    assert normalised(Completion(text=one)) != normalised(Completion(text=other))


def test_calls_of_tools_are_compared_too():
    bern, again, basel = (
        Completion(tool_calls=(ToolCall("weather", text),)) for text in ('{"a": 1, "b": 2}', '{"b":2, "a":1}', '{"a": 2}')
    )
    assert normalised(bern) == normalised(again) != normalised(basel)
    assert normalised(bern) != normalised(Completion(tool_calls=(ToolCall("search", '{"a": 1, "b": 2}'),)))


def test_thoughts_do_not_make_an_answer_longer():
    assert longest(answers("<think>so much to think about here</think>42", "forty-two")) == 1


def test_a_ballot_shows_each_answer_under_its_number_and_is_bounded():
    turn, question = ballot(
        [Completion(text="<think>hm</think>yes"), Completion(tool_calls=(ToolCall("search"),)), Completion(text="x" * 100_000)]
    )
    assert turn.text.startswith("Candidate 1:\nyes\n\nCandidate 2:\n(calls the tool search with {})\n\nCandidate 3:\nxxx")
    assert len(turn.text) < LONGEST_SHOWN + 200
    assert "3 candidate answers" in question.text
    assert (turn.role, question.role) == ("assistant", "user")


@pytest.mark.parametrize(
    ("reply", "place"),
    [
        ("2", 1),
        ("Candidate 1.", 0),
        (" **3** ", 2),
        ("<think>1 or 2?</think>2", 1),
        ("2, yes: 2", 1),
        ("0", None),
        ("4", None),
        ("1 or 2", None),
        ("the second", None),
        ("", None),
        ("1.5", None),
        ("-1", None),
        ("1234", None),
    ],
)
def test_a_judge_names_one_and_only_one(reply, place):
    assert picked(Completion(text=reply), 3) == place


@given(st.text(max_size=40), st.integers(1, 9))
def test_no_reply_picks_what_is_not_there(reply, count):
    assert picked(Completion(text=reply), count) in {None, *range(count)}
