"""A policy over recorded traffic: what it decides, what that is expected to cost, and what its gate makes of the recorded answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from litellm_cascade.offline.traffic.deciding import Decider
from litellm_cascade.offline.traffic.expecting import Expected, alone_usd, expected
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.traffic.off_policy import OffPolicy
from litellm_cascade.vocabulary import Decision

MOST_KINDS = 500
"""Kinds counted apart in one table, so that memory stays bounded whatever the traffic holds."""
OTHERS = "others"
DRAWS = 400
"""Of the bootstrap, for what would have come of it."""
_NUMBER = re.compile(r"[:=](-?\d[\d.]*(e[-+]\d+)?|-?inf|nan)$")
_NAMED = ("when:", "split:", "per_caller:")
"""Reasons that end in a condition or a name, which may look like a number."""
_COUNTS = ("bands", "aliases", "routes", "reasons", "degraded", "recorded", "gate", "unmeasured")
_COSTS = ("against_large", "against_recorded")


@dataclass(slots=True)
class Beside:
    """Two costs of the same requests, where both are known. USD."""

    n: int = 0
    policy_usd: float = 0.0
    other_usd: float = 0.0

    def add(self, policy_usd: float | None, other_usd: float | None) -> None:
        """One request."""
        if policy_usd is not None and other_usd is not None:
            self.n, self.policy_usd, self.other_usd = self.n + 1, self.policy_usd + policy_usd, self.other_usd + other_usd

    @property
    def share(self) -> float | None:
        """The policy's cost as a share of the other; None where that is nothing."""
        return self.policy_usd / self.other_usd if self.other_usd else None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"requests": self.n, "policy_usd": self.policy_usd, "other_usd": self.other_usd, "share": self.share}


@dataclass(slots=True)
class Replay:
    """The counts of one replay. ``gate`` counts the first rung's recorded answers at the gate of now."""

    n: int = 0
    unread: int = 0
    bands: Counter[str] = field(default_factory=Counter)
    aliases: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    degraded: Counter[str] = field(default_factory=Counter)
    against_large: Beside = field(default_factory=Beside)
    against_recorded: Beside = field(default_factory=Beside)
    recorded: Counter[str] = field(default_factory=Counter)
    gate: Counter[str] = field(default_factory=Counter)
    unmeasured: Counter[str] = field(default_factory=Counter)
    brings: OffPolicy = field(default_factory=lambda: OffPolicy(draws=DRAWS, seed=0))

    def add(self, item: Item, decider: Decider) -> None:
        """One request."""
        decision, policy = decider.decide(item), decider.policy_for(item)
        cost = expected(item, policy, decision)
        self.n += 1
        self.unread += not item.is_read
        self._count(decision)
        self.against_large.add(cost.cost_usd, alone_usd(item, policy, decision, policy.document.largest))
        self.against_recorded.add(cost.cost_usd, item.cost_usd)
        self._compare(item, decision)
        self._judge(cost)
        self.brings.add(item, policy, decision)

    def as_json(self) -> dict[str, Any]:
        """Every count."""
        return {
            "requests": self.n,
            "without_text": self.unread,
            **{name: dict(getattr(self, name).most_common()) for name in _COUNTS},
            "cost_against_all_large": self.against_large.as_json(),
            "cost_against_recorded": self.against_recorded.as_json(),
            "off_policy": self.brings.as_json(),
        }

    def state(self) -> dict[str, Any]:
        """All of it as JSON, so that a replay can go on later."""
        return {
            "n": self.n,
            "unread": self.unread,
            **{name: dict(getattr(self, name)) for name in _COUNTS},
            **{name: asdict(getattr(self, name)) for name in _COSTS},
            "by_chance": self.brings.by_chance,
            "brings": self.brings.weighed.state(),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Replay:
        """What ``state`` gave."""
        done = cls(n=state["n"], unread=state["unread"])
        for name in _COUNTS:
            setattr(done, name, Counter(state[name]))
        for name in _COSTS:
            setattr(done, name, Beside(**state[name]))
        done.brings.by_chance = state["by_chance"]
        done.brings.weighed.restore(state["brings"])
        return done

    def _count(self, decision: Decision) -> None:
        self.bands[decision.band.value] += 1
        self.aliases[decision.alias] += 1
        self.routes[decision.route] += 1
        for reason in decision.reasons:
            _bounded(self.reasons, _kind_of(reason))
        for degradation in decision.degraded:
            _bounded(self.degraded, degradation)

    def _compare(self, item: Item, decision: Decision) -> None:
        if item.record is not None:
            was = item.record.plan.decision
            agrees = (was.route, was.band, was.ladder, was.gate) == (decision.route, decision.band, decision.ladder, decision.gate)
            self.recorded["decided the same" if agrees else "decided otherwise"] += 1

    def _judge(self, cost: Expected) -> None:
        again = cost.again
        if again is None:
            return
        if again.escalates is None:
            self.gate["not measured"] += 1
            self.unmeasured[again.why] += 1
            return
        verdict = "escalate" if again.escalates else "accept"
        was = {None: "", True: ", escalated then", False: ", accepted then"}[again.did_escalate]
        self.gate[verdict + was] += 1


def replay(
    items: Iterable[Item], decider: Decider, done: Replay | None = None, noted: Callable[[Replay], object] = lambda _: None
) -> Replay:
    """Decide them all, and add them to what was ``done``. ``noted`` is told after each."""
    done = done or Replay()
    for item in items:
        done.add(item, decider)
        noted(done)
    return done


def _kind_of(reason: str) -> str:
    """Without the number that a strategy found, which nearly every request has for itself: ``thresholds:classification.complexity``."""
    return reason if reason.startswith(_NAMED) else _NUMBER.sub("", reason)


def _bounded(counter: Counter[str], name: str) -> None:
    counter[name if name in counter or len(counter) < MOST_KINDS else OTHERS] += 1
