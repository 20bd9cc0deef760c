"""Our strategies as orders of prompts: a policy of two aliases decides each, and says how much better it expects the larger to be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import yaml

from litellm_cascade.offline.bench_common.resampling import Numbers
from litellm_cascade.offline.bench_routing.pairs import PairSet
from litellm_cascade.policy import Policy, load_policy
from litellm_cascade.policy.features import FEATURES, vector_of
from litellm_cascade.policy.shipped import shipped_folder
from litellm_cascade.vocabulary import Evidence

SMALL, LARGE = "small", "large"
SHIPPED_GAIN: Final = "learned_gain.json"
REMEMBERED: Final = 1_000
"""Prompts whose outcomes the nearest are looked for in: about what a policy's file of 1 MiB may hold."""
_DIGITS: Final = 4


def by_complexity(one: PairSet, seen: Mapping[str, Evidence]) -> Numbers:
    """What ``thresholds`` cuts, and what ``rules`` mostly ask for."""
    return np.array([seen[text].classification.complexity for text in one.texts])


def by_utility(fitted_on: PairSet, one: PairSet, seen: Mapping[str, Evidence]) -> Numbers:
    """``utility``: the pool's quality, bent by complexity."""
    return _gains({"strategy": "utility"}, {}, fitted_on, one, seen)


def by_shipped_gain(fitted_on: PairSet, one: PairSet, seen: Mapping[str, Evidence]) -> Numbers:
    """``learned`` with the file that ships as an example."""
    content = json.loads((shipped_folder() / SHIPPED_GAIN).read_text(encoding="utf-8"))
    return _gains({"strategy": "learned", "gain": "gain.json"}, {"gain.json": content}, fitted_on, one, seen)


def by_neighbours(fitted_on: PairSet, one: PairSet, seen: Mapping[str, Evidence]) -> Numbers:
    """``neighbours``, with the outcomes of some prompts."""
    kept = np.random.default_rng(0).permutation(len(fitted_on))[:REMEMBERED]
    outcomes = [
        {"alias": alias, "quality": float(scores[place]), "at": _rounded(vector_of(seen[fitted_on.texts[place]], tuple(FEATURES)))}
        for place in kept.tolist()
        for alias, scores in ((SMALL, _unit(fitted_on.score_weak)), (LARGE, _unit(fitted_on.score_strong)))
    ]
    content = {"version": 1, "features": list(FEATURES), "outcomes": outcomes}
    return _gains({"strategy": "neighbours", "outcomes": "past.json", "nearest": 50}, {"past.json": content}, fitted_on, one, seen)


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, _DIGITS) for value in values]


def _gains(choose: Mapping[str, Any], files: Mapping[str, Any], fitted_on: PairSet, one: PairSet, seen: Mapping[str, Evidence]) -> Numbers:
    with TemporaryDirectory(prefix="bench-routing-") as folder:
        policy = _policy(Path(folder), choose, files, fitted_on)
    return np.array([_gain(policy, seen[text]) for text in one.texts])


def _policy(folder: Path, choose: Mapping[str, Any], files: Mapping[str, Any], fitted_on: PairSet) -> Policy:
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    qualities = {SMALL: float(_unit(fitted_on.score_weak).mean()), LARGE: float(_unit(fitted_on.score_strong).mean())}
    models = {alias: {"tier": tier, "quality": {"general": qualities[alias]}} for alias, tier in ((SMALL, "budget"), (LARGE, "premium"))}
    routes = [{"name": "all", "choose": {**choose, "candidates": [SMALL, LARGE]}}]
    written = {"version": 1, "name": "bench", "description": "Of a benchmark.", "models": models, "routes": routes}
    (folder / "bench.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    return load_policy(folder / "bench.yaml")


def _gain(policy: Policy, evidence: Evidence) -> float:
    said = {one.alias: one.quality or 0.0 for one in policy.decide(evidence).estimates}
    return said[LARGE] - said[SMALL]


def _unit(scores: Sequence[float] | Numbers) -> Numbers:
    """Grades such as 1 to 10 brought to 0..1."""
    values = np.asarray(scores, float)
    return values if values.max() <= 1 else values / values.max()
