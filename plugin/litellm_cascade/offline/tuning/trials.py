"""Settings of a policy, tried on traffic: what each costs and brings for each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.policy_text import with_values
from litellm_cascade.offline.traffic.deciding import Decider
from litellm_cascade.offline.traffic.expecting import alone_usd, expected
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.tuning.knobs import Knob, Setting, cuts_of, gates_of
from litellm_cascade.vocabulary import Decision

FEWEST = 100
"""Requests with known cost and quality: half of them are to choose by, half to check."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """Arrays [setting, request] of what settings cost (USD) and bring (the probability of a right answer), and [request] of asking the
    largest alias, or the smallest, for everything. ``by_outcomes``: quality is the recorded correctness, else the pool's estimate.
    """

    settings: Sequence[Setting]
    cost: Numbers
    quality: Numbers
    large_cost: Numbers
    large_quality: Numbers
    small_cost: Numbers
    small_quality: Numbers
    groups: NDArray[np.str_]
    by_outcomes: bool

    def __len__(self) -> int:
        return int(self.cost.shape[1])

    def at(self, rows: NDArray[np.bool_]) -> Trials:
        """Some of the requests."""
        names = ("large_cost", "large_quality", "small_cost", "small_quality", "groups")
        return replace(self, cost=self.cost[:, rows], quality=self.quality[:, rows], **{name: getattr(self, name)[rows] for name in names})


def tried(
    file: Path, items: Sequence[Item], knobs: Sequence[Knob], settings: Sequence[Setting], advance: Callable[[], object] = lambda: None
) -> Trials:
    """All settings on all requests. Recorded correctness counts where enough requests have it. Raises ConfigurationError."""
    labelled = [item for item in items if len(item.correct) > 1]
    if len(labelled) >= FEWEST:
        trials = _tried(file, labelled, knobs, settings, advance, by_outcomes=True)
        if len(trials) >= FEWEST:
            return trials
    trials = _tried(file, items, knobs, settings, advance, by_outcomes=False)
    if len(trials) < FEWEST:
        raise ConfigurationError([_too_few(len(trials), file)])
    return trials


def _tried(
    file: Path,
    items: Sequence[Item],
    knobs: Sequence[Knob],
    settings: Sequence[Setting],
    advance: Callable[[], object],
    *,
    by_outcomes: bool,
) -> Trials:
    text = file.read_text(encoding="utf-8-sig")
    cost, quality = (np.full((len(settings), len(items)), np.nan) for _ in range(2))
    decider, decisions, decided_for = Decider(file), list[Decision](), None
    for row in sorted(range(len(settings)), key=lambda row: tuple(cuts_of(knobs, settings[row]).values())):
        cuts, gates = cuts_of(knobs, settings[row]), gates_of(knobs, settings[row])
        if cuts != decided_for:  # a gate changes what a decision is worth, and not the decision
            decider, decided_for = Decider(file, with_values(text, cuts)), cuts
            decisions = [decider.decide_anew(item) for item in items]
        for column, (item, decision) in enumerate(zip(items, decisions, strict=True)):
            cost[row, column], quality[row, column] = _worth(item, decider, _at_gates(decision, gates), by_outcomes=by_outcomes)
        advance()
    return _known(settings, cost, quality, items, Decider(file), by_outcomes=by_outcomes)


def _at_gates(decision: Decision, accept_at: Mapping[str, float]) -> Decision:
    gate = decision.gate
    return decision if gate is None or gate.name not in accept_at else replace(decision, gate=replace(gate, accept_at=accept_at[gate.name]))


def _worth(item: Item, decider: Decider, decision: Decision, *, by_outcomes: bool) -> tuple[float, float]:
    """Cost and quality; not a number where one is unknown."""
    if by_outcomes and not {*decision.ladder} <= item.correct.keys():
        return np.nan, np.nan
    found = expected(item, decider.policy_for(item), decision, by_outcomes=by_outcomes)
    return np.nan if found.cost_usd is None else found.cost_usd, np.nan if found.quality is None else found.quality


def _known(
    settings: Sequence[Setting], cost: Numbers, quality: Numbers, items: Sequence[Item], decider: Decider, *, by_outcomes: bool
) -> Trials:
    """The requests of which everything is known, under every setting."""
    large, small = ([_alone(item, decider, alias, by_outcomes=by_outcomes) for item in items] for alias in _ends(decider))
    alone = np.array([*zip(*large, strict=True), *zip(*small, strict=True)], float).reshape(4, len(items))
    known = ~(np.isnan(cost).any(axis=0) | np.isnan(quality).any(axis=0) | np.isnan(alone).any(axis=0))
    return Trials(
        settings=settings,
        cost=cost[:, known],
        quality=quality[:, known],
        large_cost=alone[0, known],
        large_quality=alone[1, known],
        small_cost=alone[2, known],
        small_quality=alone[3, known],
        groups=np.array([item.group or item.evidence.envelope.request_id for item in items])[known],
        by_outcomes=by_outcomes,
    )


def _ends(decider: Decider) -> tuple[str, str]:
    return decider.policy.document.largest, decider.policy.document.smallest


def _alone(item: Item, decider: Decider, alias: str, *, by_outcomes: bool) -> tuple[float, float]:
    policy, decision = decider.policy_for(item), decider.decide_anew(item)
    cost = alone_usd(item, policy, decision, alias)
    estimate = next((one.quality for one in decision.estimates if one.alias == alias), None)
    quality = item.correct.get(alias) if by_outcomes else estimate
    return np.nan if cost is None else cost, np.nan if quality is None else quality


def _too_few(known: int, file: Path) -> str:
    return (
        f"{file}: cost and quality are known for {known} requests, and it takes at least {FEWEST}; give every model of the policy a "
        "`price` and a `quality`, or requests with `correct` for every alias (cascade label writes them)"
    )
