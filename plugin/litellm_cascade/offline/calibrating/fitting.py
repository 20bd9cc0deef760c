"""From records and a wish to a calibration file, and to figures that it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.calibrating import figures
from litellm_cascade.offline.calibrating.cross_fit import FOLDS, cross_fitted
from litellm_cascade.offline.calibrating.curves import Method, fit_curves, predicted
from litellm_cascade.offline.calibrating.records import Numbers, Records, fold_of
from litellm_cascade.offline.calibrating.thresholds import Bound, for_accuracy, for_cost, for_quality, for_risk, grid_of
from litellm_cascade.policy.calibration_file import CalibrationFile, sealed
from litellm_cascade.vocabulary import Curve, Curves, Isotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the threshold is to achieve; at most one of them."""

    quality: float | None = None
    cost_usd: float | None = None
    bound: Bound | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a file says of where it comes from. ``of``: the tokens that were scored."""

    of: str
    data: str
    command: str
    prefix_tokens: int | None = None
    card: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Curves, and what they ``said`` of ``checked`` records that they were not fitted on; the threshold that was chosen, if any.

    ``folds``: which checked records the same curves spoke of.
    """

    records: Records
    method: Method
    whole: Curves
    counts: dict[str, int]
    checked: Records
    said: Numbers
    folds: figures.Folds
    accept_at: float | None

    @property
    def auroc(self) -> float:
        """How well what was said tells the event from its contrary."""
        return figures.auroc(self.said, self.checked.label, self.folds)

    @property
    def deferral(self) -> figures.Deferral:
        """Quality and cost by how much is escalated; without records of the large model it counts as always right, without costs as 1."""
        mine = self.checked
        large = mine.correct_large if mine.correct_large is not None else np.ones(len(mine))
        return figures.deferral(self.said, mine.correct, large, *costs_of(mine))


def fit(records: Records, method: Method, wish: Wish, seed: int = 0) -> Fit:
    """Fit the curves and choose the threshold. A bound takes half of the records for its proof. Raises ConfigurationError."""
    if wish.bound is not None:
        return _proven(records, method, wish.bound, seed)
    whole, counts = fit_curves(records, method)
    said, folds = cross_fitted(records, method, seed=seed), fold_of(records.groups, FOLDS, seed)
    fitted = Fit(records=records, method=method, whole=whole, counts=counts, checked=records, said=said, folds=folds, accept_at=None)
    return replace(fitted, accept_at=_chosen(fitted, wish))


def content_of(fitted: Fit, origin: Origin, bound: Bound | None) -> CalibrationFile:
    """The file. Its figures are those of the checked records."""
    said, label, records, method = fitted.said, fitted.checked.label, fitted.records, fitted.method
    prefix: dict[str, Any] = {}
    if origin.prefix_tokens is not None:
        prefix = {"prefix": _entries(*fit_curves(records, method, prefix=True), len(records)), "prefix_tokens": origin.prefix_tokens}
    return sealed(
        {
            "version": 1,
            "card": origin.card or _card(fitted),
            "alias": records.alias,
            "model": origin.model,
            "event": records.event,
            "score": method.score,
            "of": origin.of,
            "method": method.kind,
            "n": len(records),
            "data": origin.data,
            "accept_at": round(fitted.accept_at, 9) if fitted.accept_at is not None else None,
            **({"alpha": bound.alpha, "delta": bound.delta} if bound is not None else {}),
            "ece": _rounded(figures.ece(said, label)),
            "brier": _rounded(figures.brier(said, label)),
            "auroc": _rounded(fitted.auroc),
            "command": origin.command,
            "whole": _entries(fitted.whole, fitted.counts, len(records)),
            **prefix,
        }
    )


def costs_of(records: Records) -> tuple[Numbers, Numbers]:
    """What the small and the large model cost; where a record does not say, nothing and 1."""
    if records.cost_small is None or records.cost_large is None:
        return np.zeros(len(records)), np.ones(len(records))
    return records.cost_small, records.cost_large


def _proven(records: Records, method: Method, bound: Bound, seed: int) -> Fit:
    halves = fold_of(records.groups, 2, seed)
    fitted_on, checked = records.at(halves == 0), records.at(halves == 1)
    if min(len(set(fitted_on.label)), len(set(checked.label))) < 2:  # noqa: PLR2004 - both kinds
        raise ConfigurationError([f"too few answers of {records.alias!r} to fit on one half and to prove the risk on the other"])
    whole, counts = fit_curves(fitted_on, method)
    said = predicted(whole, checked, method)
    accept_at = for_risk(said, checked.losses, grid_of(predicted(whole, fitted_on, method)), bound)
    if accept_at is None:
        sentence = (
            f"no threshold is proven to keep the risk at {bound.alpha:g} with confidence {1 - bound.delta:g} on {len(checked)} answers"
        )
        raise ConfigurationError([f"{sentence}; give more records, or allow more risk"])
    one = np.zeros(len(checked), int)
    return Fit(records=fitted_on, method=method, whole=whole, counts=counts, checked=checked, said=said, folds=one, accept_at=accept_at)


def _chosen(fitted: Fit, wish: Wish) -> float | None:
    records = fitted.checked
    if wish.quality is not None and records.correct_large is None:
        return for_accuracy(fitted.said, records.correct, wish.quality)
    if wish.quality is not None:
        return for_quality(fitted.said, fitted.deferral, wish.quality)
    if wish.cost_usd is not None:
        if records.cost_small is None or records.cost_large is None:
            raise ConfigurationError([f"the records of {records.alias!r} have no cost_small and cost_large, which a target cost needs"])
        return for_cost(fitted.said, fitted.deferral, wish.cost_usd)
    return None


def _card(fitted: Fit) -> str:
    tasks = ", ".join(f"{task} ({count})" for task, count in fitted.counts.items()) or "none"
    return (
        f"P({fitted.records.event}) of {fitted.records.alias}, {fitted.method.kind} on {', '.join(fitted.method.inputs)}. "
        f"Task types with a curve of their own: {tasks}. "
        f"Figures are of {len(fitted.checked)} answers, each judged by curves that were not fitted on it."
    )


def _entries(curves: Curves, counts: dict[str, int], n: int) -> dict[str, Any]:
    return {"pooled": _entry(curves.pooled, n), "tasks": {task: _entry(curve, counts[task]) for task, curve in curves.by_task.items()}}


def _entry(curve: Curve, n: int) -> dict[str, Any]:
    if isinstance(curve, Isotonic):
        return {"n": n, "points": tuple(zip(curve.scores, curve.probabilities, strict=True))}
    return {"n": n, "intercept": curve.intercept, "weights": dict(curve.weights)}


def _rounded(value: float) -> float:
    return round(value, 4)
