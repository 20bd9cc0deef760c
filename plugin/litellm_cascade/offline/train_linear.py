"""Trains the weights that ship with the embedded linear classifier, and prints the figures of its model card.

    python -m litellm_cascade.offline.train_linear --data DIR --out plugin/litellm_cascade/classifiers/weights/linear.npz

``DIR`` holds ``shareable/task_type.parquet``, ``routing_prompts.parquet``, ``routing_scores.parquet`` and ``sql_hardness.parquet``.
Nothing else is trained on. Needs the extra ``lab``.
"""

from __future__ import annotations

import argparse
import os
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.classifiers.base import ends
from litellm_cascade.classifiers.features import (
    BUCKETS,
    COMPLEXITY_ONLY,
    HEAD_CHARACTERS,
    TAIL_CHARACTERS,
    VERSION,
    Features,
    read_features,
)
from litellm_cascade.classifiers.linear import Weights, read_weights
from litellm_cascade.offline import linear_figures
from litellm_cascade.offline.constructed_prompts import construct, part_of
from litellm_cascade.vocabulary import TASK_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from litellm_cascade.offline.linear_figures import Figure

CONSTRUCTED_PER_TASK: Final = 600
NATURAL_WEIGHT: Final = 2.0  # a prompt somebody wrote counts twice one from a wording
PENALTIES: Final = (1.0, 4.0, 16.0)  # inverse strengths; the one with the least tempered loss on the tune part is taken
COMPLEXITY_PENALTY: Final = 0.5
# Rare sources would drown among 15,000 multiple-choice questions; constructed prompts are opinion, not outcome.
COMPLEXITY_WEIGHTS: Final = {"mmlu": 1.0, "mmlu_pro": 1.0, "gsm8k": 6.0, "bird_dev": 6.0, "spider_dev": 6.0, "constructed": 0.5}
# Benchmarks name hardness; these places on 0..1 are ours.
HARDNESS: Final = {"easy": 0.15, "medium": 0.4, "hard": 0.65, "extra": 0.85, "simple": 0.25, "moderate": 0.5, "challenging": 0.8}
BARE_QUESTION: Final = "bare_question"
TASK_WEIGHTS: Final = {"constructed": 1.0, BARE_QUESTION: 0.3}
TEMPERATURES: Final = tuple(np.geomspace(0.4, 2.5, 40).tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A prompt with what is known of it. ``key`` is the group or wording that decides its part, so near-duplicates stay together."""

    prompt: str
    source: str
    key: str
    lang: str = "en"
    task: str | None = None
    complexity: float | None = None

    @property
    def part(self) -> str:
        """``train``, ``tune`` or ``test``."""
        return part_of(self.key)


def train(data: Path, out: Path, seed: int) -> list[Figure]:
    """Writes the weights to ``out`` and returns the figures on the test part, measured with the written file."""
    examples = list(read_examples(data / "shareable", seed))
    features = [features_of(example.prompt) for example in examples]
    matrix = _matrix(features)
    tasks, bias = _fit_tasks(examples, matrix)
    complexity = _fit_complexity(examples, matrix)
    _write(out, np.vstack([tasks, complexity]), np.append(bias, 0.0))
    return linear_figures.measure(examples, features, read_weights(out), data, seed)


def features_of(prompt: str) -> Features:
    """What the classifier sees of a prompt."""
    return read_features(ends(prompt, head=HEAD_CHARACTERS, tail=TAIL_CHARACTERS)[0])


def read_examples(shareable: Path, seed: int) -> Iterator[Example]:
    """Everything that is trained and tested on."""
    import polars as pl  # noqa: PLC0415 -- the extra lab

    for row in pl.read_parquet(shareable / "task_type.parquet").iter_rows(named=True):
        yield Example(prompt=row["prompt"], source="task_type", key=row["group"], lang=row["lang"], task=row["task_type"])
    outcomes = list(_read_outcomes(shareable))
    yield from outcomes
    for row in pl.read_parquet(shareable / "sql_hardness.parquet").iter_rows(named=True):
        prompt = f"{row['question']} {row['evidence'] or ''}".strip()
        yield Example(prompt=prompt, source=row["source"], key=row["group"], complexity=HARDNESS[row["hardness"]])
        # The public task types know such questions only behind "Write a SQLite query"; without that, a question is a question.
        yield Example(prompt=row["question"], source=BARE_QUESTION, key=row["group"], task="Open QA")
    random = Random(seed)
    stems = [example.prompt.split("\nA. ")[0] for example in outcomes if example.part == "train"]
    passages = random.sample([stem for stem in stems if 120 < len(stem) < 1_500], 400)  # noqa: PLR2004 -- characters, a paragraph
    for made in construct(random, passages, each=CONSTRUCTED_PER_TASK):
        yield Example(prompt=made.prompt, source="constructed", key=made.wording, task=made.task_type, complexity=made.complexity)


def _read_outcomes(shareable: Path) -> Iterator[Example]:
    """Complexity is the share of models that failed the prompt: 29 on MMLU-Pro, 2 on MMLU, 6 on GSM8K."""
    import polars as pl  # noqa: PLC0415 -- the extra lab

    scores = pl.read_parquet(shareable / "routing_scores.parquet").select("pid", "score")
    prompts = pl.read_parquet(shareable / "routing_prompts.parquet").filter(
        pl.col("benchmark") != "mt_bench", pl.col("flag").fill_null("") != "contaminated"
    )
    joined = scores.join(prompts, on="pid").group_by("prompt", "benchmark", "group", maintain_order=True)
    for row in joined.agg((1 - pl.col("score")).mean().alias("failed")).iter_rows(named=True):
        yield Example(prompt=row["prompt"], source=row["benchmark"], key=row["group"], complexity=row["failed"])


def _matrix(features: Sequence[Features]) -> Any:
    """One sparse row per prompt, laid out as ``Weights.logits`` reads it: hashed buckets, then the dense part."""
    sparse: Any = import_module("scipy.sparse")  # comes with scikit-learn, has no types
    groups = [group for feature in features for group in feature.groups]
    values = np.concatenate([np.full(len(group), 1 / np.sqrt(max(len(group), 1)), np.float32) for group in groups])
    starts = np.append(0, np.cumsum([sum(map(len, feature.groups)) for feature in features]))
    hashed = sparse.csr_matrix((values, np.concatenate(groups), starts), shape=(len(features), BUCKETS))
    return sparse.hstack([hashed, sparse.csr_matrix(np.array([feature.dense for feature in features]))], format="csr")


def _fit_tasks(examples: Sequence[Example], matrix: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients and intercepts, tempered so that the probabilities can be believed on the tune part."""
    train_rows, tune_rows = _rows(examples, "train", "task"), _rows(examples, "tune", "task")
    labels = np.array([TASK_TYPES.index(example.task) if example.task else -1 for example in examples])
    weights = np.array([TASK_WEIGHTS.get(example.source, NATURAL_WEIGHT) for example in examples])
    matrix = matrix[:, :-COMPLEXITY_ONLY]
    fits = [_logistic(penalty, matrix[train_rows], labels[train_rows], weights[train_rows]) for penalty in PENALTIES]
    logits = [fit.decision_function(matrix[tune_rows]) for fit in fits]
    pairs = [(number, temperature) for number in range(len(fits)) for temperature in TEMPERATURES]
    chosen, temperature = min(pairs, key=lambda pair: _loss(logits[pair[0]] / pair[1], labels[tune_rows]))
    model = fits[chosen]
    coefficients = np.pad(model.coef_, ((0, 0), (0, COMPLEXITY_ONLY)))
    return coefficients / temperature, model.intercept_ / temperature


def _fit_complexity(examples: Sequence[Example], matrix: Any) -> NDArray[np.float64]:
    """Logistic regression on shares: each prompt once as failed, weighted by its share, once as solved, weighted by the rest."""
    sparse: Any = import_module("scipy.sparse")  # comes with scikit-learn, has no types
    rows = _rows(examples, "train", "complexity")
    share = np.array([examples[row].complexity for row in rows], float)
    weight = np.array([COMPLEXITY_WEIGHTS[examples[row].source] for row in rows])
    labels = np.repeat([1, 0], len(rows))
    weights = np.append(share * weight, (1 - share) * weight)
    model = _logistic(COMPLEXITY_PENALTY, sparse.vstack([matrix[rows]] * 2), labels, weights, intercept=False)
    return np.asarray(model.coef_)


def _logistic(penalty: float, matrix: Any, labels: NDArray[Any], weights: NDArray[Any], *, intercept: bool = True) -> Any:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 -- the extra lab

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # stopping early is fine: the tune part decides
        return LogisticRegression(C=penalty, max_iter=200, tol=1e-3, fit_intercept=intercept).fit(matrix, labels, sample_weight=weights)


def _rows(examples: Sequence[Example], part: str, wanted: str) -> list[int]:
    return [row for row, example in enumerate(examples) if example.part == part and getattr(example, wanted) is not None]


def _loss(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    likelihoods = odds[np.arange(len(labels)), labels] / odds.sum(axis=1)
    return float(-np.log(np.maximum(likelihoods, 1e-12)).mean())


def _write(out: Path, coefficients: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
    hashed, dense = coefficients[:, :BUCKETS].T, coefficients[:, BUCKETS:].T.copy()
    dense[0] += bias  # the first dense feature is always one
    scales = np.abs(hashed).max(axis=0) / 127
    weights = Weights(np.rint(hashed / scales).astype(np.int8), scales.astype(np.float32), dense.astype(np.float32))
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("wb") as file:
        np.savez_compressed(file, hashed=weights.hashed, scales=weights.scales, dense=weights.dense, version=np.int64(VERSION))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CASCADE_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    figures = train(arguments.data, arguments.out, arguments.seed)
    print(linear_figures.table(figures))  # noqa: T201 -- a command's answer


if __name__ == "__main__":
    main()
