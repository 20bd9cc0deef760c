"""Texts with their labels, parted so that equal texts never stand on both sides and every label stands in each part."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.classifiers.base import prompt_of, well_formed
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.traffic.rows import Row, Rows
from litellm_cascade.offline.traffic.spoken import request_of
from litellm_cascade.vocabulary import Caller

FEWEST = 10
"""Different texts of a label: one or two are to choose the epoch by, one or two to test on."""
MOST_LABELS = 200
SHARES = (("train", 0.7), ("validation", 0.85), ("test", 1.0))
"""Each part with the share of a label's texts up to which it goes."""
PARTS = tuple(part for part, _ in SHARES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Texts and places in ``labels``, with the part of each; ``unlabelled`` rows were left out."""

    texts: Sequence[str]
    targets: NDArray[np.int_]
    parts: NDArray[np.str_]
    labels: tuple[str, ...]
    digest: str
    unlabelled: int = 0

    def of(self, part: str) -> tuple[list[str], NDArray[np.int_]]:
        """The texts and targets of a part."""
        rows = np.flatnonzero(self.parts == part)
        return [self.texts[int(row)] for row in rows], self.targets[rows]


def read_examples(file: Path, text: str | None, label: str, seed: int) -> Examples:
    """From JSON, one object a line, or parquet. ``text``: the column; None: ``prompt``, or what the user asked last in ``messages``.

    Raises ConfigurationError in one sentence.
    """
    rows = Rows(file)
    found = [(_text(row, text), _label(row, label)) for row in rows]
    labelled = [(said, name) for said, name in found if name is not None]
    if not labelled:
        raise ConfigurationError([f"{file}: no row has a {label!r}; name the column with --label"])
    texts, names = [said for said, _ in labelled], [name for _, name in labelled]
    labels = tuple(sorted(set(names)))
    groups = [_group(said) for said in texts]
    _check(file, labels, names, groups)
    return Examples(
        texts=texts,
        targets=np.array([labels.index(name) for name in names]),
        parts=_parted(names, groups, seed),
        labels=labels,
        digest=rows.digest,
        unlabelled=len(found) - len(labelled),
    )


def _text(row: Row, column: str | None) -> str:
    content = row.content
    body = content if "messages" in content else content.get("body")
    if column is None and isinstance(body, dict) and "messages" in body:
        said: Any = prompt_of(request_of(body, "", Caller()))
    else:
        said = content.get(column or "prompt")
    if not isinstance(said, str) or not said.strip():
        raise row.problem(f"has no text in {column or 'prompt'!r}; name the column with --text")
    return well_formed(said)


def _label(row: Row, column: str) -> str | None:
    if column not in row.content:
        return None
    value = row.content[column]
    if value is None or (isinstance(value, (str, int)) and str(value).strip()):
        if not str(value or "").isprintable():
            raise row.problem(f"has characters that cannot be printed in {column!r}; leave them out")
        return None if value is None else str(value)
    raise row.problem(f"has {value!r} for {column!r}; write the label as text, or null where there is none")


def _group(text: str) -> str:
    return hashlib.sha256(" ".join(text.casefold().split()).encode("utf-8", "surrogatepass")).hexdigest()


def _check(file: Path, labels: Sequence[str], names: Sequence[str], groups: Sequence[str]) -> None:
    if len(labels) == 1:
        raise ConfigurationError([f"{file}: all {len(names)} labelled rows have the label {labels[0]!r}; it takes two labels or more"])
    if len(labels) > MOST_LABELS:
        raise ConfigurationError(
            [f"{file}: has {len(labels)} labels, and more than {MOST_LABELS} are hardly labels; is --label the column?"]
        )
    counts = Counter(name for name, _ in {*zip(names, groups, strict=True)})
    few = min(labels, key=lambda label: (counts[label], label))
    if counts[few] < FEWEST:
        sentence = f"the label {few!r} has {counts[few]} different texts, and it takes at least {FEWEST} of each"
        raise ConfigurationError([f"{file}: {sentence}; add some, or take the label out"])


def _parted(names: Sequence[str], groups: Sequence[str], seed: int) -> NDArray[np.str_]:
    """Label by label, in an order that the seed decides; a text that has several labels goes with the first."""
    part_of: dict[str, str] = {}
    for label in sorted(set(names)):
        mine = {group for group, name in zip(groups, names, strict=True) if name == label and group not in part_of}
        ordered = sorted(mine, key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).digest())
        for place, group in enumerate(ordered):
            part_of[group] = next(part for part, end in SHARES if (place + 0.5) / len(ordered) <= end)
    return np.array([part_of[group] for group in groups])
