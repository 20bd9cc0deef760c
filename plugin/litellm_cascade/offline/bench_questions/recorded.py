"""A question set with recorded answers of two models: a policy decides each question through the pipeline, and the record answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.reading import find_file, read_table
from litellm_cascade.offline.bench_common.resampling import Numbers
from litellm_cascade.offline.bench_questions.rows import Answered, most
from litellm_cascade.offline.bench_routing.pairs import PairSet
from litellm_cascade.offline.simulating.driving import Answers, Asked, Said, served_by
from litellm_cascade.policy import Policy
from litellm_cascade.vocabulary import Completion

SMALL, LARGE = "small", "large"
SCORES: Final = "routing_scores.parquet"
_UNJUDGED: Final = Completion(text="recorded", finish_reason="stop")
"""Whole answers are not in the record, nor their log-probabilities: a gate sees that its confidence is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Answers of the weak and the strong model to a pair's questions. None: not in the record."""

    pair: PairSet
    latency_ms: Mapping[str, Numbers | None]

    def answered(self, place: int, alias: str) -> Answered:
        """As it was recorded."""
        one, latency = self.pair, self.latency_ms[alias]
        scores, cost = (one.score_strong, one.cost_strong) if alias == LARGE else (one.score_weak, one.cost_weak)
        return Answered(
            alias=alias,
            correct=float(scores[place]),
            cost_usd=None if cost is None else float(cost[place]),
            latency_ms=None if latency is None else float(latency[place]),
        )


def read_recorded(folder: Path, pair: PairSet) -> Recorded:
    """With latencies, where the folder has them."""
    file = find_file(folder, SCORES)
    latencies = dict.fromkeys((SMALL, LARGE)) if file is None else _latencies(file, pair)
    return Recorded(pair=pair, latency_ms=latencies)


def _latencies(file: Path, pair: PairSet) -> dict[str, Numbers | None]:
    import polars as pl  # noqa: PLC0415 - the extra lab

    scores = read_table(file, ("pid", "model", "score")).with_columns(pl.col("model").cast(pl.String))
    found: dict[str, Numbers | None] = {}
    for alias, model in ((SMALL, pair.weak_model), (LARGE, pair.strong_model)):
        of_model = scores.filter(pl.col("model") == model).unique("pid", keep="first")
        if of_model.is_empty():
            raise ConfigurationError([f"{file}: has no row of {model!r}, which {pair.name!r} is about"])
        asked = pl.DataFrame({"pid": list(pair.pids)}).join(of_model, on="pid", how="left", maintain_order="left")
        known = "latency_ms" in asked.columns and not asked["latency_ms"].null_count()
        found[alias] = np.asarray(asked["latency_ms"].to_numpy(), float) if known else None
    return found


def by_policy(recorded: Recorded, policy: Policy, *, classifier: str, seed: int, advance: Callable[[], object]) -> list[Answered]:
    """What a policy makes of the questions; cascades see answers without log-probabilities."""
    unknown = [alias for alias in policy.aliases if alias not in {SMALL, LARGE}]
    if unknown:
        raise ConfigurationError([f"the policy {policy.name!r} asks {unknown[0]!r}, and answers are recorded of small and large alone"])
    places = {text: place for place, text in enumerate(recorded.pair.texts)}
    asked = [Asked(id=str(place), text=text) for place, text in enumerate(recorded.pair.texts)]
    served = asyncio.run(served_by(policy, asked, _answers(recorded, places), classifier=classifier, seed=seed, advance=advance))
    alone = recorded.answered(0, SMALL)
    return [
        Answered(
            alias=one.alias,
            correct=float((recorded.pair.score_strong if one.alias == LARGE else recorded.pair.score_weak)[place]),
            cost_usd=None if alone.cost_usd is None else one.cost_usd,
            latency_ms=None if alone.latency_ms is None else one.latency_ms,
        )
        for place, one in enumerate(served)
    ]


def _answers(recorded: Recorded, places: Mapping[str, int]) -> Answers:
    def said(prompt: str, alias: str) -> Said:
        one = recorded.answered(places[prompt], alias)
        return Said(completion=_UNJUDGED, correct=one.correct, cost_usd=one.cost_usd or 0.0, latency_ms=one.latency_ms or 0.0)

    return said


def by_order(recorded: Recorded, order_by: Numbers, share: float, seed: int) -> list[Answered]:
    """The questions with the highest numbers to the larger model, so many of them."""
    better = most(order_by, share, seed)
    return [recorded.answered(place, LARGE if better[place] else SMALL) for place in range(len(recorded.pair))]
