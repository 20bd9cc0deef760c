"""Which aliases cannot answer a request at all: they cannot take what it carries, or every deployment of theirs is in a cooldown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from litellm_cascade.policy.pool import Capacity, Known, ModelCard, Table
from litellm_cascade.vocabulary import Evidence, Signals


class Fitness:
    """The pool, ready to be asked about a request. ``table`` counts where the pool says nothing of an alias."""

    def __init__(self, pool: Mapping[str, ModelCard], table: Table | None = None) -> None:
        known = table or {}
        capacities = {alias: card.capacity(known.get(alias, Known()).capacity) for alias, card in pool.items()}
        self._pool = frozenset(pool)
        self._limited = {alias: capacity for alias, capacity in capacities.items() if capacity != Capacity()}

    def unfit(self, evidence: Evidence) -> dict[str, str]:
        """The aliases that cannot answer, each with a reason: ``cooling_down``, ``context``, a modality or ``tools``."""
        unfit: dict[str, str] = {}
        for alias, capacity in self._limited.items():
            for lack in _lacks(capacity, evidence.signals):
                unfit.setdefault(alias, lack)
        for alias, load in evidence.load.items():
            if load.cooling_down and alias in self._pool:
                unfit[alias] = "cooling_down"
        return unfit


def _longest_answer(capacity: Capacity, signals: Signals) -> int:
    """In tokens: what the client allows, and the alias can write."""
    allowed = signals.max_output_tokens or 0
    return allowed if capacity.output_tokens is None else min(allowed, capacity.output_tokens)


def _lacks(capacity: Capacity, signals: Signals) -> Iterator[str]:
    if capacity.context_tokens is not None and signals.input_tokens + _longest_answer(capacity, signals) > capacity.context_tokens:
        yield "context"
    if capacity.modalities is not None:
        yield from (modality for modality in signals.modalities if modality not in capacity.modalities)
    if capacity.tools is False and signals.tools > 0:
        yield "tools"
