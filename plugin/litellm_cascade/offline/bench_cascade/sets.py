"""The sets of the benchmark, from the public records that a data folder holds. A file that is not there leaves its sets out.

Each set has, per answer of the small model, its scores, whether it is right, whether the large model is right (where that is known),
dollars (where they are), a task type, the prompt's length, and a group of near-duplicates.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.escalation import features
from litellm_cascade.offline.bench_cascade.llama_tokens import texts_of
from litellm_cascade.offline.bench_common.reading import digest_of, find_file, read_table
from litellm_cascade.offline.calibrating.records import FEWEST_GROUPS, Numbers, Records, too_few_groups
from litellm_cascade.vocabulary import TokenLogprob

FLOOR: Final = -100.0
"""Providers write -inf for "practically impossible"; as in ``escalation/confidence.py``."""
SVAMP: Final = "llama-3.1-8b, SVAMP tokens"
_OWN: Final = {"qwen0.5b": "qwen1.5b", "smollm2-135m": "qwen1.5b", "qwen1.5b": None}
"""Small models of the own records, each with the larger one that was asked the same."""

_OF_OWN: Final = ("id", "cat", "q", "correct", "tokens")
_ZELLINGER: Final = ("gpt_4o_mini", "gpt_4o", "llama3_1_8b", "llama3_1_405b")
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "cascade_zellinger.parquet": (
        *("benchmark", "group", "split"),
        *(f"{kind}_{model}" for kind in ("correct", "cost") for model in _ZELLINGER),
        *("conf_gpt_4o_mini", "conf_llama3_1_8b"),
    ),
    "cascade_llama8b_math.parquet": ("method", "benchmark", "group", "split", "weak_correct", "gpt4_correct"),
    "cascade_llama8b_tokens.parquet": ("token_ids", "logprobs", "weak_correct", "benchmark", "group", "split"),
    "cascade_calibration_mcq.parquet": ("p_ans_gpt-4o", "correct_gpt-4o", "correct_deepseek_r1", "benchmark", "pid", "split"),
}
"""The columns that each file is read for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchSet:
    """A set. ``split`` per answer: ``test`` is never fitted on; ``lengths`` in characters. ``raw``: the scores shown as they are.

    ``extra``: numbers of the source's own making that no gate can have; a method of its own uses them.
    """

    name: str
    records: Records
    lengths: Numbers
    split: NDArray[np.str_]
    raw: tuple[str, ...]
    data: str
    extra: Mapping[str, Numbers] = field(default_factory=dict)


def read_sets(folder: Path) -> list[BenchSet]:
    """Every set whose file is there. Raises ConfigurationError, in one sentence, for a file that cannot be used."""
    readers: Mapping[str, Callable[[Any, str], Iterator[BenchSet]]] = {
        "cascade_zellinger.parquet": _zellinger,
        "cascade_llama8b_math.parquet": _gsm8k,
        "cascade_llama8b_tokens.parquet": _svamp,
        "cascade_calibration_mcq.parquet": _choices,
    }
    found = {name: path for name in readers if (path := find_file(folder, name)) is not None}
    sets = [one for name, path in found.items() for one in readers[name](read_table(path, _NEEDED[name]), digest_of([path]))]
    math = found.get("cascade_llama8b_math.parquet")
    sets = [_with_parts(one, read_table(math)) if math is not None and one.name == SVAMP else one for one in sets]
    return [one for one in (*sets, *_own(folder / "own")) if len(one.records)]


def _numbers(table: Any, column: str, *, floor: float | None = None) -> Numbers:
    try:
        values = np.asarray(table[column].to_list(), float)
    except (ValueError, TypeError):
        raise ConfigurationError([f"the column {column!r} holds something else than numbers; write numbers, or null"]) from None
    return values if floor is None else np.clip(values, floor, 0.0)


def _texts(table: Any, column: str) -> NDArray[np.str_]:
    return np.array([str(value) for value in table[column].to_list()])


def _zellinger(table: Any, data: str) -> Iterator[BenchSet]:
    """One log-probability an answer: of the option chosen, or of "true" when asked whether the answer is."""
    for small, large in (("gpt_4o_mini", "gpt_4o"), ("llama3_1_8b", "llama3_1_405b")):
        records = Records(
            alias=small,
            scores={"mean": _numbers(table, f"conf_{small}", floor=FLOOR)},
            correct=_numbers(table, f"correct_{small}"),
            correct_large=_numbers(table, f"correct_{large}"),
            cost_small=_numbers(table, f"cost_{small}"),
            cost_large=_numbers(table, f"cost_{large}"),
            tasks=_texts(table, "benchmark"),
            groups=_texts(table, "group"),
        )
        name = f"{small} -> {large}".replace("_", "-")
        yield _set(name, records, table, ("mean",), data)


