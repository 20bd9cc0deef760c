"""How good the linear classifier is on prompts it was not trained on, beside what needs no classifier: the majority class, the length.

Intervals are 95 % percentile bootstraps over groups of near-duplicates (over wordings for constructed prompts), 1,000 draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.offline.bench_common.reading import digest_of
from litellm_cascade.offline.bench_common.resampling import bounds, drawn
from litellm_cascade.vocabulary import TASK_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from litellm_cascade.classifiers.features import Features
    from litellm_cascade.classifiers.linear import Weights
    from litellm_cascade.offline.train_linear import Example

    Score = Callable[[NDArray[Any], NDArray[Any]], float]

DRAWS: Final = 1_000
UNSEEN_SOURCES: Final = ("flask", "wizardlm_test", "t0_p3")  # in internal/ only: measured on, never trained on


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table."""

    what: str
    prompts: int
    value: float
    low: float
    high: float
    by_majority: float
    by_length: float


def measure(examples: Sequence[Example], features: Sequence[Features], weights: Weights, data: Path, seed: int) -> list[Figure]:
    """All figures, from the weights as they ship."""
    logits = np.array([weights.logits(feature) for feature in features])
    tested = _Tested(examples, logits, seed)
    natural = [row for row in tested.rows("task") if examples[row].source == "task_type"]
    built = [row for row in tested.rows("task") if examples[row].source == "constructed"]
    figures = [
        tested.tasks("task type, public prompts", natural),
        tested.tasks("task type, public prompts, English", [row for row in natural if examples[row].lang == "en"]),
        tested.tasks("task type, public prompts, Chinese", [row for row in natural if examples[row].lang == "zh"]),
        tested.tasks("task type, public prompts, macro F1", natural, score=macro_f1),
        tested.tasks("task type, constructed, unseen wordings", built),
    ]
    for source in ("mmlu_pro", "mmlu", "gsm8k", "bird_dev", "spider_dev"):
        rows = [row for row in tested.rows("complexity") if examples[row].source == source]
        figures.append(tested.complexities(f"complexity, Spearman, {source}", rows))
    return figures + _unseen(weights, data, seed)


class _Tested:
    """Answers on the test part beside the truth."""

    def __init__(self, examples: Sequence[Example], logits: NDArray[Any], seed: int) -> None:
        self._examples = examples
        self._tasks = logits[:, :-1].argmax(axis=1)
        self._complexity = logits[:, -1]
        self._lengths = np.array([np.log1p(len(example.prompt)) for example in examples])
        self._random = np.random.default_rng(seed)

    def rows(self, wanted: str) -> list[int]:
        return [row for row, example in enumerate(self._examples) if example.part == "test" and getattr(example, wanted) is not None]

    def tasks(self, what: str, rows: list[int], score: Score | None = None) -> Figure:
        score = score or accuracy
        truth = np.array([TASK_TYPES.index(self._examples[row].task or "") for row in rows])
        majority = np.full(len(rows), np.bincount(truth).argmax())
        return self._figure(what, rows, score, (truth, self._tasks[rows], majority, self._tasks_by_length(rows)))

    def complexities(self, what: str, rows: list[int]) -> Figure:
        truth = np.array([self._examples[row].complexity for row in rows], float)
        return self._figure(what, rows, spearman, (truth, self._complexity[rows], np.zeros(len(rows)), self._lengths[rows]))

    def _figure(self, what: str, rows: list[int], score: Score, answers: tuple[NDArray[Any], ...]) -> Figure:
        truth, ours, majority, by_length = answers
        resampled = bootstrap([self._examples[row].key for row in rows], lambda take: score(truth[take], ours[take]), self._random)
        low, high = bounds(resampled)
        return Figure(
            what=what,
            prompts=len(rows),
            value=score(truth, ours),
            low=low,
            high=high,
            by_majority=score(truth, majority),
            by_length=score(truth, by_length),
        )

    def _tasks_by_length(self, rows: list[int]) -> NDArray[Any]:
        """The commonest task type among training prompts of about the same length, in twenty bins of the same source."""
        sources = {self._examples[row].source for row in rows}
        known = [r for r, e in enumerate(self._examples) if e.part == "train" and e.task is not None and e.source in sources]
        edges = np.quantile(self._lengths[known], np.linspace(0, 1, 21)[1:-1])
        bins = np.digitize(self._lengths[known], edges)
        labels = np.array([TASK_TYPES.index(self._examples[row].task or "") for row in known])
        common = np.array([np.bincount(labels[bins == number], minlength=len(TASK_TYPES)).argmax() for number in range(20)])
        return np.asarray(common[np.digitize(self._lengths[rows], edges)])


