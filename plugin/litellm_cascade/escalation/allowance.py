"""May this request escalate? Asked between a gate's verdict and the next rung, for whole answers and streams alike; never waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from litellm_cascade.escalation.budget import Budget
from litellm_cascade.escalation.pace import Pace
from litellm_cascade.escalation.permits import RungPermits
from litellm_cascade.vocabulary import Attempt, BudgetLeft, Confidence, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an answer is kept that its gate would have left: the reason, and how it is called among degradations."""

    reason: Reason
    degraded: str


class Allowance(Protocol):
    """What a run asks."""

    def refusal(self, alias: str, confidence: Confidence | None) -> Refusal | None:
        """None when the next rung, ``alias``, may be asked although there is an answer; it is then booked."""

    def forced(self, alias: str) -> None:
        """There is no answer to keep, so the next rung is asked, whatever it costs."""


class Unlimited:
    """The allowance of runs without limits: a replay, a simulation, a test."""

    def refusal(self, alias: str, confidence: Confidence | None) -> None:
        """Never."""

    def forced(self, alias: str) -> None:
        """Nothing is counted."""


@dataclass(slots=True)
class Scope:
    """One limit as it applies to one request: the budget, and by gate which scores asked of it lately."""

    budget: Budget
    paces: dict[str, Pace] = field(default_factory=dict)
    used_at: float = 0.0

    def rank(self, gate: str, score: float | None) -> float:
        """Where a score stands among those: see ``Pace.rank``."""
        return self.paces.setdefault(gate, Pace()).rank(score)


class RequestAllowance:
    """The limits of one request and the health of its rungs. ``expected_usd``: what each alias is expected to cost, where known.

    Its methods are called at most once each for every rung, from one event loop. ``settle`` ends it.
    """

    def __init__(
        self,
        scopes: Sequence[Scope],
        permits: RungPermits,
        *,
        gate: str = "",
        expected_usd: Mapping[str, float | None] | None = None,
        shared: bool = False,
        clock: Callable[[], float],
    ) -> None:
        self.permits = permits
        self._scopes = scopes
        self._gate = gate
        self._expected_usd = expected_usd or {}
        self._shared = shared
        self._clock = clock
        self._arrived = False
        self._booked_usd: list[tuple[Budget, float]] = []
        self._climbed = 0

    @property
    def straight_because(self) -> str | None:
        """The limit that sends this request to the last rung without asking the others first; None when there is none."""
        now = self._clock()
        for scope in self._scopes:
            if scope.budget.limit.then == "large" and not scope.budget.granted_share(now, first=True, expected_usd=None):
                return scope.budget.limit.name
        return None

    @property
    def counts_costs(self) -> bool:
        """Whether the cost of each attempt must be known."""
        return any(scope.budget.limit.name == "extra_spend" for scope in self._scopes)

    def refusal(self, alias: str, confidence: Confidence | None) -> Refusal | None:
        """By the budgets, then by the rung's health: a rung that is ill is not asked for a better answer, only for an answer."""
        self._arrive(asks=True)
        over = self._over_budget(alias, confidence)
        if over is not None:
            return Refusal(reason=Reason.OVER_BUDGET, degraded=f"over_budget:{over}")
        if not self.permits.admits(alias):
            return Refusal(reason=Reason.RUNG_OPEN, degraded=f"rung_open:{alias}")
        self._take(alias)
        return None

    def forced(self, alias: str) -> None:
        """Booked without being asked."""
        self._arrive(asks=True)
        self.permits.admits(alias)
        self._take(alias)

    def unused(self) -> None:
        """Nobody is asked after all, as when a cache has the answer: no request that others may have a share of."""
        self._arrived = True

    def left(self) -> tuple[BudgetLeft, ...]:
        """What is left of each budget."""
        now = self._clock()
        return tuple(
            BudgetLeft(limit=scope.budget.limit.name, remaining_ratio=scope.budget.remaining_ratio(now), shared=self._shared)
            for scope in self._scopes
        )

    def settle(self, attempts: Sequence[Attempt]) -> None:
        """The request is over: correct what was booked."""
        self._arrive(asks=False)
        self.permits.release()
        usd = _spent_beyond_the_first(attempts)
        if not self._climbed or usd is None:
            return
        for scope in self._scopes:
            booked_usd = sum(booked for budget, booked in self._booked_usd if budget is scope.budget)
            scope.used_at = self._clock()
            scope.budget.billed(scope.used_at, booked_usd=booked_usd, usd=usd)

    def _over_budget(self, alias: str, confidence: Confidence | None) -> str | None:
        now, score = self._clock(), confidence.value if confidence is not None else None
        over: list[str] = []
        for scope in self._scopes:
            rank = scope.rank(self._gate, score)
            share = scope.budget.granted_share(now, first=not self._climbed, expected_usd=self._expected_usd.get(alias))
            if scope.budget.limit.then == "accept" and rank >= share:
                over.append(scope.budget.limit.name)
        return over[0] if over else None

    def _arrive(self, *, asks: bool) -> None:
        if not self._arrived:
            self._arrived = True
            for scope in self._scopes:
                scope.used_at = self._clock()
                scope.budget.arrived(scope.used_at, asks=asks)

    def _take(self, alias: str) -> None:
        for scope in self._scopes:
            booked_usd = scope.budget.took(self._clock(), first=not self._climbed, expected_usd=self._expected_usd.get(alias))
            self._booked_usd.append((scope.budget, booked_usd))
        self._climbed += 1


def _spent_beyond_the_first(attempts: Sequence[Attempt]) -> float | None:
    """What the rungs above the first cost; None when the bill of one of them is not known, so that what was booked stands."""
    costs = [attempt.cost_usd for attempt in attempts if attempt.rung > 0]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None