def _gsm8k(table: Any, data: str) -> Iterator[BenchSet]:
    """Five samples a prompt and prompting style: the majority's answer is judged, by its first sample's numbers and by the agreement."""
    import polars as pl  # noqa: PLC0415 - the extra lab

    number = pl.col("answer").str.replace_all(r"[^0-9.\-]", "").cast(pl.Float64, strict=False)
    known = table.filter((pl.col("benchmark") == "gsm8k") & pl.col("gpt4_correct").is_not_null())
    if known.is_empty():
        return
    asked = ["pid", "method"]
    known = known.with_columns(number.alias("number"))
    votes = known.group_by(*asked, "number").agg(pl.len().alias("votes"), pl.col("run").min().alias("run"))
    winners = votes.filter(pl.col("number").is_not_null()).sort("votes", "run", descending=[True, False]).unique(asked, keep="first")
    samples = known.group_by(asked).agg(pl.len().alias("samples"))
    judged = known.join(winners.select(*asked, "run", "votes"), on=[*asked, "run"]).join(samples, on=asked).sort(asked)
    scores = {name: _numbers(judged, f"ans_{name}_lp", floor=FLOOR) for name in ("mean", "min", "sum", "q25")}
    records = Records(
        alias="llama-3.1-8b",
        scores={**scores, "agreement": _numbers(judged, "votes") / _numbers(judged, "samples")},
        correct=_numbers(judged, "weak_correct"),
        correct_large=_numbers(judged, "gpt4_correct"),
        tasks=_texts(judged, "method"),
        groups=_texts(judged, "group"),
    )
    yield _set("llama-3.1-8b -> gpt-4, GSM8K", records, judged, ("mean", "min", "sum", "agreement"), data)


def _with_parts(svamp: BenchSet, math: Any) -> BenchSet:
    """The source's numbers over the answer's tokens and over its keywords, for the same answers in the same order."""
    import polars as pl  # noqa: PLC0415 - the extra lab

    same = math.filter((pl.col("benchmark") == "svamp") & (pl.col("method") == "CoD"))
    if not np.array_equal(_texts(same, "group"), svamp.records.groups) or not np.array_equal(
        _numbers(same, "weak_correct"), svamp.records.correct
    ):
        return svamp
    names = [name for name in same.columns if name.startswith(("ans_", "kw_"))]
    return replace(svamp, extra={name: np.nan_to_num(_numbers(same, name)) for name in names})


def _svamp(table: Any, data: str) -> Iterator[BenchSet]:
    """All tokens of the answers, scored as a gate scores them; how a larger model does is not known."""
    answers = zip(map(texts_of, table["token_ids"].to_list()), table["logprobs"].to_list(), strict=True)
    seen = [features([TokenLogprob(*token) for token in zip(*answer, strict=True)], "all") for answer in answers]
    records = Records(
        alias="llama-3.1-8b",
        scores=_columns(seen),
        correct=_numbers(table, "weak_correct"),
        tasks=_texts(table, "benchmark"),
        groups=_texts(table, "group"),
    )
    yield _set(SVAMP, records, table, ("mean", "min", "sum", "numbers_sum"), data)


def _choices(table: Any, data: str) -> Iterator[BenchSet]:
    """The probability of the option's letter, rounded by its source."""
    import polars as pl  # noqa: PLC0415 - the extra lab

    small, large = "gpt-4o", "deepseek_r1"
    known = table.drop_nulls([f"p_ans_{small}", f"correct_{small}", f"correct_{large}"])
    known = known.filter(pl.col(f"p_ans_{small}").is_not_nan())
    probabilities = _numbers(known, f"p_ans_{small}")
    records = Records(
        alias=small,
        scores={"mean": np.clip(np.log(np.maximum(probabilities, np.exp(FLOOR))), FLOOR, 0.0)},
        correct=_numbers(known, f"correct_{small}"),
        correct_large=_numbers(known, f"correct_{large}"),
        tasks=_texts(known, "benchmark"),
        groups=_texts(known, "group" if "group" in known.columns else "pid"),
    )
    yield _set("gpt-4o -> deepseek-r1, choices", records, known, ("mean",), data)


