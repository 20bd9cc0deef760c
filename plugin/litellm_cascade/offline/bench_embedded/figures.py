"""Accuracy, F1, calibration and rank correlation on prompts that nothing was fitted on, with intervals over groups of near-duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.offline.bench_embedded.answering import Answers, ByLength, TfIdf, chances, linear_answers, task_odds
from litellm_cascade.offline.bench_embedded.rating import rated
from litellm_cascade.offline.linear_figures import UNSEEN_SOURCES as UNSEEN
from litellm_cascade.offline.linear_figures import accuracy, bootstrap, macro_f1, spearman
from litellm_cascade.offline.training_embedded.examples import Example, rows_of
from litellm_cascade.vocabulary import TASK_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from litellm_cascade.classifiers.linear import Weights

    Score = Callable[[NDArray[Any], NDArray[Any]], float]

FULL_AT_MOST: Final = 4_000  # prompts of a row; it takes twice the time and says the same
_BINS: Final = 10
_ROUNDED: Final = ("task_type", "self_instruct", "constructed", "flask", "wizardlm_test")
"""Data sets on which the network is also asked before its weights are rounded."""
_EXAMS: Final = ("mmlu", "mmlu_pro", "gsm8k")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of a table: ``values`` by who answered, the first with its interval."""

    what: str
    prompts: int
    low: float
    high: float
    values: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """All who answer."""

    embedded: Answers
    full: Answers | None  # the same before its weights were rounded
    linear: Weights
    words: TfIdf
    length: ByLength
    seed: int

    def tasks(self, what: str, rows: Sequence[Example], scores: dict[str, Score]) -> list[Figure]:
        """One figure for each score."""
        prompts = [it.prompt for it in rows]
        truth = np.array([TASK_TYPES.index(it.task or "") for it in rows])
        answers = {"embedded": self.embedded.tasks(prompts)}
        if self.full is not None and len(rows) <= FULL_AT_MOST:
            answers["fp32"] = self.full.tasks(prompts)
        answers |= {"linear": linear_answers(self.linear, prompts)[0], "TF-IDF": self.words.answers(prompts)}
        answers |= {"majority": np.full(len(rows), np.bincount(truth).argmax()), "prompt length": self.length.answers(prompts)}
        return [self._figure(f"{what}, {name}", rows, truth, answers, score) for name, score in scores.items()]

    def ranks(self, what: str, rows: Sequence[Example], wanted: str) -> Figure:
        """Spearman of complexity, of P(small copes), or of gain."""
        prompts = [it.prompt for it in rows]
        odds = chances(self.embedded.logits(prompts))
        ours = {"complexity": odds[:, 0], "small": odds[:, 1], "gain": odds[:, 2] - odds[:, 1]}[wanted]
        lengths = np.log1p([len(prompt) for prompt in prompts])
        answers = {"embedded": ours, "prompt length": -lengths if wanted == "small" else lengths}
        if wanted == "complexity":
            answers["linear"] = linear_answers(self.linear, prompts)[1]
        return self._figure(what, rows, _outcomes(rows, wanted), answers, spearman)

    def calibration(self, what: str, rows: Sequence[Example]) -> Figure:
        """Expected calibration error of the task that was found, in ten bins of equal width."""
        truth = np.array([TASK_TYPES.index(it.task or "") for it in rows])
        odds = task_odds(self.embedded.logits([it.prompt for it in rows]))
        sure, right = odds.max(axis=1), (odds.argmax(axis=1) == truth).astype(float)
        return self._figure(what, rows, right, {"embedded": sure}, calibration_error)

    def calibration_of_outcomes(self, what: str, rows: Sequence[Example], wanted: str) -> Figure:
        """Expected calibration error of P(small copes), or of P(strong copes)."""
        odds = chances(self.embedded.logits([it.prompt for it in rows]))
        place = {"small": 1, "strong": 2}[wanted]
        return self._figure(what, rows, _outcomes(rows, wanted), {"embedded": odds[:, place]}, calibration_error)

    def _figure(self, what: str, rows: Sequence[Example], truth: NDArray[Any], answers: dict[str, NDArray[Any]], score: Score) -> Figure:
        ours = answers["embedded"]
        drawn = bootstrap([it.key for it in rows], lambda take: score(truth[take], ours[take]), np.random.default_rng(self.seed))
        low, high = np.nanquantile(drawn, (0.025, 0.975))
        values = {name: score(truth, answer) for name, answer in answers.items()}
        return Figure(what=what, prompts=len(rows), low=float(low), high=float(high), values=values)


