"""Which prompts should the larger model get? Every method gives a number per prompt; those with the highest go first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from litellm_cascade.offline.bench_common.resampling import Numbers
from litellm_cascade.offline.bench_routing.pairs import EVALUATION_ONLY, PairSet
from litellm_cascade.offline.bench_routing.strategies import by_complexity, by_neighbours, by_shipped_gain, by_utility
from litellm_cascade.offline.calibrating.cross_fit import FOLDS
from litellm_cascade.offline.calibrating.figures import within_folds
from litellm_cascade.offline.calibrating.records import fold_of
from litellm_cascade.offline.gaining.ensemble import fit_by_chances, fit_gain, fit_words
from litellm_cascade.offline.gaining.transfer import fit_elsewhere
from litellm_cascade.vocabulary import Evidence

RANDOM, LENGTH, ORACLE = "random", "prompt length", "oracle"
CHANCES = "learned: chances"
ENSEMBLE = "gain ensemble"
ELSEWHERE = "gain, other benchmarks only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What may be fitted on. ``own`` None: the scored set itself, each fold by the others. ``others``: pairs of other benchmarks, of which
    prompts like those of the fold are left out.
    """

    own: PairSet | None
    others: Sequence[PairSet]
    seen: Mapping[str, Evidence]
    seed: int


Fitted = Callable[[PairSet, PairSet], Numbers]
"""From what it is fitted on and what it is to score."""


def untrained(scored: PairSet, seen: Mapping[str, Evidence]) -> dict[str, Numbers]:
    """The dull ones, the outcome itself, and what the embedded classifier says."""
    return {
        RANDOM: np.zeros(len(scored)),  # all alike: figures are then those of a random order, on average
        LENGTH: scored.lengths,
        "complexity (thresholds, rules)": by_complexity(scored, seen),
        ORACLE: scored.gains,
    }


def trained(scored: PairSet, basis: Basis) -> dict[str, Callable[[], Numbers]]:
    """The methods that are fitted, each to be asked for when it is needed."""
    seen = basis.seen
    own: dict[str, Fitted] = {
        "utility (the pool's quality)": lambda there, here: by_utility(there, here, seen),
        "learned: the file that ships": lambda there, here: by_shipped_gain(there, here, seen),
        "neighbours": lambda there, here: by_neighbours(there, here, seen),
        "TF-IDF gain": lambda there, here: fit_words(there.texts, there.score_weak, there.score_strong)(here.texts),
        CHANCES: lambda there, here: fit_by_chances(there.texts, *there.unit_scores)(here.texts),
        ENSEMBLE: lambda there, here: fit_gain(there.texts, *there.unit_scores, there.elsewhere)(here.texts),
    }
    trainable = {name: fitter for name, fitter in own.items() if not _may_not_train(scored) or name.startswith(("utility", "learned: the"))}
    methods: dict[str, Callable[[], Numbers]] = {name: partial(_out_of_sample, fitter, scored, basis) for name, fitter in trainable.items()}
    if basis.others:
        methods[ELSEWHERE] = partial(_out_of_sample, lambda _, here: _elsewhere(here, basis.others), scored, basis)
    return methods


def others_of(one: PairSet, pairs: Sequence[PairSet]) -> list[PairSet]:
    """Prompts of other benchmarks whose source may be trained on."""
    theirs = (pair for pair in pairs if pair.name != one.name and not _may_not_train(pair))
    kept = (pair.at(~np.isin(pair.benchmarks, one.benchmarks) & (pair.split != "test")) for pair in theirs)
    return [pair for pair in kept if len(pair)]


def _may_not_train(one: PairSet) -> bool:
    return one.source == EVALUATION_ONLY


def _elsewhere(scored: PairSet, others: Sequence[PairSet]) -> Numbers:
    """Fitted on no prompt like a scored one."""
    unlike = (pair.at(~np.isin(pair.groups, scored.groups)) for pair in others)
    answered = [(pair.texts, pair.by_model) for pair in unlike if len(pair)]
    return fit_elsewhere(answered, scored.weak_model, scored.strong_model)(scored.texts)


def _out_of_sample(fitter: Fitted, scored: PairSet, basis: Basis) -> Numbers:
    if basis.own is not None:
        return fitter(basis.own, scored)
    folds, said = fold_of(scored.groups, FOLDS, basis.seed), np.empty(len(scored))
    for fold in np.unique(folds):
        said[folds == fold] = fitter(scored.at(folds != fold), scored.at(folds == fold))
    return within_folds(said, folds)
