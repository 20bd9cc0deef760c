"""Probabilities for answers that their curves were not fitted on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litellm_cascade.offline.calibrating.curves import Method, fit_curves, predicted
from litellm_cascade.offline.calibrating.figures import brier
from litellm_cascade.offline.calibrating.records import Numbers, Records, fold_of

FOLDS = 5


def cross_fitted(records: Records, method: Method, *, prefix: bool = False, seed: int = 0) -> Numbers:
    """The probability for each record from the folds that it is not in; groups are kept together."""
    folds = fold_of(records.groups, FOLDS, seed)
    said = np.empty(len(records))
    for fold in range(FOLDS):
        held_out = folds == fold
        if held_out.any():
            curves, _ = fit_curves(records.at(~held_out), method, prefix=prefix)
            said[held_out] = predicted(curves, records.at(held_out), method, prefix=prefix)
    return said


def best_score(records: Records, candidates: Sequence[str], kind: str) -> str:
    """The score whose probabilities have the lowest Brier score out of sample; among equals the one named first."""
    return min(candidates, key=lambda name: brier(cross_fitted(records, Method(score=name, kind=kind)), records.label))
