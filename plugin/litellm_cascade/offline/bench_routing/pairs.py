"""The pairs of a data folder: prompts that a smaller and a larger model have answered, and how right each was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.reading import FOLDERS, digest_of, need_file, no_gaps, none_negative, read_table
from litellm_cascade.offline.bench_common.resampling import Numbers

PAIRS: Final = "routing_pairs.parquet"
PROMPTS: Final = "routing_prompts.parquet"
CONTAMINATED: Final = "contaminated"
"""The flag of prompts that RouteLLM leaves out, since they resemble what its routers were trained on."""
EVALUATION_ONLY: Final = "routerarena"
"""A source that asks to be scored with and not trained on."""
FEWEST: Final = 30
"""Prompts below which an order of them says nothing."""
_PAIR_COLUMNS: Final = ("pair", "pid", "weak_model", "strong_model", "score_weak", "score_strong")
_PROMPT_COLUMNS: Final = ("pid", "prompt", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSet:
    """One pair of models on the same prompts; arrays are per prompt.

    ``texts`` is what is asked, without the examples of a few-shot prompt; ``groups`` holds near-duplicates together. Costs are dollars,
    None where the file knows none. ``split``: ``test`` is never fitted on. ``elsewhere``: how right (0..1) the models of other pairs were
    about the same text, on average; not a number where none was asked.
    """

    name: str
    weak_model: str
    strong_model: str
    source: str
    benchmark: str
    pids: tuple[str, ...]
    texts: tuple[str, ...]
    score_weak: Numbers
    score_strong: Numbers
    cost_weak: Numbers | None
    cost_strong: Numbers | None
    groups: NDArray[np.str_]
    benchmarks: NDArray[np.str_]
    split: NDArray[np.str_]
    elsewhere: Numbers

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def gains(self) -> Numbers:
        """What the larger model adds."""
        return self.score_strong - self.score_weak

    @property
    def lengths(self) -> Numbers:
        """Of the texts, in characters."""
        return np.array([float(len(text)) for text in self.texts])

    @property
    def unit_scores(self) -> tuple[Numbers, Numbers]:
        """Of the weak and the strong model; grades such as 1 to 10 are brought to 0..1."""
        most = max(1.0, float(self.score_weak.max()), float(self.score_strong.max()))
        return self.score_weak / most, self.score_strong / most

    @property
    def by_model(self) -> dict[str, Numbers]:
        """The scores in 0..1, by the model's name."""
        return dict(zip((self.weak_model, self.strong_model), self.unit_scores, strict=True))

    def at(self, rows: NDArray[Any]) -> PairSet:
        """Some of the prompts, by a mask."""
        costs = (None if cost is None else cost[rows] for cost in (self.cost_weak, self.cost_strong))
        return replace(
            self,
            pids=tuple(pid for pid, kept in zip(self.pids, rows, strict=True) if kept),
            texts=tuple(text for text, kept in zip(self.texts, rows, strict=True) if kept),
            score_weak=self.score_weak[rows],
            score_strong=self.score_strong[rows],
            cost_weak=next(costs),
            cost_strong=next(costs),
            groups=self.groups[rows],
            benchmarks=self.benchmarks[rows],
            split=self.split[rows],
            elsewhere=self.elsewhere[rows],
        )


def pair_files(folder: Path, inside: tuple[str, ...] = FOLDERS) -> tuple[Path, Path]:
    """The two files. Raises ConfigurationError when one is not there."""
    return need_file(folder, PAIRS, inside), need_file(folder, PROMPTS, inside)


def data_digest(folder: Path) -> str:
    """Of both files."""
    return digest_of(pair_files(folder))


def read_pairs(folder: Path, inside: tuple[str, ...] = FOLDERS) -> list[PairSet]:
    """Every pair, in the order of its name. Raises ConfigurationError, in one sentence, for files that cannot be used."""
    import polars as pl  # noqa: PLC0415 - the extra lab

    pairs_file, prompts_file = pair_files(folder, inside)
    pairs, prompts = (
        read_table(file, columns).with_columns(pl.col("pid").cast(pl.String))
        for file, columns in ((pairs_file, _PAIR_COLUMNS), (prompts_file, _PROMPT_COLUMNS))
    )
    no_gaps(pairs_file, pairs, ("score_weak", "score_strong"))
    none_negative(pairs_file, pairs, ("cost_usd_weak", "cost_usd_strong"))
    _each_once(pairs_file, pairs, "pair", "pid")
    _each_once(prompts_file, prompts, "pid")
    prompts = prompts.with_columns(
        pl.lit(None, pl.String).alias(name) for name in ("question", "flag", "source") if name not in prompts.columns
    )
    group = pl.coalesce(pl.col("group").cast(pl.String), "pid")  # where there is none, a prompt is like no other
    asked = prompts.select(
        "pid", group.alias("group"), "flag", text=pl.coalesce("question", "prompt"), from_source=pl.col("source").cast(pl.String)
    )
    own = [name for name in pairs.columns if name in {"group", "flag", "text"}]
    rows = pairs.drop(own).join(asked, on="pid", how="inner").filter(pl.col("flag").fill_null("") != CONTAMINATED)
    unknown = len(pairs) - len(pairs.join(asked, on="pid", how="semi"))
    if unknown:
        raise ConfigurationError([f"{pairs_file}: {unknown} of {len(pairs)} rows have a `pid` that {prompts_file.name} does not have"])
    parts = rows.with_columns(pl.col("pair").cast(pl.String)).sort("pair", "pid").partition_by("pair", maintain_order=True)
    return _with_others([one for part in parts for one in _pair(part, pairs_file)])


