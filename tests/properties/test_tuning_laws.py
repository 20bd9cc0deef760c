"""What a tuning promises, where the truth is known."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.tuning.choosing import Wish, tune
from litellm_cascade.offline.tuning.trials import Trials

FLOOR = 0.85


def trials(seed, n=600, ways=25):
    """Settings that escalate more and more of the requests: a dearer one is better, by exactly as much as its cost says."""
    random = np.random.default_rng(seed)
    small, large = random.random(n) < 0.7, random.random(n) < 0.95
    shares = np.linspace(0, 1, ways)
    escalated = random.random(n) < shares[:, None]
    return Trials(
        settings=[(float(share),) for share in shares],
        cost=np.where(escalated, 11.0, 1.0),
        quality=np.where(escalated, large, small).astype(float),
        large_cost=np.full(n, 10.0),
        large_quality=large.astype(float),
        small_cost=np.ones(n),
        small_quality=small.astype(float),
        groups=np.array([f"{seed} {number}" for number in range(n)]),
        by_outcomes=True,
    )


def truth(setting):
    return 0.7 + 0.25 * setting[0]


def test_a_floor_that_is_promised_holds_nineteen_times_in_twenty():
    """Of settings that only look good on the fitting half about one in two would be below the floor."""
    chosen = [tune(trials(seed), Wish(quality_floor=FLOOR), draws=100, seed=seed).chosen for seed in range(80)]
    held = [truth(point.setting) >= FLOOR - 1e-9 for point in chosen]
    assert np.mean(held) >= 0.92  # of many settings each has its own chance to look good
    naive = [cheapest_that_looks_good(trials(seed)) for seed in range(80)]
    assert np.mean([truth(setting) >= FLOOR for setting in naive]) < 0.7


def cheapest_that_looks_good(one):
    """By the mean of one half alone."""
    means = one.quality[:, : len(one) // 2].mean(axis=1)
    return one.settings[int(np.flatnonzero(means >= FLOOR)[0])]


def test_what_is_promised_is_unbiased_although_what_was_fitted_is_not():
    points = [tune(trials(seed), Wish(quality_floor=FLOOR), draws=100, seed=seed).chosen for seed in range(80)]
    gaps = np.array([point.held_out.quality.value - truth(point.setting) for point in points])
    assert abs(gaps.mean()) < 4 * gaps.std(ddof=1) / np.sqrt(len(gaps))
    inside = np.mean([point.held_out.quality.low <= truth(point.setting) <= point.held_out.quality.high for point in points])
    assert inside >= 0.88


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), floor=st.floats(0.5, 0.8), budget=st.floats(3, 12))
def test_a_choice_fulfils_its_wish_on_the_half_that_it_was_chosen_on(seed, floor, budget):
    one = trials(seed, n=200, ways=9)
    held, kept = (tune(one, wish, draws=50, seed=seed) for wish in (Wish(quality_floor=floor), Wish(budget_usd=budget)))
    assert held.chosen.fitted.quality.low >= floor
    assert kept.chosen.fitted.cost_usd.high <= budget
    assert held.fitted_n + held.held_out_n == 200


@pytest.mark.parametrize(
    ("wish", "message"),
    [(Wish(quality_floor=1.0), "no setting holds a quality of 1 beyond"), (Wish(budget_usd=0.5), "no setting stays within 0.5 USD")],
)
def test_a_wish_that_nothing_fulfils_is_told(wish, message):
    with pytest.raises(ConfigurationError, match=message):
        tune(trials(0, n=200, ways=9), wish, draws=50, seed=0)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_no_setting_is_cheaper_and_better_than_one_of_the_front(seed):
    one = trials(seed, n=200, ways=12)
    front = tune(one, Wish(), draws=2, seed=seed).front
    costs, qualities = ([getattr(point.fitted, name).value for point in front] for name in ("cost_usd", "quality"))
    assert costs == sorted(costs)
    assert all(low < high for low, high in pairwise(qualities))


def test_traffic_that_asks_one_thing_cannot_be_checked():
    one = trials(0, n=200)
    alone = Trials(**{name: getattr(one, name) for name in one.__slots__} | {"groups": np.array(["same"] * 200)})
    with pytest.raises(ConfigurationError, match="no part of it is left to check the setting on"):
        tune(alone, Wish(), draws=2, seed=0)