def _unseen(weights: Weights, data: Path, seed: int) -> list[Figure]:
    """Task types on data sets of which nothing was trained on, where they are at hand."""
    import polars as pl  # noqa: PLC0415 -- the extra lab

    file = data / "internal" / "task_type.parquet"
    if not file.exists():
        return []
    table = pl.read_parquet(file)
    return [_unseen_source(source, table.filter(pl.col("source") == source), weights, seed) for source in UNSEEN_SOURCES]


def _unseen_source(source: str, rows: Any, weights: Weights, seed: int) -> Figure:
    from litellm_cascade.offline.train_linear import features_of  # noqa: PLC0415 -- it imports us

    truth = np.array([TASK_TYPES.index(task) for task in rows["task_type"]])
    ours = np.array([weights.logits(features_of(prompt))[:-1].argmax() for prompt in rows["prompt"]])
    resampled = bootstrap(rows["group"].to_list(), lambda take: accuracy(truth[take], ours[take]), np.random.default_rng(seed))
    low, high = bounds(resampled)
    return Figure(
        what=f"task type, unseen data set {source}",
        prompts=len(truth),
        value=accuracy(truth, ours),
        low=low,
        high=high,
        by_majority=accuracy(truth, np.full(len(truth), np.bincount(truth).argmax())),
        by_length=float("nan"),
    )


def bootstrap(keys: Sequence[str], score: Callable[[NDArray[Any]], float], random: np.random.Generator) -> list[float]:
    numbers: dict[str, int] = {}
    groups = np.array([numbers.setdefault(key, len(numbers)) for key in keys])
    return [score(rows) for rows in drawn(groups, random, DRAWS)]


def accuracy(truth: NDArray[Any], answer: NDArray[Any]) -> float:
    """The share of right answers."""
    return float((truth == answer).mean())


def macro_f1(truth: NDArray[Any], answer: NDArray[Any]) -> float:
    """The mean over the task types that occur of the harmonic mean of precision and recall."""
    hits = [(2 * ((truth == k) & (answer == k)).sum(), (truth == k).sum() + (answer == k).sum()) for k in np.unique(truth)]
    return float(np.mean([twice / total for twice, total in hits]))


def spearman(truth: NDArray[Any], answer: NDArray[Any]) -> float:
    """Rank correlation; 0 for an answer that is always the same."""
    if np.ptp(answer) == 0 or np.ptp(truth) == 0:
        return 0.0
    return float(np.corrcoef(_ranks(truth), _ranks(answer))[0, 1])


def _ranks(values: NDArray[Any]) -> NDArray[Any]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def digests(data: Path) -> dict[str, str]:
    """First 12 hex digits of the SHA-256 of each file trained on."""
    names = ("task_type", "routing_prompts", "routing_scores", "sql_hardness")
    return {name: digest_of([data / "shareable" / f"{name}.parquet"]) for name in names}


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = ["| what (test part) | prompts | linear [95 % interval] | majority | prompt length |", "|---|---|---|---|---|"]
    for it in figures:
        by_length = "" if np.isnan(it.by_length) else f"{it.by_length:.3f}"
        rows.append(f"| {it.what} | {it.prompts:,} | {it.value:.3f} [{it.low:.3f}, {it.high:.3f}] | {it.by_majority:.3f} | {by_length} |")
    return "\n".join(rows)