def _with_others(pairs: list[PairSet]) -> list[PairSet]:
    """Each with ``elsewhere``, from all pairs whose source may be learned from."""
    scores: dict[str, dict[str, float]] = {}
    for pair in (pair for pair in pairs if pair.source != EVALUATION_ONLY):
        for model, said in pair.by_model.items():
            for text, score in zip(pair.texts, said.tolist(), strict=True):
                scores.setdefault(text, {})[model] = score
    return [replace(pair, elsewhere=np.array([_mean_without(scores.get(text, {}), pair) for text in pair.texts])) for pair in pairs]


def _mean_without(scores: Mapping[str, float], pair: PairSet) -> float:
    """Of all models but the pair's own."""
    others = [score for model, score in scores.items() if model not in {pair.weak_model, pair.strong_model}]
    return sum(others) / len(others) if others else float("nan")


def _pair(rows: Any, file: Path) -> Iterator[PairSet]:
    name = str(rows["pair"][0])
    empty = int((rows["text"].fill_null("").str.strip_chars() == "").sum())
    if empty:
        raise ConfigurationError([f"{file}: {empty} prompts of {name!r} are empty; leave them out"])
    benchmarks = np.array([str(value) for value in rows["benchmark"].to_list()] if "benchmark" in rows.columns else ["unknown"] * len(rows))
    one = PairSet(
        name=name,
        weak_model=str(rows["weak_model"][0]),
        strong_model=str(rows["strong_model"][0]),
        source=str(rows["from_source"][0]),
        benchmark=_only(benchmarks),
        pids=tuple(map(str, rows["pid"].to_list())),
        texts=tuple(rows["text"].to_list()),
        score_weak=_numbers(rows, "score_weak"),
        score_strong=_numbers(rows, "score_strong"),
        cost_weak=_costs(rows, "cost_usd_weak"),
        cost_strong=_costs(rows, "cost_usd_strong"),
        benchmarks=benchmarks,
        groups=np.array([str(group) for group in rows["group"].to_list()]),
        split=np.array([str(part) for part in rows["split"].to_list()] if "split" in rows.columns else ["dev"] * len(rows)),
        elsewhere=np.full(len(rows), np.nan),
    )
    if (one.cost_weak is None) != (one.cost_strong is None):
        lacking = one.weak_model if one.cost_weak is None else one.strong_model
        raise ConfigurationError([f"{file}: {name!r} has prices for one model and none for {lacking!r}; give both, or neither"])
    if len(one) < FEWEST:
        raise ConfigurationError([f"{file}: {name!r} has {len(one)} prompts, and it takes at least {FEWEST}"])
    if one.gains.sum() <= 0:
        raise ConfigurationError(
            [f"{file}: in {name!r} {one.strong_model!r} gains nothing over {one.weak_model!r}; there is nothing to route for"]
        )
    yield one


def _each_once(file: Path, table: Any, *key: str) -> None:
    again = len(table) - table.n_unique(key)
    if again:
        raise ConfigurationError([f"{file}: {again} of {len(table)} rows have a {' and '.join(map(repr, key))} that came before"])


def _only(benchmarks: NDArray[np.str_]) -> str:
    """The benchmark of all; ``several`` where they differ."""
    found = np.unique(benchmarks)
    return str(found[0]) if len(found) == 1 else "several"


def _numbers(rows: Any, column: str) -> Numbers:
    return np.asarray(rows[column].to_numpy(), float)


def _costs(rows: Any, column: str) -> Numbers | None:
    """Dollars where every row has them."""
    if column not in rows.columns or rows[column].null_count() or not rows[column].is_finite().all():
        return None
    return _numbers(rows, column)
