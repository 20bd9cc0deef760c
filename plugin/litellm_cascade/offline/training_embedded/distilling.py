"""Learning from a teacher with the same eight heads: prompts with the logits it gave them, as ``cascade classify --debug`` writes them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.classifiers.eight_heads import LOGITS, SIZES, Reading, read
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.constructed_prompts import part_of
from litellm_cascade.offline.traffic.rows import Row, Rows
from litellm_cascade.offline.training_embedded.examples import Example

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FEWEST: Final = 100
"""Different prompts; a fifth of them is kept apart to measure on."""
_ALIKE: Final = 0.06
"""The file has six decimals. After rounding, number_of_few_shots may fall on the other side of the 0.05 under which it is 0."""
_HOW: Final = "label prompts with `cascade classify --classifier nvidia --option checkpoint=DIR --debug --input FILE --output FILE`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """A prompt with all that its teacher said of it."""

    example: Example
    logits: NDArray[np.float64]  # 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far the pupil says what its teacher says, on prompts that it did not learn from; beside saying the same of every prompt."""

    prompts: int
    task: float  # share with the same task type
    task_of_most: float
    score: float  # mean distance of prompt_complexity_score
    score_of_mean: float


def read_labels(path: Path) -> list[Taught]:
    """All prompts that have an answer. Raises ``ConfigurationError`` for a line that is none, and where there are too few."""
    found = [_taught(row) for row in Rows(path) if "error" not in row.content and not row.content.get("degraded")]
    different = len({it.example.key for it in found})
    if different < FEWEST:
        raise ConfigurationError([f"{path}: {different} different prompts are too few to learn from, {FEWEST} are the least; {_HOW}"])
    return found


def lessons(taught: Sequence[Taught], *, passes: int, seed: int) -> list[Example]:
    """What is not kept apart, as often as it is shown, mixed."""
    rows = [it.example for it in taught if it.example.part != "test"] * passes
    Random(seed).shuffle(rows)
    return rows


def agreement(teacher: NDArray[Any], pupil: NDArray[Any]) -> Agreement:
    """Of logits [prompts, 32]."""
    theirs, ours = [read(row) for row in teacher], [read(row) for row in pupil]
    tasks, scores = [it.task for it in theirs], np.array([it.score for it in theirs])
    most = max(set(tasks), key=tasks.count)
    return Agreement(
        prompts=len(tasks),
        task=float(np.mean([one.task == other for one, other in zip(ours, tasks, strict=True)])),
        task_of_most=tasks.count(most) / len(tasks),
        score=float(np.abs(np.array([it.score for it in ours]) - scores).mean()),
        score_of_mean=float(np.abs(scores - scores.mean()).mean()),
    )


def _taught(row: Row) -> Taught:
    prompt, logits = row.content.get("prompt"), _logits(row)
    if not isinstance(prompt, str):
        raise row.problem(f"there is no `prompt`; {_HOW}")
    _check_map(row, read(logits))
    key = " ".join(prompt.casefold().split())
    example = Example(prompt=prompt, source="teacher", key=key, part=part_of(key), heads=_odds(logits))
    return Taught(example=example, logits=logits)


def _logits(row: Row) -> NDArray[np.float64]:
    """Those of the prompt's only window."""
    try:
        windows = np.array(row.content["debug"]["model"]["logits"], np.float64)
    except (KeyError, TypeError, ValueError):
        raise row.problem(f"there are no logits of a teacher; {_HOW}") from None
    if windows.ndim == 2 and len(windows) > 1:  # noqa: PLR2004 -- windows and logits
        raise row.problem("the teacher has read this prompt in several windows; label prompts without its option long_prompts")
    if windows.shape != (1, LOGITS) or not np.isfinite(windows).all():
        raise row.problem(f"its teacher has not {LOGITS} finite logits; {_HOW}")
    return np.asarray(windows[0])


def _check_map(row: Row, reading: Reading) -> None:
    """The pupil's logits are read with NVIDIA's published map, so its teacher's must mean the same with that map as with its own."""
    meant = (("task_probabilities", reading.task_probabilities), ("dimensions", reading.dimensions))
    try:
        same = all(abs(row.content[told][name] - value) <= _ALIKE for told, values in meant for name, value in values.items())
    except (KeyError, TypeError):
        same = False
    if not same:
        raise row.problem("its teacher reads its logits otherwise than the published config.json does: it cannot teach this classifier")


def _odds(logits: NDArray[np.float64]) -> dict[str, tuple[float, ...]]:
    """Probabilities by head. A head with one logit has nothing to say."""
    found, begin = {}, 0
    for head, size in SIZES.items():
        part = np.exp(logits[begin : begin + size] - logits[begin : begin + size].max())
        begin += size
        if size > 1:
            found[head] = tuple((part / part.sum()).tolist())
    return found
