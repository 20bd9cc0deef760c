"""Gain without labels of the benchmark: what is learnt of a pair's models from what they made of other prompts."""

import numpy as np
import pytest

from litellm_cascade.offline.gaining.transfer import fit_elsewhere

HARD, EASY = ("prove", "lemma", "integral"), ("colour", "animal", "capital")


def prompts(n, seed):
    """With hard words or easy ones, of lengths that say nothing; and which are hard."""
    random = np.random.default_rng(seed)
    hard = random.random(n) < 0.5
    fillers = [[f"n{word}" for word in random.integers(0, 20, random.integers(2, 30))] for _ in range(n)]
    return [" ".join([*random.choice(HARD if one else EASY, 3), *rest]) for one, rest in zip(hard, fillers, strict=True)], hard


def outcomes(hard, of_hard, of_easy, seed):
    return (np.random.default_rng(seed).random(len(hard)) < np.where(hard, of_hard, of_easy)).astype(float)


def told_apart(predict):
    """How much more gain is expected of hard prompts, in standard deviations."""
    texts, hard = prompts(400, 9)
    said = predict(texts)
    return (said[hard].mean() - said[~hard].mean()) / said.std()


@pytest.fixture(scope="module")
def elsewhere():
    return prompts(600, 1)


def test_what_the_smaller_model_failed_at_elsewhere_is_where_the_larger_gains(elsewhere):
    texts, hard = elsewhere
    scores = {"tiny": outcomes(hard, 0.2, 0.9, 2), "huge": outcomes(hard, 0.9, 0.9, 3)}
    assert told_apart(fit_elsewhere([(texts, scores)], "tiny", "huge")) > 1
    assert told_apart(fit_elsewhere([(texts, scores)], "somebody/Tiny", "huge")) > 1, "whoever serves it"


def test_what_the_larger_model_fails_at_too_is_not_worth_asking_it(elsewhere):
    texts, hard = elsewhere
    scores = {"tiny": outcomes(hard, 0.5, 0.5, 2), "huge": outcomes(hard, 0.1, 0.9, 3), "other": outcomes(hard, 0.9, 0.1, 4)}
    assert told_apart(fit_elsewhere([(texts, scores)], "tiny", "huge")) < -1
    assert told_apart(fit_elsewhere([(texts, scores)], "tiny", "nobody")) > -0.5, "somebody else's failures are not the larger one's"


def test_a_model_that_was_never_asked_elsewhere_is_taken_for_any_model(elsewhere):
    texts, hard = elsewhere
    scores = {"other": outcomes(hard, 0.2, 0.9, 2), "another": outcomes(hard, 0.3, 0.8, 3)}
    assert told_apart(fit_elsewhere([(texts, scores)], "tiny", "huge")) > 1


@pytest.mark.parametrize("known", [0, 30, 600])
def test_where_nothing_is_known_or_all_was_chance_the_length_alone_orders(elsewhere, known):
    texts, hard = elsewhere
    answered = [(texts[:known], {"tiny": outcomes(hard, 0.5, 0.5, 5)[:known], "huge": np.ones(known)})]
    others, _ = prompts(200, 9)
    lengths = np.log1p([len(text) for text in others])
    assert fit_elsewhere(answered, "tiny", "huge")(others) == pytest.approx((lengths - lengths.mean()) / lengths.std())
