"""How well each score tells right answers from wrong ones, on recorded answers, beside what needs no score: lengths.

    python -m litellm_cascade.offline.score_figures --tokens tokens.parquet --answers answers.parquet --checks checks.parquet

``--tokens``: one row per answer, with ``logprobs`` (nats, one per token), ``weak_correct`` (0 or 1), ``prompt`` and ``group``.
``--answers``: several runs of each prompt: ``benchmark``, ``method``, ``pid``, ``run``, ``answer``, ``prompt``, ``weak_correct`` and
``group``; and to compare with, where it was recorded, ``tok_mean_lp``, ``tok_min_lp`` and ``tok_sum_lp`` of the same answers.
``--checks``: ``benchmark``, ``prompt``, ``group``, ``conf_kind``; and for each model ``conf_<model>``, the recorded log-probability of True
where ``conf_kind`` is ``p_true_logprob``, and ``correct_<model>``.

Figures are AUROC with 95 % percentile bootstraps over groups of near-duplicate prompts.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from litellm_cascade.escalation import agreement, features
from litellm_cascade.escalation.confidence.scores import LOWEST_LOGPROB
from litellm_cascade.offline.bench_common.reading import digest_of
from litellm_cascade.offline.bench_common.resampling import auroc_told
from litellm_cascade.vocabulary import Completion, TokenLogprob

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


WINDOWS = (4, 8, 16, 32, 64)
CHECKED = ("llama3_2_1b", "llama3_2_3b", "llama3_1_8b", "llama3_1_70b", "gpt_4o_mini")
"""Models whose checks of themselves were recorded."""
FEWEST = 20
"""Right answers, or wrong ones, of which nothing is worth saying."""
RECORDED = ("tok_mean_lp", "tok_min_lp", "tok_sum_lp")

Rows = list[dict[str, Any]]


def token_scores(rows: Rows) -> dict[str, list[float]]:
    """Every score that is read off tokens, by name."""
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        tokens = [TokenLogprob("x", logprob) for logprob in row["logprobs"]]
        found = features(tokens)
        for name in ("mean", "min", "sum", "q10", "q25", "q50"):
            scores[name].append(found[name])
        for window in WINDOWS:
            scores[f"lowest_group, window {window}"].append(features(tokens, window=window)["lowest_group"])
        scores["*fewer tokens*"].append(-found["tokens"])
        scores["*shorter prompt*"].append(-len(row["prompt"]))
    return dict(scores)


def agreement_scores(rows: Rows) -> tuple[Rows, dict[str, list[float]]]:
    """The answers of run 0 that have samples, and what the other runs of the same prompt make of each, beside recorded scores."""
    runs: defaultdict[Any, dict[int, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        if row["answer"] is not None:
            runs[row["pid"]][row["run"]] = row
    judged = [by_run.pop(0) for by_run in runs.values() if 0 in by_run and len(by_run) > 1]
    scores: dict[str, list[float]] = {"agreement": [], **{name: [] for name in RECORDED}, "*shorter prompt*": []}
    for row in judged:
        samples = [Completion(text=other["answer"]) for other in runs[row["pid"]].values()]
        scores["agreement"].append(agreement(Completion(text=row["answer"]), samples) or 0.0)
        scores["*shorter prompt*"].append(-len(row["prompt"]))
        for name in RECORDED:
            scores[name].append(row[name] if row[name] is not None else np.nan)
    return judged, scores


def table(title: str, rows: Rows, scores: Mapping[str, Sequence[float]], *, resamples: int, seed: int) -> Iterator[str]:
    """A Markdown table of AUROCs, each over the rows that have the score."""
    correct = np.array([row["weak_correct"] == 1 for row in rows])
    groups = np.array([str(row["group"]) for row in rows])
    yield f"**{title}**: {len(rows):,} answers, {len(set(groups)):,} groups, {correct.mean():.1%} right"
    yield ""
    yield "| score | AUROC |"
    yield "|---|---|"
    for name, values in scores.items():
        numbers = np.array(values, dtype=float)
        there = ~np.isnan(numbers)
        if there.any():
            yield f"| {name} | {auroc_told(numbers[there], correct[there], groups[there], draws=resamples, seed=seed)} |"
    yield ""


def checks(rows: Rows, *, resamples: int, seed: int) -> Iterator[str]:
    """A Markdown table: what each model's one-token check of its own answers tells, by benchmark."""
    yield "| set | model | answers | right | check | shorter prompt |"
    yield "|---|---|---|---|---|---|"
    checked = [row for row in rows if row["conf_kind"] == "p_true_logprob"]
    for benchmark, model in product(sorted({row["benchmark"] for row in checked}), CHECKED):
        part = [row for row in checked if row["benchmark"] == benchmark and None not in (row[f"conf_{model}"], row[f"correct_{model}"])]
        correct = np.array([row[f"correct_{model}"] == 1 for row in part], dtype=bool)
        groups = np.array([str(row["group"]) for row in part])
        if min(correct.sum(), (~correct).sum()) < FEWEST:
            continue
        columns = ([max(LOWEST_LOGPROB, row[f"conf_{model}"]) for row in part], [-len(row["prompt"]) for row in part])
        told = [auroc_told(np.array(values, dtype=float), correct, groups, draws=resamples, seed=seed) for values in columns]
        yield f"| {benchmark} | {model} | {len(part):,} | {correct.mean():.1%} | {' | '.join(told)} |"
    yield ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    import polars as pl  # noqa: PLC0415  # slow to import

    parser = argparse.ArgumentParser(description="AUROC of the scores on recorded answers.")
    parser.add_argument("--tokens", type=Path, required=True, help="parquet of answers with the log-probabilities of their tokens")
    parser.add_argument("--answers", type=Path, required=True, help="parquet of several answers to each prompt")
    parser.add_argument("--checks", type=Path, required=True, help="parquet of models' checks of their own answers")
    parser.add_argument("--resamples", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args(arguments)
    options = {"resamples": given.resamples, "seed": given.seed}
    for path in (given.tokens, given.answers, given.checks):
        print(f"{path.name}: SHA-256 {digest_of([path])}")  # noqa: T201
    rows = [row for row in pl.read_parquet(given.tokens).to_dicts() if row["logprobs"]]
    print("\n".join(["", *table("Tokens", rows, token_scores(rows), **options)]))  # noqa: T201
    answers = pl.read_parquet(given.answers)
    for (benchmark, method), part in sorted(answers.group_by("benchmark", "method"), key=lambda pair: str(pair[0])):
        judged, scores = agreement_scores(part.to_dicts())
        print("\n".join(table(f"{benchmark}, {method}", judged, scores, **options)))  # noqa: T201
    print("\n".join(checks(pl.read_parquet(given.checks).to_dicts(), **options)))  # noqa: T201


if __name__ == "__main__":
    main()
