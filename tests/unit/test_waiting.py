"""What the other tests wait with."""

import pytest

from waiting import until


def test_the_first_answer_that_holds_is_returned_and_none_is_asked_after_it():
    answers = iter([None, 0, "first", "second"])
    assert until(lambda: next(answers), every_s=0) == "first"
    assert until(lambda: next(answers), lambda answer: answer == "second", every_s=0) == "second"


def test_what_does_not_come_about_fails_and_says_what_and_the_last_answer():
    with pytest.raises(AssertionError, match=r"(?s)not within 0 s: .*answer > 10.*at last: 7\nit was late"):
        until(lambda: 7, lambda answer: answer > 10, within_s=0, told=lambda: "it was late")
    with pytest.raises(AssertionError, match=r"not within 0 s: <class 'str'>\nat last: ''"):
        until(str, within_s=0)


def test_what_holds_at_once_has_no_need_of_time():
    assert until(lambda: "now", within_s=0) == "now"
