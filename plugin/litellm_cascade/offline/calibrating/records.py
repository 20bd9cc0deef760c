"""Recorded answers, read from JSONL or parquet. docs/cli.md describes the columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.escalation import features
from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.traffic import spoken
from litellm_cascade.policy.problems import did_you_mean
from litellm_cascade.vocabulary import NO_WORSE, RIGHT, TokenLogprob

Numbers = NDArray[np.float64]

FEWEST_GROUPS = 10
"""Of records that are held out together: five folds of which none is everything, whatever the hashes."""
FEWEST = 50
"""Records below which a calibration says next to nothing: at 50, a share of one half is known to +- 0.14 (95 %)."""
NO_TASK = "Unknown"
SCORED = ("mean", "min", "sum", "lowest_group", "margin", "entropy", "self_check", "agreement")
"""Scores of a gate that a calibration can stand for: all whose value their name settles."""
COLUMNS = ("mean", "min", "sum", "q10", "q25", "q50", "lowest_group", "margin", "entropy", "self_check", "agreement")
"""Scores that a record may hold instead of tokens."""
LONGEST_TOLD = 40
"""Characters of a value that is told."""
_NUMBERS = ("correct_large", "cost_small", "cost_large")


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Answers of one alias, as arrays over the answers.

    ``scores`` and ``prefix_scores`` by name: whole answers, and their first tokens where those were asked for. ``groups``: answers of one
    group (repeated or nearly the same prompts) never stand on both sides of a split. Costs and ``correct_large`` are None where a record
    lacks them. ``event``: what probabilities are fitted to, ``right`` or ``no_worse``.
    """

    alias: str
    scores: Mapping[str, Numbers]
    correct: Numbers
    tasks: NDArray[np.str_]
    groups: NDArray[np.str_]
    prefix_scores: Mapping[str, Numbers] | None = None
    correct_large: Numbers | None = None
    cost_small: Numbers | None = None
    cost_large: Numbers | None = None
    event: str = RIGHT

    @property
    def losses(self) -> Numbers:
        """1 for an answer that must not be served: it is wrong, and the large model's is right, where that is known."""
        wrong = 1 - self.correct
        return wrong if self.correct_large is None else wrong * self.correct_large

    @property
    def label(self) -> Numbers:
        """1 where the ``event`` came about."""
        return self.correct if self.event == RIGHT else 1 - self.losses

    def __len__(self) -> int:
        return len(self.correct)

    def at(self, rows: NDArray[Any]) -> Records:
        """Some of them, by index or mask."""
        arrays: dict[str, Any] = {name: _at(getattr(self, name), rows) for name in ("correct", "tasks", "groups", *_NUMBERS)}
        prefix = None if self.prefix_scores is None else {name: values[rows] for name, values in self.prefix_scores.items()}
        return replace(self, scores={name: values[rows] for name, values in self.scores.items()}, prefix_scores=prefix, **arrays)


def read_records(path: Path, alias: str, *, of: str, prefix_tokens: int | None = None, event: str = RIGHT) -> Records:
    """The records of an alias. Raises ConfigurationError, in one sentence, for a file that cannot be used."""
    rows = [*_checked(_rows(path))]
    if not rows:
        raise _unusable(path, "holds no records; write one JSON object a line, docs/cli.md says what is in it")
    mine = [(where, row) for where, row in rows if row["alias"] == alias]
    if not mine:
        raise _unusable(path, f"has no records of {alias!r}; {did_you_mean(alias, {row['alias'] for _, row in rows})}")
    records = replace(_gathered(alias, mine, of, prefix_tokens), event=event)
    right = int(records.correct.sum())
    if not records.scores.keys() & set(SCORED):
        raise _unusable(
            path, f"no score is in every record of {alias!r}; give tokens with log-probabilities, or one of {', '.join(SCORED)}"
        )
    if right in (0, len(records)):
        raise _unusable(path, f"all {len(records)} answers of {alias!r} are {'right' if right else 'wrong'}; it takes right and wrong ones")
    if event == NO_WORSE and records.correct_large is None:
        raise _unusable(path, f"not every record of {alias!r} has a `correct_large`, which --event {NO_WORSE} needs")
    if event == NO_WORSE and not records.losses.any():
        raise _unusable(path, f"no answer of {alias!r} is wrong where the large model's is right; there is nothing to escalate for")
    if len(records) < FEWEST:
        raise _unusable(path, f"has {len(records)} records of {alias!r} with scores, and it takes at least {FEWEST}")
    problem = too_few_groups(f"the records of {alias!r}", records.groups)
    if problem:
        raise _unusable(path, problem)
    return records


def too_few_groups(whose: str, groups: NDArray[np.str_], fewest: int = FEWEST_GROUPS) -> str | None:
    """What is wrong where fewer groups than ``fewest`` would be held out in turn."""
    found = len(np.unique(groups))
    return f"{whose} are of {counted(found, 'group')}, held out in turn; it takes {FEWEST_GROUPS}" if found < fewest else None


