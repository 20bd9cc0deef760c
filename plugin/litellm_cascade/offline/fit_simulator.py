"""Fits the simulated deployments' confidence to real per-token records.

``python -m litellm_cascade.offline.fit_simulator --data DIR --out plugin/litellm_cascade/simulated/confidence.json``
writes the parameters that ``simulated/confidence.py`` draws from, and prints how well confidence tells right answers from wrong ones in
the records and in the simulator, as the table docs/simulator.md shows.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.offline.bench_common.reading import digest_of
from litellm_cascade.offline.bench_common.resampling import auroc_told
from litellm_cascade.simulated.answers import Ask, answer
from litellm_cascade.simulated.confidence import ConfidenceFit, place, read_fit
from litellm_cascade.simulated.profiles import PROFILES
from litellm_cascade.simulated.wording import FEWEST_TOKENS, MOST_TOKENS

RUNS = ("qwen0.5b", "qwen1.5b", "smollm2-135m")
"""One run per model: the other recorded runs repeat the same questions."""

POINTS = 25
"""Quantiles kept per distribution; about a quarter of the answers in the smaller class."""

FEWEST_FOR_RATIOS = 4
"""Answers of fewer tokens say little about how tokens differ within an answer."""

LENGTH_CARRIED = 0.3
"""How much (an exponent) of the recorded span of lengths that simulated answers lack is put into their mean log-probability: the least
tenth with which the AUROC of mean, min and sum all come to lie within the pooled records' intervals."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One recorded answer: its question, whether it is right, its tokens' log-probabilities, and those of the alternatives."""

    question: str
    correct: bool
    logprobs: Numbers
    tops: tuple[tuple[float, ...], ...]


class Scored(NamedTuple):
    """An answer, reduced to the mean, the least and the sum of its log-probabilities."""

    question: str
    correct: bool
    scores: tuple[float, float, float]


def read_records(path: Path) -> list[Record]:
    """Reads one recorded run; empty trailing tokens (the end of the answer) are dropped."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [_record(row) for row in rows]


def _record(row: dict[str, Any]) -> Record:
    tokens = list(row["tokens"])
    while tokens and not tokens[-1]["t"]:
        tokens.pop()
    return Record(
        question=row["id"],
        correct=row["correct"],
        logprobs=np.array([token["lp"] for token in tokens]),
        tops=tuple(tuple(logprob for _, logprob in token["top"]) for token in tokens),
    )


def fit(records: Sequence[Record]) -> dict[str, Any]:
    """The parameters, as ``confidence.json`` holds them (but for the provenance)."""
    most_tokens = max(len(record.logprobs) for record in records)
    lost_span = most_tokens / (MOST_TOKENS / FEWEST_TOKENS)
    return {
        "right": _shape([record for record in records if record.correct]),
        "wrong": _shape([record for record in records if not record.correct]),
        "alternative_shares": _alternative_shares(records),
        "length_carry": round(lost_span**LENGTH_CARRIED, 4),
        "most_tokens": float(most_tokens),
    }


def _shape(records: Sequence[Record]) -> dict[str, Any]:
    means, least = np.array([record.logprobs.mean() for record in records]), np.array([record.logprobs.min() for record in records])
    lengths = np.array([len(record.logprobs) for record in records], dtype=float)
    cholesky = np.linalg.cholesky(np.corrcoef([_normal_scores(values) for values in (means, least, lengths)]))
    long = [record for record in records if len(record.logprobs) >= FEWEST_FOR_RATIOS]
    return {
        "mean_logprob": _quantiles(means),
        "min_logprob": _quantiles(least),
        "tokens": _quantiles(lengths),
        "cholesky": [[round(float(value), 4) for value in row[: index + 1]] for index, row in enumerate(cholesky)],
        "ratio": {where: _quantiles(_ratios(long, where)) for where in ("first", "early", "rest")},
    }


def _ratios(records: Sequence[Record], where: str) -> Numbers:
    found = (record.logprobs[_at(record, where)] / record.logprobs.mean() for record in records)
    return np.concatenate(list(found))


def _at(record: Record, where: str) -> list[int]:
    return [index for index in range(len(record.logprobs)) if place(index) == where]


