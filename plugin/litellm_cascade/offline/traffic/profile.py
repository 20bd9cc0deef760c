"""What traffic looks like in a few hundred numbers: task types, complexity, and how sure the models were. No request, no text."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.policy.gates import FRACTIONS

MOST_TASKS = 200
OTHERS = "others"
UNIT_EDGES = tuple(place / 50 for place in range(1, 50))
"""Of what lies in 0..1."""
NATS_EDGES = tuple(-(10 ** (place / 10)) for place in range(30, -41, -1))
"""Of log-probabilities: ten parts for each power of ten from -1000 to -0.0001."""
BEGINNING = "of beginnings"


@dataclass(slots=True)
class Profile:
    """Counts. ``confidence`` by alias and score, "small mean"; bins as ``edges_of`` says."""

    n: int = 0
    tasks: Counter[str] = field(default_factory=Counter)
    complexity: Counter[int] = field(default_factory=Counter)
    confidence: dict[str, Counter[int]] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        """One request. What no classifier read counts for neither task nor complexity."""
        self.n += 1
        belief = item.evidence.classification
        if belief.known:
            known = belief.task in self.tasks or len(self.tasks) < MOST_TASKS
            self.tasks[belief.task if known else OTHERS] += 1
            self.complexity[bisect_right(UNIT_EDGES, belief.complexity)] += 1
        for name, score in scores_of(item):
            self.confidence.setdefault(name, Counter())[bisect_right(edges_of(name), score)] += 1

    def as_json(self) -> dict[str, Any]:
        """Small enough to be kept beside a page."""
        confidence = {name: _written(counts) for name, counts in self.confidence.items()}
        return {"n": self.n, "tasks": dict(self.tasks), "complexity": _written(self.complexity), "confidence": confidence}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Profile:
        """What ``as_json`` gave. Raises KeyError, TypeError or ValueError for anything else."""
        confidence = {str(name): _read(counts) for name, counts in written["confidence"].items()}
        tasks = Counter({str(task): int(count) for task, count in written["tasks"].items()})
        return cls(n=int(written["n"]), tasks=tasks, complexity=_read(written["complexity"]), confidence=confidence)


def profile_of(items: Iterable[Item]) -> Profile:
    """Of a stream."""
    profile = Profile()
    for item in items:
        profile.add(item)
    return profile


def edges_of(name: str) -> Sequence[float]:
    """Where the bins of a confidence begin."""
    return UNIT_EDGES if name.removesuffix(f" {BEGINNING}").rpartition(" ")[2] in FRACTIONS else NATS_EDGES


def scores_of(item: Item) -> Iterator[tuple[str, float]]:
    """How sure the judged models were, by alias and score."""
    attempts = item.record.outcome.attempts if item.record is not None else ()
    gate = item.record.plan.decision.gate if item.record is not None else None
    for attempt in attempts:
        confidence = attempt.judgement.confidence if attempt.judgement is not None else None
        if confidence is not None and confidence.score is not None:
            partial = item.evidence.envelope.stream and gate is not None and gate.stream.judge == "prefix"
            yield f"{attempt.alias} {confidence.name}{f' {BEGINNING}' if partial else ''}", confidence.score
    for alias, scores in item.scores.items():
        for score, value in scores.items():
            yield f"{alias} {score}", value


def _written(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(bin_): count for bin_, count in sorted(counts.items())}


def _read(written: Mapping[str, Any]) -> Counter[int]:
    return Counter({int(bin_): int(count) for bin_, count in written.items()})
