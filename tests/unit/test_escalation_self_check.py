import math

import pytest

from litellm_cascade.escalation import p_true

LIKELY, UNLIKELY = math.log(0.6), math.log(0.2)


def test_it_is_the_share_of_true_in_what_is_said_for_either():
    assert p_true("True", [("True", LIKELY), (" False", UNLIKELY), ("Maybe", UNLIKELY)]) == pytest.approx(0.75)


def test_every_spelling_counts():
    alternatives = [("true", math.log(0.3)), (" TRUE", math.log(0.3)), ("\u0120Yes", math.log(0.1)), ("**No", math.log(0.1))]
    assert p_true("", alternatives) == pytest.approx(0.7 / 0.8)


@pytest.mark.parametrize(("word", "expected"), [("True", 1.0), (" yes.", 1.0), ("FALSE", 0.0), ("No", 0.0), ("Truly", None), ("", None)])
def test_without_log_probabilities_the_word_counts(word, expected):
    assert p_true(word) == expected


def test_a_model_that_would_rather_say_something_else_does_not_say():
    assert p_true("True", [("The", math.log(0.7)), ("True", math.log(0.2))]) is None


def test_where_neither_is_among_the_alternatives_the_word_counts():
    assert p_true("True", [("T", math.log(0.9))]) == 1.0


def test_providers_round_to_a_probability_above_one():
    assert p_true("True", [("True", 1e-6)]) == 1.0
