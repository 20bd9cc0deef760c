"""How sure should one be of each answer? Every method gives a number per answer; the least sure is escalated first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from litellm_cascade.offline.bench_cascade.sets import BenchSet
from litellm_cascade.offline.calibrating.cross_fit import FOLDS, best_score
from litellm_cascade.offline.calibrating.curves import Method, every_feature, fit_curves, predicted
from litellm_cascade.offline.calibrating.pooling import records_worth
from litellm_cascade.offline.calibrating.records import Numbers, Records, fold_of

Predict = Callable[[Records], Numbers]
Fitter = Callable[[Records], Predict]

CALIBRATED = "calibrated"
LEARNED = "learned"
GAIN = "expected gain"
COUNTS = frozenset({"tokens", "numbers"})
"""No scores: more of them is not more confident."""
PARTS = "learned, with the source's answer and keyword parts"


def confidences(scored: BenchSet, fitted_on: BenchSet | None, seed: int) -> dict[str, Numbers]:
    """Each method's numbers for the scored answers. ``fitted_on`` None: the scored set itself, cross-fitted by group."""
    records = scored.records
    plain = {
        "random": np.zeros(len(records)),  # all are equally sure: figures are then those of a random order, on average
        **({"prompt length": -scored.lengths} if scored.lengths.any() else {}),
        **{f"raw {name}": records.scores[name] for name in scored.raw},
    }
    basis = fitted_on.records if fitted_on is not None else None
    fitters: dict[str, Fitter] = {CALIBRATED: _calibrated, LEARNED: _learned}
    if records.correct_large is not None:
        fitters[GAIN] = _gain
    fitted = {name: _out_of_sample(fitter, records, basis, seed) for name, fitter in fitters.items()}
    if scored.extra and (fitted_on is None or fitted_on.extra):
        wider = replace(basis, scores={**basis.scores, **fitted_on.extra}) if basis is not None and fitted_on is not None else None
        fitted[PARTS] = _out_of_sample(_learned, replace(records, scores={**records.scores, **scored.extra}), wider, seed)
    best = records.correct if records.correct_large is None else records.correct - records.correct_large
    return {**plain, **fitted, "oracle": best}


def _out_of_sample(fitter: Fitter, scored: Records, fitted_on: Records | None, seed: int) -> Numbers:
    if fitted_on is not None:
        return fitter(fitted_on)(scored)
    folds, said = fold_of(scored.groups, FOLDS, seed), np.empty(len(scored))
    for fold in np.unique(folds):
        said[folds == fold] = fitter(scored.at(folds != fold))(scored.at(folds == fold))
    return said


def _calibrated(records: Records) -> Predict:
    """What ``cascade calibrate`` does: the best score, isotonic, by task type."""
    names = [name for name in records.scores if name not in COUNTS]
    method = Method(score=best_score(records, names, "isotonic") if len(names) > 1 else names[0])
    curves, _ = fit_curves(records, method)
    return lambda others: predicted(curves, others, method)


def _learned(records: Records) -> Predict:
    """What ``cascade calibrate --method logistic`` does."""
    method = Method(score="mean", kind="logistic", features=every_feature(records))
    curves, _ = fit_curves(records, method)
    return lambda others: predicted(curves, others, method)


def _gain(records: Records) -> Predict:
    """Less the expected gain of asking the large model: P(wrong) times how often it then mends, less P(right) times how often it spoils."""
    calibrated = _calibrated(records)
    large = _large_of(records)
    wrong, right = records.correct == 0, records.correct == 1
    mends = _by_task(records, large, wrong)
    spoils = _by_task(records, 1 - large, right)

    def predict(others: Records) -> Numbers:
        said = calibrated(others)
        mend = np.array([mends.get(task, mends[""]) for task in others.tasks])
        spoil = np.array([spoils.get(task, spoils[""]) for task in others.tasks])
        return np.asarray(said * spoil - (1 - said) * mend)

    return predict


def _by_task(records: Records, happened: Numbers, among: Numbers) -> dict[str, float]:
    """How often something happens, by task type and drawn towards the whole (under the empty name), as curves are."""
    happened, tasks = happened[among], records.tasks[among]
    pooled = float(happened.mean())
    worth = records_worth(np.full(len(happened), pooled), happened, tasks)
    own = {str(task): happened[tasks == task] for task in np.unique(tasks)}
    return {"": pooled, **{task: float((seen.sum() + worth * pooled) / (len(seen) + worth)) for task, seen in own.items()}}


def _large_of(records: Records) -> Numbers:
    if records.correct_large is None:
        raise ValueError("the expected gain needs to know how the large model did")
    return records.correct_large
