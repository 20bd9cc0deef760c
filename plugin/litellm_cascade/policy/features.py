"""A request as numbers, for what learns from outcomes. Each number lies between 0 and about 1; what is not known is 0, complexity 0.5.

Files that hold fitted numbers name the features they use, so a new one here changes nothing for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from litellm_cascade.policy.variables import TASKS
from litellm_cascade.vocabulary import DIMENSIONS, Evidence

Feature = Callable[[Evidence], float]

_MOST = 10**15
_FEW_SHOTS = 5.0  # the most the classifier counts; the other dimensions end at 1


def _long(count: int | None, usual: float) -> float:
    """Lengths on a logarithmic scale: 1 at ``usual``."""
    return math.log1p(min(max(count or 0, 0), _MOST)) / math.log1p(usual)


def _dimension(name: str) -> Feature:
    scale = _FEW_SHOTS if name == "number_of_few_shots" else 1.0
    return lambda evidence: evidence.classification.dimensions.get(name, 0.0) / scale


def _task(name: str) -> Feature:
    """Its probability; without probabilities, 1 for the task that was found."""

    def read(evidence: Evidence) -> float:
        belief = evidence.classification
        return belief.task_probabilities.get(name, 0.0) if belief.task_probabilities else float(belief.known and belief.task == name)

    return read


def _markup(kind: str) -> Feature:
    return lambda evidence: float(kind in evidence.signals.markup)


FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        "input_tokens": lambda evidence: _long(evidence.signals.input_tokens, 8_000),
        "turns": lambda evidence: _long(evidence.signals.turns, 20),
        "tools": lambda evidence: float(evidence.signals.tools > 0),
        "attachments": lambda evidence: float(evidence.signals.attachments > 0),
        "structured": lambda evidence: float(evidence.signals.response_format != "text"),
        **{f"markup.{kind}": _markup(kind) for kind in ("xml", "json", "code", "sql", "markdown_table")},
        "classified": lambda evidence: float(evidence.classification.known),
        "complexity": lambda evidence: evidence.classification.complexity,
        **{f"dimension.{name}": _dimension(name) for name in DIMENSIONS},
        **{f"task.{name}": _task(name) for name in TASKS},
    }
)
"""Every feature, by name. docs/policies.md describes them."""


def vector_of(evidence: Evidence, names: Sequence[str]) -> list[float]:
    """The features of that name, in that order. Finite for every request."""
    return [_finite(FEATURES[name](evidence)) for name in names]


def _finite(value: float) -> float:
    return min(max(value, -10.0), 10.0) if math.isfinite(value) else 0.0
