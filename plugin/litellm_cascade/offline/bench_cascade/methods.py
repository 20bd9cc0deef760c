"""How sure should one be of each answer? Every method gives a number per answer; the least sure is escalated first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from litellm_cascade import vocabulary
from litellm_cascade.offline.bench_cascade.sets import BenchSet
from litellm_cascade.offline.calibrating.cross_fit import FOLDS, best_score
from litellm_cascade.offline.calibrating.curves import Method, every_feature, fit_curves, predicted
from litellm_cascade.offline.calibrating.records import Numbers, Records, fold_of

Predict = Callable[[Records], Numbers]
Fitter = Callable[[Records], Predict]

CALIBRATED = "calibrated"
LEARNED = "learned"
NO_WORSE = "calibrated: no worse"
COUNTS = frozenset({"tokens", "numbers"})
"""No scores: more of them is not more confident."""
PARTS = "learned, with the source's answer and keyword parts"
FITTED = frozenset({CALIBRATED, LEARNED, NO_WORSE, PARTS})
"""What they say are probabilities; where the set is cross-fitted, of as many fits as there are folds."""


def folds_of(scored: BenchSet, fitted_on: BenchSet | None, seed: int) -> NDArray[np.int_]:
    """What is scored by one fit: the folds of the scored set where it is cross-fitted, else all of it."""
    return fold_of(scored.records.groups, FOLDS, seed) if fitted_on is None else np.zeros(len(scored.records), int)


def confidences(scored: BenchSet, fitted_on: BenchSet | None, folds: NDArray[np.int_]) -> dict[str, Numbers]:
    """Each method's numbers for the scored answers. ``fitted_on`` None: the scored set itself, each fold by the others."""
    records = scored.records
    plain = {
        "random": np.zeros(len(records)),  # all are equally sure: figures are then those of a random order, on average
        **({"prompt length": -scored.lengths} if scored.lengths.any() else {}),
        **{f"raw {name}": records.scores[name] for name in scored.raw},
    }
    basis = fitted_on.records if fitted_on is not None else None
    fitters: dict[str, Fitter] = {CALIBRATED: _calibrated, LEARNED: _learned}
    if records.correct_large is not None:
        fitters[NO_WORSE] = _no_worse
    fitted = {name: _out_of_sample(fitter, records, basis, folds) for name, fitter in fitters.items()}
    if scored.extra and (fitted_on is None or fitted_on.extra):
        wider = replace(basis, scores={**basis.scores, **fitted_on.extra}) if basis is not None and fitted_on is not None else None
        fitted[PARTS] = _out_of_sample(_learned, replace(records, scores={**records.scores, **scored.extra}), wider, folds)
    best = records.correct if records.correct_large is None else records.correct - records.correct_large
    return {**plain, **fitted, "oracle": best}


def _out_of_sample(fitter: Fitter, scored: Records, fitted_on: Records | None, folds: NDArray[np.int_]) -> Numbers:
    if fitted_on is not None:
        return fitter(fitted_on)(scored)
    said = np.empty(len(scored))
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


def _no_worse(records: Records) -> Predict:
    """What ``cascade calibrate --event no_worse`` does."""
    return _calibrated(replace(records, event=vocabulary.NO_WORSE))