def _quantiles(values: Numbers) -> list[float]:
    return [round(float(value), 6) for value in np.quantile(values, np.linspace(0, 1, POINTS))]


def _normal_scores(values: Numbers) -> Numbers:
    """Ranks (ties share the middle one) as quantiles of the standard normal distribution."""
    ranks = [(float((values < value).sum()) + float((values <= value).sum())) / 2 / len(values) for value in values]
    return np.array([NormalDist().inv_cdf(rank) for rank in ranks])


def _alternative_shares(records: Sequence[Record]) -> list[float]:
    """Of the probability the likeliest token leaves, the median share of each alternative after it."""
    tops = np.exp(np.array([top for record in records for top in record.tops]))
    left = np.maximum(1 - tops[:, :1], 1e-9)
    return [round(float(share), 4) for share in np.median(np.minimum(tops[:, 1:] / left, 1.0), axis=0)]


# --- what the fit is worth: the table in docs/simulator.md --------------------------------------------------------------------------


def table(runs: Mapping[str, Sequence[Record]], fitted: ConfidenceFit, *, answers: int, resamples: int) -> str:
    """AUROC of three scores for "the answer is right", recorded and simulated, with 95 % bootstrap intervals."""
    recorded = {run: [_scored(record.question, record.correct, record.logprobs) for record in records] for run, records in runs.items()}
    recorded = {f"recorded, {run}": rows for run, rows in recorded.items()} | {"recorded, pooled": list(chain(*recorded.values()))}
    simulated = {f"simulated, {role}": _simulated(role, fitted, answers) for role in PROFILES}
    head = ["| answers | n | right | mean | min | sum |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(_line(name, rows, resamples) for name, rows in (recorded | simulated).items())])


def _scored(question: str, correct: bool, logprobs: Numbers) -> Scored:
    return Scored(question, correct, (float(logprobs.mean()), float(logprobs.min()), float(logprobs.sum())))


def _simulated(role: str, fitted: ConfidenceFit, answers: int) -> list[Scored]:
    asked = ((f"Question {index}?", _asked(index)) for index in range(answers))
    drawn = ((question, answer(question, role, ask=ask, fit=fitted)) for question, ask in asked)
    return [_scored(question, one.correct, np.array([token.logprob for token in one.tokens])) for question, one in drawn]


def _asked(index: int) -> Ask:
    return Ask(top=1, difficulty=("simple", "medium", "complex")[index % 3])


def _line(name: str, rows: Sequence[Scored], resamples: int) -> str:
    cells = " | ".join(_with_interval(rows, which, resamples) for which in range(3))
    return f"| {name} | {len(rows):,} | {sum(row.correct for row in rows) / len(rows):.1%} | {cells} |"


def _with_interval(rows: Sequence[Scored], which: int, resamples: int) -> str:
    """Questions are resampled, not answers: the pooled records hold three answers to each question."""
    scores, correct = np.array([row.scores[which] for row in rows]), np.array([row.correct for row in rows])
    return auroc_told(scores, correct, np.array([row.question for row in rows]), draws=resamples, seed=0)


# --- the command -------------------------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None, show: Callable[[str], object] = print) -> None:
    """Fits, writes and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m litellm_cascade.offline.fit_simulator", description="Fits the simulator's confidence.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the recorded runs")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--answers", type=int, default=2000, help="simulated answers a role, for the table")
    parser.add_argument("--resamples", type=int, default=500, help="bootstrap resamples, for the table's intervals")
    given = parser.parse_args(argv)
    paths = [given.data / f"{run}.jsonl" for run in RUNS]
    runs = {path.stem: read_records(path) for path in paths}
    records = [record for run in runs.values() for record in run]
    provenance = {"data": f"sha256:{digest_of(paths)}", "runs": ", ".join(RUNS), "answers": str(len(records)), "command": _COMMAND}
    given.out.write_text(json.dumps({"provenance": provenance, **fit(records)}, indent=1) + "\n", encoding="utf-8")
    fitted = read_fit(given.out.read_text(encoding="utf-8"))
    show(table(runs, fitted, answers=given.answers, resamples=given.resamples))


_COMMAND = "python -m litellm_cascade.offline.fit_simulator --data DIR --out plugin/litellm_cascade/simulated/confidence.json"


if __name__ == "__main__":
    main()