def _set(name: str, records: Records, table: Any, raw: tuple[str, ...], data: str) -> BenchSet:
    _check(name, records)
    lengths = table["prompt"].str.len_chars().to_numpy().astype(float) if "prompt" in table.columns else np.zeros(len(records))
    return BenchSet(name=name, records=records, lengths=lengths, split=_texts(table, "split"), raw=raw, data=data)


def _check(name: str, records: Records) -> None:
    """Raises ConfigurationError for answers that nothing can be measured on."""
    numbers = {**records.scores, "correct": records.correct, "cost_small": records.cost_small, "cost_large": records.cost_large}
    for column, values in numbers.items():
        if values is not None and not np.isfinite(values).all():
            lacking = int((~np.isfinite(values)).sum())
            raise ConfigurationError([f"{name!r}: {lacking} of {len(records)} answers have no finite {column!r}; leave such rows out"])
    if len(records) and np.ptp(records.correct) == 0:
        raise ConfigurationError([f"{name!r}: all {len(records)} answers are {'right' if records.correct[0] else 'wrong'}; it takes both"])
    if records.correct_large is not None and (records.correct_large - records.correct).sum() <= 0:
        raise ConfigurationError([f"{name!r}: the larger model gains nothing over the smaller; there is nothing to escalate for"])
    costs = [values for values in (records.cost_small, records.cost_large) if values is not None]
    if any((values < 0).any() for values in costs) or (costs and not costs[-1].any()):
        raise ConfigurationError([f"{name!r}: some costs are below 0, or all of the larger model's are 0; write dollars"])
    problem = too_few_groups("the answers", records.groups, min(FEWEST_GROUPS, len(records)))
    if problem:
        raise ConfigurationError([f"{name!r}: {problem}"])


def _own(folder: Path) -> Iterator[BenchSet]:
    """Short questions asked of small local models: every token with its alternatives."""
    rows = {run: _lines(folder / f"{run}.jsonl") for run in _OWN if (folder / f"{run}.jsonl").is_file()}
    data = digest_of([folder / f"{run}.jsonl" for run in rows])
    for run, larger in _OWN.items():
        if run in rows:
            name = f"own, {run} -> {larger}" if larger in rows else f"own, {run}"
            yield _own_set(name, {run: rows[run]}, rows.get(larger or ""), data)
    if len(rows) > 1:
        yield _own_set("own, all models", rows, None, data)


def _own_set(name: str, runs: Mapping[str, Sequence[Mapping[str, Any]]], larger: Sequence[Mapping[str, Any]] | None, data: str) -> BenchSet:
    rows = [row for run in runs.values() for row in run]
    better = {row["id"]: float(row["correct"]) for row in larger or ()}
    records = Records(
        alias="small",
        scores=_columns([_seen(row) for row in rows]),
        correct=np.array([float(row["correct"]) for row in rows]),
        correct_large=np.array([better[row["id"]] for row in rows]) if better else None,
        tasks=np.array([f"{run} {row['cat']}" if len(runs) > 1 else row["cat"] for run, of_run in runs.items() for row in of_run]),
        groups=np.array([row["id"] for row in rows]),
    )
    lengths, split = np.array([float(len(row["q"])) for row in rows]), np.array(["dev"] * len(rows))
    return BenchSet(name=name, records=records, lengths=lengths, split=split, raw=("mean", "min", "sum"), data=data)


def _lines(path: Path) -> list[Mapping[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # splitlines would also cut at U+2028 within a token
    except UnicodeDecodeError:
        raise ConfigurationError([f"{path}: is no text; write one JSON object a line"]) from None
    rows = [_line(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise ConfigurationError([f"{path}: holds no answer; remove it, or write one JSON object a line"])
    return rows


def _line(line: str, where: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    lacking = [name for name in _OF_OWN if not isinstance(row, dict) or name not in row]
    if lacking:
        raise ConfigurationError([f"{where}: is no JSON object with {', '.join(_OF_OWN)}"])
    return row  # type: ignore[no-any-return]


def _seen(row: Mapping[str, Any]) -> Mapping[str, float]:
    tokens = [TokenLogprob(token["t"], token["lp"], tuple(logprob for _, logprob in token["top"])) for token in row["tokens"]]
    return features(tokens, "all")


def _columns(seen: Sequence[Mapping[str, float]]) -> dict[str, Numbers]:
    names = [name for name in seen[0] if all(name in row for row in seen)]
    return {name: np.array([row[name] for row in seen]) for name in names}
