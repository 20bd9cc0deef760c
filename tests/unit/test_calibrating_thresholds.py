"""Does a proven risk hold? On populations whose risk is known."""

import numpy as np
import pytest

from litellm_cascade.offline.calibrating.thresholds import Bound, for_risk, grid_of, tail


@pytest.mark.parametrize(
    ("losses", "accepted", "alpha", "expected"), [(0, 10, 0.5, 2**-10), (10, 10, 0.3, 1.0), (1, 2, 0.5, 0.75), (0, 0, 0.1, 1.0)]
)
def test_the_tail_by_hand(losses, accepted, alpha, expected):
    assert tail(losses, accepted, alpha) == pytest.approx(expected)


@pytest.mark.parametrize("honest", [1.0, 0.6])
def test_a_proven_threshold_keeps_its_bound_in_ninety_of_a_hundred_samples(honest):
    """Also where what is said is not what is so: the proof asks nothing of the curves."""
    bound, random = Bound(alpha=0.05, delta=0.1), np.random.default_rng(3)
    grid = grid_of(random.random(2_000))
    held = proven = 0
    for _ in range(200):
        said = random.random(1_000)
        losses = (random.random(1_000) > honest * said**0.1 + 1 - honest).astype(float)
        threshold = for_risk(said, losses, grid, bound)
        proven += threshold is not None
        held += threshold is None or true_risk(threshold, honest) <= bound.alpha
    assert held >= 180
    assert proven >= 150, "a bound that is never proven would hold too"


def true_risk(threshold, honest):
    """The mean of honest * (1 - s ** 0.1) over s from the threshold to 1."""
    said = np.linspace(threshold, 1, 20_001)
    return float(np.mean(honest * (1 - said**0.1)))


def test_where_every_answer_may_be_wrong_nothing_is_proven():
    said = np.linspace(0, 1, 400)
    assert for_risk(said, np.ones(400), grid_of(said), Bound(alpha=0.05, delta=0.1)) is None


def test_where_no_answer_is_wrong_nearly_all_are_accepted():
    said = np.linspace(0, 1, 400)
    assert for_risk(said, np.zeros(400), grid_of(said), Bound(alpha=0.05, delta=0.1)) < 0.02
