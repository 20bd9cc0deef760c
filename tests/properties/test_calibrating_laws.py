"""What holds of whatever `cascade calibrate` fits and chooses."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.calibrating import figures
from litellm_cascade.offline.calibrating.cross_fit import cross_fitted
from litellm_cascade.offline.calibrating.curves import FEWEST_OF_A_TASK, Method, _stepped, every_feature, fit_curves, predicted
from litellm_cascade.offline.calibrating.fitting import Origin, Wish, content_of, fit
from litellm_cascade.offline.calibrating.pooling import FEWEST, MOST, records_worth
from litellm_cascade.offline.calibrating.records import Records, fold_of
from litellm_cascade.offline.calibrating.smooth import smooth_curve
from litellm_cascade.offline.calibrating.thresholds import Bound, for_accuracy, for_risk, grid_of, tail
from litellm_cascade.policy.calibration_file import MOST_POINTS, CalibrationFile

ISOTONIC = Method(score="mean")
FEW = settings(max_examples=25)  # fitting takes its time, the first time most of all


@st.composite
def records(draw):
    """Answers whose confidence says more or less about them; some task types are rare."""
    n, seed, skill = draw(st.integers(60, 300)), draw(st.integers(0, 10_000)), draw(st.floats(-3, 3))
    random = Random(seed)
    scores = [round(-random.expovariate(1.0), draw(st.sampled_from([1, 9]))) for _ in range(n)]
    correct = [float(random.random() < 1 / (1 + np.exp(-skill * (score + 1)))) for score in scores]
    correct[:2] = [0.0, 1.0]
    return Records(
        alias="small",
        scores={"mean": np.array(scores), "tokens": np.array([float(random.randint(1, 40)) for _ in range(n)])},
        correct=np.array(correct),
        tasks=np.array([random.choice(["Open QA", "Open QA", "Rewrite", "Other"]) for _ in range(n)]),
        groups=np.array([str(random.randint(0, n)) for _ in range(n)]),
        correct_large=np.array([float(random.random() < 0.9) for _ in range(n)]),
        cost_small=np.full(n, 1.0),
        cost_large=np.full(n, 20.0),
    )


@FEW
@given(records(), st.lists(st.integers(1, 400), min_size=2, max_size=2))
def test_answers_that_crowd_at_an_end_of_a_step_are_right_as_often_as_is_said(given_records, crowd):
    """All have but a few scores, as votes have, and some of those the most answers; without the half answers the means would be equal."""
    scores = np.round(np.repeat(given_records.scores["mean"], np.resize(crowd, len(given_records))), 1)
    correct = np.repeat(given_records.correct, np.resize(crowd, len(given_records)))
    steps = _stepped(scores, correct)
    said = np.interp(scores, steps.scores, steps.probabilities)
    assert abs(said.sum() - correct.sum()) <= len(steps.scores) / 2


@FEW
@given(records())
def test_every_isotonic_curve_is_monotone_bounded_and_fits_a_file(given_records):
    curves, counts = fit_curves(given_records, ISOTONIC)
    for curve in (curves.pooled, *curves.by_task.values()):
        assert all(left < right for left, right in pairwise(curve.scores))
        assert all(left <= right for left, right in pairwise(curve.probabilities))
        assert 0 < curve.probabilities[0] <= curve.probabilities[-1] < 1
        assert len(curve.scores) <= MOST_POINTS
    assert all(count >= FEWEST_OF_A_TASK for count in counts.values())
    assert set(counts) == set(curves.by_task)


def two_tasks(right_of_one, right_of_other, n=100):
    happened = np.concatenate([np.arange(n) < right_of_one, np.arange(n) < right_of_other]).astype(float)
    return np.full(2 * n, happened.mean()), happened, np.repeat(["one", "other"], n)


@given(st.integers(0, 50), st.integers(0, 50))
def test_the_pooled_figure_counts_for_less_the_more_task_types_differ(nearer, further):
    nearer, further = sorted((nearer, further))
    assert records_worth(*two_tasks(50 - nearer, 50 + nearer)) >= records_worth(*two_tasks(50 - further, 50 + further))


def test_differences_that_chance_makes_are_none():
    by_chance = 3  # of 100 a task; one half of 100 is known to +- 5
    assert records_worth(*two_tasks(50 - by_chance, 50 + by_chance)) == MOST
    assert records_worth(*two_tasks(0, 100)) == FEWEST
    # Between tasks 0.2 squared less 0.25 / 100 of chance, within 0.25.
    assert records_worth(*two_tasks(30, 70)) == pytest.approx(0.25 / (0.04 - 0.0025))


def test_without_task_types_of_their_own_there_is_nothing_to_draw():
    assert records_worth(np.array([]), np.array([]), np.array([], str)) == MOST


def test_a_task_type_unlike_the_others_keeps_its_own_curve():
    scores, tasks = np.tile(np.linspace(-2.0, -0.01, 100), 2), np.repeat(["Rewrite", "Open QA"], 100)
    correct = np.where(tasks == "Rewrite", 1.0, 0.0)
    correct[[0, 199]] = 1 - correct[[0, 199]]
    given_records = Records(alias="small", scores={"mean": scores}, correct=correct, tasks=tasks, groups=np.arange(200).astype(str))
    said = predicted(fit_curves(given_records, ISOTONIC)[0], given_records, ISOTONIC)
    assert said[tasks == "Rewrite"].mean() > 0.95
    assert said[tasks == "Open QA"].mean() < 0.05


@FEW
@given(records(), st.sampled_from(["isotonic", "logistic"]))
def test_what_is_written_says_what_was_fitted(given_records, kind):
    method = Method(score="mean", kind=kind, features=every_feature(given_records) if kind == "logistic" else ())
    fitted = fit(given_records, method, Wish())
    file = content_of(fitted, Origin(of="all", data="sha256:" + "0" * 64, command="x"), None)
    again = CalibrationFile.model_validate_json(file.model_dump_json(exclude_defaults=True), strict=True).calibration.whole
    assert predicted(again, given_records, method) == pytest.approx(predicted(fitted.whole, given_records, method))


@FEW
@given(given_records=records(), in_shares=st.booleans(), data=st.data())
def test_a_smooth_curve_never_falls_and_is_never_certain(given_records, in_shares, data):
    scores = np.exp(given_records.scores["mean"]) if in_shares else given_records.scores["mean"]
    low, high = sorted(data.draw(st.lists(st.sampled_from(scores.tolist()), min_size=2, max_size=2)))
    one, other = smooth_curve(scores, given_records.correct)(np.array([low, high]))
    assert 0 < one <= other < 1


def test_thousands_of_records_show_a_bend_that_the_smooth_curve_cannot_have():
    random = np.random.default_rng(1)
    scores = -random.exponential(size=5_000)
    correct = (random.random(5_000) < np.where(scores > -1, 0.9, 0.3)).astype(float)
    curve = fit_curves(stepwise(scores, correct), ISOTONIC)[0].pooled
    below, above = np.interp([-1.1, -0.9], curve.scores, curve.probabilities)
    smooth_below, smooth_above = smooth_curve(scores, correct)(np.array([-1.1, -0.9]))
    assert above - below > 0.45
    assert smooth_above - smooth_below < 0.2


def stepwise(scores, correct):
    names = np.array([str(number) for number in range(len(scores))])
    return Records(alias="small", scores={"mean": scores}, correct=correct, tasks=np.full(len(scores), "Other"), groups=names)


@FEW
@given(st.integers(40, 2_000), st.integers(0, 1_000))
def test_of_right_probabilities_chance_is_all_the_error_there_is_and_of_wrong_ones_it_is_not(n, seed):
    random = np.random.default_rng(seed)
    said = random.uniform(0.05, 0.95, n)
    noise = figures.ece_of_noise(said, draws=50)
    assert 0 < noise.mean() < 2.5 / np.sqrt(n)
    assert np.array_equal(noise, figures.ece_of_noise(said, draws=50))
    errors = [figures.debiased_error(said, (random.random(n) < said).astype(float)) for _ in range(20)]
    assert np.mean(errors) < noise.mean()
    overconfident = [figures.debiased_error(said, (random.random(n) < said / 2).astype(float)) for _ in range(20)]
    assert np.mean(overconfident) == pytest.approx(np.sqrt(np.mean((said / 2) ** 2)), abs=0.1)


@FEW
@given(records())
def test_a_record_has_no_say_in_its_own_probability(given_records):
    said = cross_fitted(given_records, ISOTONIC)
    folds = fold_of(given_records.groups, 5)
    flipped = given_records.correct.copy()
    flipped[folds == 0] = 1 - flipped[folds == 0]
    changed = Records(alias="small", scores=given_records.scores, correct=flipped, tasks=given_records.tasks, groups=given_records.groups)
    assert (cross_fitted(changed, ISOTONIC)[folds == 0] == said[folds == 0]).all()


@given(records(), st.floats(0.02, 0.5), st.floats(0.02, 0.5), st.floats(0.01, 0.5))
def test_more_risk_never_takes_a_stricter_threshold(given_records, one, other, delta):
    said = np.exp(given_records.scores["mean"])
    grid, losses = grid_of(said), 1 - given_records.correct
    strict, lenient = (for_risk(said, losses, grid, Bound(alpha=alpha, delta=delta)) for alpha in sorted((one, other)))
    if strict is not None:
        assert lenient <= strict


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_tail_is_a_probability_and_falls_with_the_risk(losses, more, one, other):
    low, high = sorted((one, other))
    assert 0 <= tail(losses, losses + more, high) <= tail(losses, losses + more, low) + 1e-12 <= 1 + 1e-11


@given(records(), st.floats(0, 1))
def test_an_accuracy_that_is_asked_is_had(given_records, wanted):
    said = np.exp(given_records.scores["mean"])
    try:
        threshold = for_accuracy(said, given_records.correct, wanted)
    except ConfigurationError:
        return
    assert given_records.correct[said >= threshold].mean() >= wanted


@given(records())
def test_figures_do_not_depend_on_the_order_of_the_records(given_records):
    said, correct = np.round(np.exp(given_records.scores["mean"]), 1), given_records.correct
    back = np.arange(len(said))[::-1]
    gains = np.append(given_records.correct_large - correct, 5.0)[:-1]
    assert figures.auroc(said, correct) == pytest.approx(figures.auroc(said[back], correct[back]))
    assert figures.recovered_by(said, gains + 1)[:-1] == pytest.approx(figures.recovered_by(said[back], gains[back] + 1)[:-1])
    assert 0 <= figures.auroc(said, correct) <= 1


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_the_order_within_a_fold_stays_and_how_much_a_fold_says_does_not_count(seen):
    values, folds = np.array(seen, float).T
    ranked = figures.within_folds(values, folds.astype(int))
    assert (figures.within_folds(values + 10 * folds, folds.astype(int)) == ranked).all()
    for fold in set(folds):
        mine, theirs = values[folds == fold], ranked[folds == fold]
        assert theirs.mean() == pytest.approx(0.5)
        assert (np.sign(mine[:, None] - mine) == np.sign(theirs[:, None] - theirs)).all()


@given(records(), st.integers(1, 4))
def test_figures_of_folds_look_at_no_two_answers_of_different_folds(given_records, count):
    one = given_records
    said, gains = np.round(one.scores["mean"], 1), one.correct_large - one.correct
    folds = np.arange(len(said)) % count
    assume(gains.sum() != 0)

    def all_of(said, folds=None):
        curve = figures.deferral(said, one.correct, one.correct_large, one.cost_small, one.cost_large, folds)
        return np.array([figures.auroc(said, one.correct, folds), figures.apgr(said, gains, folds), *curve.quality, *curve.cost])

    assert all_of(said + 100 * folds, folds) == pytest.approx(all_of(said, folds))
    assert all_of(said, np.zeros(len(said), int)) == pytest.approx(all_of(said))
    each = [figures.apgr(said[folds == fold], gains[folds == fold]) * gains[folds == fold].sum() for fold in range(count)]
    assert figures.apgr(said, gains, folds) * gains.sum() == pytest.approx(np.nansum(each))


@given(records())
def test_the_deferral_curve_begins_at_the_small_model_and_ends_at_the_large_one(given_records):
    curve = figures.deferral(
        given_records.scores["mean"], given_records.correct, given_records.correct_large, given_records.cost_small, given_records.cost_large
    )
    assert (curve.quality[0], curve.cost[0]) == pytest.approx((given_records.correct.mean(), 1.0))
    assert (curve.quality[-1], curve.cost[-1]) == pytest.approx((given_records.correct_large.mean(), 21.0))
    assert (np.diff(curve.cost) > 0).all()
