import pytest

from litellm_cascade.escalation import agreement
from litellm_cascade.escalation.agreement import final_answer
from litellm_cascade.vocabulary import Completion


def share(answer, *samples):
    return agreement(Completion(text=answer), [Completion(text=sample) for sample in samples])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 + 4 makes 7.", "7"),
        ("#### 1,234.50", "1234.5"),
        ("It costs 1,000,000 dollars", "1000000"),
        ("$\\boxed{-0.0}$", "0"),
        ("Not 5.\nAnswer: **42** apples", "42"),
        ("The answer is 41. No, the answer is 42.", "42"),
        ("B", "B"),
        ("(C)", "C"),
        ("D. the mitochondria", "D"),
        ("Answer: (J) none of them", "J"),
        ("the answer is B because of 3 reasons", "B"),
        ("Answer: I think so", "i think so"),
        ("A cat", "cat"),
        ("Answer:  The Paris of the North!", "paris of north"),
        ("Answer:\n", "answer"),
        ("the", "the"),
        ("", ""),
    ],
)
def test_what_an_answer_comes_to(text, expected):
    assert final_answer(text) == expected


@pytest.mark.parametrize(
    ("answer", "sample"),
    [
        ("She has 1,000 left.", "Answer: 1000.0"),
        ("The capital of Norway is Oslo.", "Oslo"),
        ("Oslo", "Answer: oslo."),
        ("Yes, it is.", "yes"),
        ("The right choice is clear. Answer: B", "(B)"),
        ('{"a": 1, "b": [2]}', '```json\n{"b": [2], "a": 1}\n```'),
    ],
)
def test_the_same_in_other_words_agrees(answer, sample):
    assert share(answer, sample) == 1.0


@pytest.mark.parametrize(
    ("answer", "sample"),
    [
        ("She has 1000 left.", "Answer: 1001"),
        ("The capital of Norway is Oslo.", "Bergen"),
        ("There is no doubt about it: yes", "no"),
        ("Answer: B", "(C)"),
        ('{"a": 1}', '{"a": 2}'),
        ('{"a": 1}', "1"),
        ("[not json]", "2"),
        ("Oslo", ""),
    ],
)
def test_something_else_does_not_agree(answer, sample):
    assert share(answer, sample) == 0.0


def test_it_is_the_share_of_the_samples_that_agree():
    assert share("It is 4.", "4", "5", "Answer: 4", "four", "4.0") == 0.6


def test_without_samples_nothing_is_known():
    assert share("It is 4.") is None


def test_calls_agree_with_the_same_calls_alone():
    call, other, words = Completion(tool_calls=("weather",)), Completion(tool_calls=("search",)), Completion(text="sunny")
    assert agreement(call, [call, other, words, call]) == 0.5
    assert agreement(words, [call, words]) == 0.5
