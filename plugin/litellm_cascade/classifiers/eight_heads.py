"""What the eight heads of nvidia/prompt-task-and-complexity-classifier say, from their logits.

Whoever computes the logits (torch, ONNX Runtime, a service elsewhere), this is the one place that reads them, in float64, so that all of
them decide alike. Formulas and rounding are those of the model card; head order and sizes are those of its checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import DIMENSIONS, TASK_TYPES, Classification

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZES: Final[Mapping[str, int]] = {
    "task_type": 12,
    "creativity_scope": 3,
    "reasoning": 2,
    "contextual_knowledge": 2,
    "number_of_few_shots": 6,
    "domain_knowledge": 4,
    "no_label_reason": 1,
    "constraint_ct": 2,
}
"""Head -> how many logits it has, in the order in which they follow each other."""
LOGITS: Final = sum(SIZES.values())
"""32."""
SHARES: Final[Mapping[str, float]] = {
    "creativity_scope": 0.35,
    "reasoning": 0.25,
    "constraint_ct": 0.15,
    "domain_knowledge": 0.15,
    "contextual_knowledge": 0.05,
    "number_of_few_shots": 0.05,
}
"""Of each dimension in ``prompt_complexity_score``."""
_ENDS: Final = tuple(accumulate(SIZES.values()))
_FEW_SHOTS_FLOOR: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMap:
    """How a checkpoint's logits are to be read: names of the task types by index, and ``softmax . weights / divisor`` by dimension."""

    task_names: tuple[str, ...]  # 12
    weights: Mapping[str, tuple[float, ...]]
    divisors: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the logits of one prompt say."""

    task: str
    task_probability: float
    task_probabilities: Mapping[str, float]  # of all twelve, unrounded
    dimensions: Mapping[str, float]  # 0..1, number_of_few_shots 0..5; four decimals
    score: float  # prompt_complexity_score, 0..1.2; five decimals

    @property
    def complexity(self) -> float:
        """The score within 0..1, as policies use it."""
        return min(1.0, max(0.0, self.score))

    def classification(self) -> Classification:
        """The same in the words that policies use; who read it, and how, is the classifier's to add."""
        return Classification(
            task=self.task,
            task_probability=self.task_probability,
            task_probabilities=self.task_probabilities,
            complexity=self.complexity,
            dimensions=self.dimensions,
        )


NVIDIA: Final = HeadMap(
    task_names=(*TASK_TYPES, "Unknown"),
    weights={
        "creativity_scope": (2, 1, 0),
        "reasoning": (0, 1),
        "contextual_knowledge": (0, 1),
        "number_of_few_shots": (0, 1, 2, 3, 4, 5),
        "domain_knowledge": (3, 1, 2, 0),
        "no_label_reason": (0,),
        "constraint_ct": (1, 0),
    },
    divisors={"creativity_scope": 2, "domain_knowledge": 3},
)
"""As the published config.json has it. A checkpoint brings its own (``read_heads``)."""


def read_heads(config: Any, where: str) -> HeadMap:
    """The map in a checkpoint's config.json. Heads are paired with names by ``SIZES``, never by the order of keys: three have size 2.

    Raises ``ClassifierError`` with one sentence that says what does not fit.
    """
    if not isinstance(config, Mapping):
        raise ClassifierError(f"{where}: the map of the heads must be a JSON object")
    names = _task_names(config.get("task_type_map"), where)
    weighing, dividing = _section(config, "weights_map", where), _section(config, "divisor_map", where)
    weights = {head: _numbers(weighing, head, size, where) for head, size in SIZES.items() if head != "task_type"}
    divisors = {head: _divisor(dividing, head, where) for head in weights}
    return HeadMap(task_names=names, weights=weights, divisors=divisors)


def read(logits: NDArray[np.floating[Any]], heads: HeadMap = NVIDIA) -> Reading:
    """What 32 logits say. Raises ``ClassifierError`` when their number is another, or when one is not a number."""
    if logits.shape != (LOGITS,) or not np.isfinite(logits).all():
        raise ClassifierError(
            f"the eight heads need {LOGITS} finite logits, and these have the shape {tuple(logits.shape)} or are not finite"
        )
    parts = np.split(logits.astype(np.float64), _ENDS[:-1])
    odds = {head: _softmax(part) for head, part in zip(SIZES, parts, strict=True)}
    tasks = odds["task_type"]
    best = int(tasks.argmax())
    dimensions = {head: _dimension(odds[head], head, heads) for head in DIMENSIONS}
    return Reading(
        task=heads.task_names[best],
        task_probability=float(tasks[best]),
        task_probabilities=dict(zip(heads.task_names, tasks.tolist(), strict=True)),
        dimensions=dimensions,
        score=score_of(dimensions),
    )


def shown(logits: NDArray[np.floating[Any]], heads: HeadMap = NVIDIA, outcomes: Sequence[str] = ()) -> dict[str, Any]:
    """The logits by head, for people: those of the task types by name, the others in their order, and one for each outcome behind them."""
    *parts, behind = (part.tolist() for part in np.split(logits, _ENDS))
    by_head: dict[str, Any] = dict(zip(SIZES, parts, strict=True))
    by_head["task_type"] = dict(zip(heads.task_names, by_head["task_type"], strict=True))
    return by_head | dict(zip(outcomes, behind, strict=True))


def score_of(dimensions: Mapping[str, float]) -> float:
    """``prompt_complexity_score``: 0..1.2, five decimals."""
    return round(sum(share * dimensions[head] for head, share in SHARES.items()), 5)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = np.exp(logits - logits.max())
    return np.asarray(odds / odds.sum(), np.float64)


def _dimension(odds: NDArray[np.float64], head: str, heads: HeadMap) -> float:
    value = round(float(odds @ np.asarray(heads.weights[head], np.float64)) / heads.divisors.get(head, 1), 4)
    return 0.0 if head == "number_of_few_shots" and value < _FEW_SHOTS_FLOOR else value


def _task_names(found: Any, where: str) -> tuple[str, ...]:
    size = SIZES["task_type"]
    named = isinstance(found, Mapping) and set(found) == {str(index) for index in range(size)}
    if not named or not all(isinstance(name, str) for name in found.values()) or len(set(found.values())) < size:
        raise ClassifierError(
            f"{where}: task_type_map must name the task types 0 to {size - 1}; take the config.json of the checkpoint itself"
        )
    return tuple(found[str(index)] for index in range(size))


def _section(config: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    found = config.get(name) or {}
    if not isinstance(found, Mapping):
        raise ClassifierError(f"{where}: {name} must be an object with an entry for each head")
    return found


def _numbers(weights: Mapping[str, Any], head: str, size: int, where: str) -> tuple[float, ...]:
    found = weights.get(head)
    if not isinstance(found, Sequence) or len(found) != size or not all(_is_number(number) for number in found):
        raise ClassifierError(f"{where}: weights_map.{head} must be a list of {size} numbers, and is {found!r}")
    return tuple(float(number) for number in found)


def _divisor(divisors: Mapping[str, Any], head: str, where: str) -> float:
    found = divisors.get(head)
    if not _is_number(found) or not found:
        raise ClassifierError(f"{where}: divisor_map.{head} must be a number other than 0, and is {found!r}")
    return float(found)


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and isfinite(found)
