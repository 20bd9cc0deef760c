"""Two policies over the same traffic: who moves, and what that is expected to change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from litellm_cascade.offline.traffic.deciding import Decider
from litellm_cascade.offline.traffic.expecting import Expected, expected
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.traffic.off_policy import OffPolicy
from litellm_cascade.offline.traffic.resampling import Resampled
from litellm_cascade.vocabulary import Decision

ALL = ("all", "")
MOST_GROUPS = 100
"""Task types and teams with a row of their own; later ones share a row, so that memory stays bounded."""
OTHERS = "others"
_COLUMNS = ("n", "moved", "quality_n", "quality", "cost_n", "old_usd", "usd", "escalation_n", "escalation", "outcome_n", "outcome")
_AT = {name: index for index, name in enumerate(_COLUMNS)}

Move = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """New less old, with the 95 % interval; ``n`` requests for which it is known on both sides."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What changes for a group. None: not known for any of its requests.

    ``quality``: the mean probability of a right answer, by the pool's estimates; ``outcome``: the same by recorded correctness;
    ``cost``: a share of the old cost; ``escalation``: the share of requests for which a second rung is asked.
    """

    by: str
    name: str
    n: int
    moved: int
    quality: Delta | None
    cost: Delta | None
    escalation: Delta | None
    outcome: Delta | None


class PlanOf:
    """The comparison of two policies, request by request."""

    def __init__(self, old: Decider, new: Decider, *, draws: int, seed: int) -> None:
        self.moves: Counter[Move] = Counter()
        self.verdicts: Counter[str] = Counter()
        self._old, self._new = old, new
        self._sums = Resampled(len(_COLUMNS), draws=draws, seed=seed)
        self._known: dict[str, set[str]] = {"task": set(), "team": set()}
        self.old_brings, self.new_brings = OffPolicy(draws=draws, seed=seed), OffPolicy(draws=draws, seed=seed)
        self.n = 0

    def add(self, item: Item) -> None:
        """One request."""
        was, now = self._old.decide(item), self._new.decide(item)
        moved = _way(was) != _way(now) or _rest(was) != _rest(now)
        if moved:
            self.moves[_way(was), _way(now) if _way(was) != _way(now) else f"{_way(now)}, changed"] += 1
        self.n += 1
        old, new = self._old.policy_for(item), self._new.policy_for(item)
        before, after = expected(item, old, was), expected(item, new, now)
        self.old_brings.add(item, old, was)
        self.new_brings.add(item, new, now)
        self._note(after)
        outcomes = self._outcomes(item, was, now)
        groups = [ALL, ("task", self._named("task", item.task)), ("team", self._named("team", item.team))]
        self._sums.add(groups, [1.0, float(moved), *_changes(before, after), *outcomes])

    def changes(self) -> list[Change]:
        """For all requests, each task type and each team, these by name."""
        return [self._change(*group) for group in sorted(self._sums.groups, key=lambda group: (group != ALL, group))]  # type: ignore[misc]

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        return {
            "requests": self.n,
            "moved": sum(self.moves.values()),
            "moves": [{"from": was, "to": now, "requests": count} for (was, now), count in self.moves.most_common()],
            "gate_verdicts": dict(self.verdicts),
            "off_policy": {"old": self.old_brings.as_json(), "new": self.new_brings.as_json()},
        }

    def _change(self, by: str, name: str) -> Change:
        return Change(
            by=by,
            name=name,
            n=round(self._sums.total((by, name), _AT["n"])),
            moved=round(self._sums.total((by, name), _AT["moved"])),
            quality=self._delta((by, name), "quality", "quality_n", "quality_n"),
            cost=self._delta((by, name), "usd", "old_usd", "cost_n"),
            escalation=self._delta((by, name), "escalation", "escalation_n", "escalation_n"),
            outcome=self._delta((by, name), "outcome", "outcome_n", "outcome_n"),
        )

    def _delta(self, group: tuple[str, str], column: str, over: str, count: str) -> Delta | None:
        ratio = self._sums.ratio(group, _AT[column], _AT[over])
        if ratio is None:
            return None
        value, low, high = ratio
        return Delta(value=value, low=low, high=high, n=round(self._sums.total(group, _AT[count])))

    def _note(self, after: Expected) -> None:
        if after.again is not None:
            self.verdicts["measured" if after.again.escalates is not None else "estimated"] += 1

    def _outcomes(self, item: Item, was: Decision, now: Decision) -> tuple[float, float]:
        if not item.correct or not {*was.ladder, *now.ladder} <= item.correct.keys():
            return 0.0, 0.0
        before = expected(item, self._old.policy_for(item), was, by_outcomes=True).quality
        after = expected(item, self._new.policy_for(item), now, by_outcomes=True).quality
        return (0.0, 0.0) if before is None or after is None else (1.0, after - before)

    def _named(self, by: str, name: str) -> str:
        known = self._known[by]
        if name not in known and len(known) >= MOST_GROUPS:
            return OTHERS
        known.add(name)
        return name


def plan(items: Iterable[Item], old: Decider, new: Decider, *, draws: int, seed: int) -> PlanOf:
    """Decide them all with both."""
    done = PlanOf(old, new, draws=draws, seed=seed)
    for item in items:
        done.add(item)
    return done


def _way(decision: Decision) -> str:
    """Band and ladder; of a cascade the gate as well."""
    if decision.ensemble is not None:
        return f"{decision.band.value} {' + '.join(decision.ladder)}"
    gate = f" at {decision.gate.name} {decision.gate.accept_at:g}" if decision.gate is not None else ""
    return f"{decision.band.value} {' > '.join(decision.ladder)}{gate}"


def _rest(decision: Decision) -> object:
    """What else decides how a request is answered."""
    return decision.gate, decision.hedge, decision.carry_over, decision.ensemble


def _changes(before: Expected, after: Expected) -> tuple[float, ...]:
    """The columns from ``quality_n`` to ``escalation``: what is not known on both sides counts for neither."""
    quality, escalation, cost = (0.0, 0.0), (0.0, 0.0), (0.0, 0.0, 0.0)
    if before.quality is not None and after.quality is not None:
        quality = 1.0, after.quality - before.quality
    if before.cost_usd is not None and after.cost_usd is not None:
        cost = 1.0, before.cost_usd, after.cost_usd - before.cost_usd
    if before.escalation is not None and after.escalation is not None:
        escalation = 1.0, after.escalation - before.escalation
    return (*quality, *cost, *escalation)