def digest_of(path: Path) -> str:
    """``sha256:`` and the digest of a file's bytes."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def fold_of(groups: NDArray[np.str_], folds: int, seed: int = 0) -> NDArray[np.int_]:
    """A fold for each record, by its group: the same for the same seed, whatever else is in the data."""
    known = {group: int.from_bytes(hashlib.sha256(f"{seed}:{group}".encode()).digest()[:4], "big") % folds for group in set(groups)}
    return np.array([known[group] for group in groups])


def _at(values: NDArray[Any] | None, rows: NDArray[Any]) -> NDArray[Any] | None:
    return None if values is None else values[rows]


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Each record with its place."""
    if path.suffix == ".parquet":
        yield from _parquet_rows(path)
        return
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # splitlines would also cut at U+2028 within a token
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, f"cannot be read as text ({type(error).__name__}); check the path") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield f"{path}:{number}", json.loads(line)
            except (ValueError, RecursionError):
                raise _unusable(path, "is no JSON; write one object a line", number) from None


def _parquet_rows(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        import polars as pl  # noqa: PLC0415 - the extra lab
    except ImportError:
        raise _unusable(path, "parquet needs polars: pip install 'litellm-cascade[lab]', or write JSONL") from None
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unusable(path, f"is no parquet file ({type(error).__name__})") from None
    for number, row in enumerate(table.iter_rows(named=True), 1):
        yield f"{path}:{number}", {name: value for name, value in row.items() if value is not None}


def _checked(rows: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("alias"), str) or not _is_a_truth(row.get("correct")):
            lacking = [name for name in ("alias", "correct") if not isinstance(row, dict) or name not in row]
            what = (
                f"has no {' and no '.join(f'`{name}`' for name in lacking)}" if lacking else "has an `alias` or a `correct` of a wrong kind"
            )
            raise ConfigurationError([f"{where}: {what}; every record needs alias (text), correct (true or false), and tokens or scores"])
        if not str(row.get("task") or "").isprintable():
            raise ConfigurationError([f"{where}: `task` has characters that cannot be printed; leave them out"])
        for name in (*COLUMNS, *_NUMBERS):
            if name in row and not _is_a_number(row[name]):
                told = shorten(repr(row[name]), LONGEST_TOLD, placeholder="a long one")
                raise ConfigurationError([f"{where}: `{name}` is {told}; write a finite number, or leave it out"])
        for name in _NUMBERS:
            if row.get(name, 0) < 0:
                raise ConfigurationError([f"{where}: `{name}` is {row[name]!r}; write a number that is not below 0, or leave it out"])
        yield where, row


def _is_a_truth(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, (int, float)) and value in (0, 1))


def _is_a_number(value: Any) -> bool:
    return isinstance(value, bool) or spoken.number(value) is not None


def _gathered(alias: str, rows: list[tuple[str, dict[str, Any]]], of: str, prefix_tokens: int | None) -> Records:
    known = [_scores(where, row, of, None) for where, row in rows]
    # An answer without a token to judge is unknown, not unsure: it is for the gate's `unknown`.
    kept = [index for index, scores in enumerate(known) if scores.keys() - {"tokens"}]
    rows, known = [rows[index] for index in kept], [known[index] for index in kept]
    prefix = [_scores(where, row, of, prefix_tokens) for where, row in rows] if prefix_tokens is not None else None
    optional: dict[str, Any] = {
        name: np.array([float(row[name]) for _, row in rows]) for name in _NUMBERS if all(name in row for _, row in rows)
    }
    if rows and "cost_large" in optional and not optional["cost_large"].any():
        raise ConfigurationError([f"the records of {alias!r} have a `cost_large` of 0, which no share can be taken of; leave it out"])
    return Records(
        alias=alias,
        scores=_columns(known),
        prefix_scores=_columns(prefix) if prefix is not None else None,
        correct=np.array([float(row["correct"]) for _, row in rows]),
        tasks=np.array([named(row, "task", NO_TASK) for _, row in rows]),
        groups=np.array([named(row, "group", f"record {number}") for number, (_, row) in enumerate(rows)]),
        **optional,
    )


def named(row: Mapping[str, Any], column: str, otherwise: str) -> str:
    """What is null or empty names nothing: two rows without a group are not of one."""
    return otherwise if row.get(column) in (None, "") else str(row[column])


def _scores(where: str, row: Mapping[str, Any], of: str, first: int | None) -> Mapping[str, float]:
    """From the tokens where there are any, else from the columns of that name."""
    if "tokens" not in row:
        if first is not None:
            raise ConfigurationError(
                [f"{where}: has no `tokens`, which the beginnings of answers are taken from; leave --prefix-tokens out"]
            )
        return {name: float(row[name]) for name in _known_scores(row)}
    try:
        tokens = [_token(token) for token in row["tokens"][:first]]
    except (KeyError, TypeError, ValueError):
        sentence = "`tokens` is no list of {token: text, logprob: number, top: [numbers]}"
        raise ConfigurationError([f"{where}: {sentence}"]) from None
    return features(tokens, of)


def _token(token: Mapping[str, Any]) -> TokenLogprob:
    return TokenLogprob(str(token["token"]), _finite(token["logprob"]), tuple(map(_finite, token.get("top") or ())))


def _finite(value: Any) -> float:
    if not _is_a_number(value):
        raise ValueError(value)
    return float(value)


def _known_scores(row: Mapping[str, Any]) -> Iterator[str]:
    return (name for name in COLUMNS if name in row)


def _columns(rows: list[Mapping[str, float]]) -> dict[str, Numbers]:
    """What every record has."""
    names = [name for name in dict.fromkeys(chain.from_iterable(rows)) if all(name in row for row in rows)]
    return {name: np.array([row[name] for row in rows]) for name in names}


def _unusable(path: Path, sentence: str, line: int | None = None) -> ConfigurationError:
    return ConfigurationError([f"{path}:{line}: {sentence}" if line is not None else f"{path}: {sentence}"])
