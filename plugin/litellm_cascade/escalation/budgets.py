"""The budgets of a process: one for each limit and each scope (the policy, or a team, key or user) that was seen lately."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from litellm_cascade.breaker import Breakers
from litellm_cascade.escalation.allowance import RequestAllowance, Scope
from litellm_cascade.escalation.budget import Budget, budget_for
from litellm_cascade.escalation.permits import RungPermits
from litellm_cascade.vocabulary import Caller, Decision, Limit

MOST_SCOPES = 10_000
"""Beyond that the scope that was not heard of for the longest time begins anew."""
NOBODY = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeKey:
    """What is counted together. ``of`` is a hash or an id, never a key itself."""

    policy: str
    limit: Limit
    of: str


class Budgets:
    """Makes the allowance of each request. ``shared`` is kept up to date by whoever shares the counts with other processes."""

    def __init__(self, breakers: Breakers, clock: Callable[[], float] = time.time) -> None:
        """``clock``: seconds since the epoch, for windows that processes share."""
        self.shared = False
        self.degraded: tuple[str, ...] = ()
        self._breakers = breakers
        self._clock = clock
        self._scopes: OrderedDict[ScopeKey, Scope] = OrderedDict()

    def allowance(self, limits: Sequence[Limit], decision: Decision, caller: Caller) -> RequestAllowance:
        """What a request that is cascaded may do."""
        return RequestAllowance(
            [self._scope(ScopeKey(policy=decision.policy, limit=limit, of=_of(limit, caller))) for limit in limits],
            RungPermits(self._breakers),
            gate=decision.gate.name if decision.gate is not None else "",
            expected_usd={estimate.alias: estimate.cost_usd for estimate in decision.estimates},
            shared=self.shared,
            clock=self._clock,
        )

    def all(self) -> dict[ScopeKey, Budget]:
        """Every budget there is."""
        return {key: scope.budget for key, scope in self._scopes.items()}

    def in_use(self, *, within_s: float, most: int) -> dict[ScopeKey, Budget]:
        """Those that a request has asked within so many seconds; of too many the latest."""
        since = self._clock() - within_s
        used = [(scope.used_at, key) for key, scope in self._scopes.items() if scope.used_at >= since]
        latest = sorted(used, key=lambda entry: entry[0], reverse=True)[:most]
        return {key: self._scopes[key].budget for _, key in latest}

    def _scope(self, key: ScopeKey) -> Scope:
        if key not in self._scopes:
            self._scopes[key] = Scope(budget_for(key.limit))
        self._scopes.move_to_end(key)
        if len(self._scopes) > MOST_SCOPES:
            self._scopes.popitem(last=False)
        return self._scopes[key]


def _of(limit: Limit, caller: Caller) -> str:
    of = {"team": caller.team, "key": caller.key_hash, "user": caller.user}.get(limit.per, "policy")
    return of or NOBODY
