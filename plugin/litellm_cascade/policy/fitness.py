"""Which aliases cannot answer a request at all: they cannot take what it carries, or every deployment of theirs is in a cooldown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from litellm_cascade.policy.pool import Capacity, Known, ModelCard, Table
from litellm_cascade.vocabulary import Evidence, Load, Signals

_UP = Load()


class Fitness:
    """The pool, ready to be asked about a request. ``table`` counts where the pool says nothing of an alias."""

    def __init__(self, pool: Mapping[str, ModelCard], table: Table | None = None) -> None:
        known = table or {}
        self._capacities = {alias: card.capacity(known.get(alias, Known()).capacity) for alias, card in pool.items()}

    def unfit(self, evidence: Evidence) -> dict[str, str]:
        """The aliases that cannot answer, each with its first reason: ``context``, a modality, ``tools`` or ``cooling_down``."""
        reasons = ((alias, self._reason(alias, capacity, evidence)) for alias, capacity in self._capacities.items())
        return {alias: reason for alias, reason in reasons if reason is not None}

    def _reason(self, alias: str, capacity: Capacity, evidence: Evidence) -> str | None:
        if evidence.load.get(alias, _UP).cooling_down:
            return "cooling_down"
        return next(_lacks(capacity, evidence.signals), None)


def _lacks(capacity: Capacity, signals: Signals) -> Iterator[str]:
    if capacity.context_tokens is not None and signals.input_tokens + (signals.max_output_tokens or 0) > capacity.context_tokens:
        yield "context"
    if capacity.modalities is not None:
        yield from (modality for modality in signals.modalities if modality not in capacity.modalities)
    if capacity.tools is False and signals.tools > 0:
        yield "tools"