def measured(compared: Compared, examples: Sequence[Example], unseen: Sequence[Example]) -> list[Figure]:
    """All figures, of the test part and of the data sets that nothing was trained on."""
    test = [it for it in examples if it.part == "test"]
    english = _of(test, "task_type", "en")
    both: dict[str, Score] = {"accuracy": accuracy, "macro F1": macro_f1}
    figures = compared.tasks("public prompts, English", english, both)
    figures += compared.tasks("public prompts, Chinese", _of(test, "task_type", "zh"), both)
    figures += compared.tasks("prompts people wrote for self-instruct", _of(test, "self_instruct"), both)
    figures += compared.tasks("constructed, unseen wordings", _of(test, "constructed"), both)
    for source in UNSEEN:
        rows = _of(unseen, source)
        figures += compared.tasks(f"unseen data set {source}", rows, both) if rows else []
    strange = [it for it in unseen if it.source in UNSEEN]
    figures += compared.tasks("unseen data sets together", strange, {"accuracy": accuracy}) if strange else []
    rows = [it for it in (*test, *unseen) if it.task is not None and it.source in _ROUNDED]
    figures += compared.tasks("all of these but t0_p3 together", rows, {"accuracy": accuracy})
    figures.append(compared.calibration("ECE of the task, public prompts, English", english))
    figures.append(compared.calibration("ECE of the task, public prompts, Chinese", _of(test, "task_type", "zh")))
    figures.append(compared.calibration("ECE of the task, prompts people wrote for self-instruct", _of(test, "self_instruct")))
    figures.append(compared.calibration("ECE of the task, constructed, unseen wordings", _of(test, "constructed")))
    figures += [compared.calibration("ECE of the task, unseen data sets together", strange)] if strange else []
    exams = [it for it in test if it.source in _EXAMS and it.small is not None]
    figures.append(compared.calibration_of_outcomes("ECE of P(small copes), exams", exams, "small"))
    for source in (*_EXAMS, "bird_dev", "spider_dev"):
        figures.append(compared.ranks(f"complexity, Spearman, {source}", _of(test, source), "complexity"))
    known = rated(test)
    figures += [compared.ranks("complexity, Spearman, rated prompts", known, "complexity")] if known else []
    figures.append(compared.ranks("P(small copes), Spearman, exams", exams, "small"))
    figures.append(compared.ranks("gain, Spearman, exams", exams, "gain"))
    rows = _of(unseen, "difficulty")
    return [*figures, compared.ranks("complexity, Spearman, difficulty (unseen)", rows, "complexity")] if rows else figures


def read_unseen(internal: Path, examples: Sequence[Example]) -> list[Example]:
    """Task types and difficulty of data sets that nothing is trained on; empty where they are not at hand.

    Without the prompts in them that other sets share and that are trained on, nor any like one of those.
    """
    tasks, hard = internal / "task_type.parquet", internal / "difficulty.parquet"
    found = [_unseen(row, row["source"], row["task_type"], None) for row in rows_of(tasks) if row["source"] in UNSEEN]
    found += [_unseen(row, "difficulty", None, row["difficulty"]) for row in rows_of(hard)]
    seen = {name for it in examples if it.part == "train" for name in (it.prompt, it.key)}
    return [it for it in found if not {it.prompt, it.key} & seen]


def _unseen(row: dict[str, Any], source: str, task: str | None, complexity: float | None) -> Example:
    return Example(prompt=row["prompt"], source=source, key=row["group"], part="test", task=task, complexity=complexity)


def calibration_error(truth: NDArray[Any], odds: NDArray[Any]) -> float:
    """Mean distance between what was promised and what came true, over ten bins of equal width, weighed by their size."""
    bins = np.minimum((odds * _BINS).astype(int), _BINS - 1)
    gaps = [abs(odds[bins == number].mean() - truth[bins == number].mean()) * (bins == number).mean() for number in np.unique(bins)]
    return float(sum(gaps))


def table(figures: Sequence[Figure]) -> str:
    """As Markdown."""
    others = ("fp32", "linear", "TF-IDF", "majority", "prompt length")
    rows = [f"| what | prompts | embedded [95 % interval] | {' | '.join(others)} |", f"|---|---|---|{'---|' * len(others)}"]
    for it in figures:
        beside = " | ".join(f"{it.values[name]:.3f}" if name in it.values else "" for name in others)
        rows.append(f"| {it.what} | {it.prompts:,} | {it.values['embedded']:.3f} [{it.low:.3f}, {it.high:.3f}] | {beside} |")
    return "\n".join(rows)


def _outcomes(rows: Sequence[Example], wanted: str) -> NDArray[np.float64]:
    if wanted == "gain":
        return np.array([(it.strong or 0.0) - (it.small or 0.0) for it in rows])
    return np.array([getattr(it, wanted) for it in rows], float)


def _of(rows: Sequence[Example], source: str, lang: str | None = None) -> list[Example]:
    return [it for it in rows if it.source == source and lang in {None, it.lang}]
