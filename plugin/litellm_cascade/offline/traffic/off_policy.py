"""What a policy would have brought, from what another one did by chance: off-policy estimates.

Where the policy that decided drew lots (``split``), a record has the propensity of what was drawn. A request for which the policy of now
wants the very same thing counts with the weight w = (its own propensity) / (the recorded one), any other with 0. Over n requests with
reward r and a direct model q of it:

- inverse propensity score (Horvitz & Thompson 1952): mean of w r. Unbiased, where all that the new policy does had a chance
- self-normalised (Swaminathan & Joachims 2015): sum of w r / sum of w. A little biased, less noisy
- direct: mean of q, which is the pool's estimate: no better than that
- doubly robust (Dudik, Langford & Li 2011): mean of q + w (r - q). Unbiased whatever q is, less noisy where q is good

The effective sample size is (sum of w)^2 / (sum of w^2) (Kish 1965). Weights have the mean 1 where all was tried that the new policy does.
A caller may stay in its arm, so callers are drawn for the intervals as well as requests, and the wider of both counts. A policy that draws
lots itself cannot be weighed so: what it would have drawn instead is not known. Only the policy that dealt can, as what it did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.traffic.expecting import expected
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.traffic.resampling import Resampled
from litellm_cascade.policy import Policy
from litellm_cascade.vocabulary import Caller, Decision

FEWEST_EFFECTIVE = 100
"""Below, a share is known to about +- 0.1 at best."""
FEWEST_CALLERS = 20
"""Below, nobody knows from them how callers differ: intervals over so few clusters are too narrow (Cameron, Gelbach & Miller 2008)."""
_COLUMNS = ("n", "weight", "squared", "reward", "weighted", "direct_n", "direct", "robust")
_AT = {name: index for index, name in enumerate(_COLUMNS)}
_REDUCED = ("over_budget:", "rung_open:")
"""What a decision's reasons say where something else than the policy had the last word; its propensity says nothing then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A mean with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OffPolicyEstimate:
    """Of one reward: ``quality`` (the share of rated answers that are right) or ``cost_usd`` (a request). None: no direct model, or no
    request was decided so.

    ``logged``: what the policy of then brought. ``warnings`` in whole sentences.
    """

    reward: str
    n: int
    effective_n: float
    logged: Value
    inverse_propensity: Value | None
    self_normalised: Value | None
    direct: Value | None
    doubly_robust: Value | None
    mean_weight: Value
    warnings: tuple[str, ...] = ()


class Weighed:
    """Sums of weights and rewards, by the name of the reward. ``unit``: what was drawn as one, the caller."""

    def __init__(self, *, draws: int, seed: int) -> None:
        self.sums = Resampled(len(_COLUMNS), draws=draws, seed=seed)
        self.by_caller = Resampled(len(_COLUMNS), draws=draws, seed=seed)
        self.callers: set[str] = set()

    def add(self, reward: str, weight: float, value: float, direct: float | None, unit: str) -> None:
        """One request."""
        model = (0.0, 0.0, 0.0) if direct is None else (1.0, direct, direct + weight * (value - direct))
        columns = [1.0, weight, weight**2, value, weight * value, *model]
        self.sums.add([reward], columns)
        self.by_caller.add([reward], columns, unit=unit)
        if len(self.callers) < FEWEST_CALLERS:
            self.callers.add(unit)

    def estimates(self) -> Iterator[OffPolicyEstimate]:
        """Of every reward, by name."""
        for reward in sorted(map(str, self.sums.groups)):
            logged, weighted, weight = (self._ratio(reward, column, "n") for column in ("reward", "weighted", "weight"))
            if logged is None or weighted is None or weight is None:
                continue
            few = len(self.callers) if len(self.callers) < FEWEST_CALLERS else None
            total, squared = self.sums.total(reward, _AT["weight"]), self.sums.total(reward, _AT["squared"])
            effective = total**2 / squared if squared else 0.0
            yield OffPolicyEstimate(
                reward=reward,
                n=round(self.sums.total(reward, _AT["n"])),
                effective_n=effective,
                logged=logged,
                inverse_propensity=weighted if effective else None,
                self_normalised=self._ratio(reward, "weighted", "weight"),
                direct=self._ratio(reward, "direct", "direct_n"),
                doubly_robust=self._ratio(reward, "robust", "direct_n") if effective else None,
                mean_weight=weight,
                warnings=tuple(_warnings(effective, weight, few)),
            )

    def _ratio(self, reward: str, column: str, over: str) -> Value | None:
        found = [sums.ratio(reward, _AT[column], _AT[over]) for sums in (self.sums, self.by_caller)]
        known = [ratio for ratio in found if ratio is not None]
        if not known:
            return None
        return Value(value=known[0][0], low=min(low for _, low, _ in known), high=max(high for _, _, high in known))

    def state(self) -> dict[str, Any]:
        """All of it as JSON, to go on later."""
        return {"requests": self.sums.state(), "callers": self.by_caller.state(), "seen": sorted(self.callers)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """What ``state`` gave."""
        self.sums.restore(state["requests"])
        self.by_caller.restore(state["callers"])
        self.callers = set(state["seen"])


class OffPolicy:
    """The estimates for a policy over the requests that were decided by chance; the others say nothing of what else might have been.

    ``by_chance``: the policy of now draws lots itself, and is not the one that drew then, or draws otherwise. Those do not count, and
    neither does what limits or ill rungs decided.
    """

    def __init__(self, *, draws: int, seed: int) -> None:
        self.weighed = Weighed(draws=draws, seed=seed)
        self.by_chance = 0

    def add(self, item: Item, policy: Policy, decision: Decision) -> None:
        """One request, with what the policy wants of it."""
        logged = item.record.plan.decision if item.record is not None else None
        if logged is None or logged.propensity >= 1 or any(reason.startswith(_REDUCED) for reason in logged.reasons):
            return
        same = _way(logged) == _way(decision)
        if decision.propensity >= 1:
            self._weigh(item, policy, decision, 1 / logged.propensity if same else 0.0)
        elif same and decision.digest == logged.digest:
            self._weigh(item, policy, decision, 1.0)
        else:
            self.by_chance += 1

    def estimates(self) -> list[OffPolicyEstimate]:
        """Empty where nothing was decided by chance."""
        return list(self.weighed.estimates())

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"by_chance": self.by_chance, "estimates": [asdict(one) for one in self.estimates()]}

    def _weigh(self, item: Item, policy: Policy, decision: Decision, weight: float) -> None:
        record = item.record
        alias = record.outcome.alias if record is not None else None
        # Of what was recorded nothing may reach the model of the reward: it would be a better model of what was done than of the rest.
        model = expected(replace(item, record=None, usage=None, scores={}), policy, decision)
        unit = _unit(item)
        if alias is not None and alias in item.correct:
            self.weighed.add("quality", weight, item.correct[alias], model.quality, unit)
        if item.cost_usd is not None:
            self.weighed.add("cost_usd", weight, item.cost_usd, model.cost_usd, unit)


def _way(decision: Decision) -> object:
    return decision.ladder, decision.gate, decision.hedge, decision.carry_over, decision.ensemble


def _unit(item: Item) -> str:
    caller: Caller = item.evidence.caller
    return caller.key_hash or caller.key_alias or caller.user or caller.team or item.evidence.envelope.request_id


def _warnings(effective: float, weight: Value, callers: int | None) -> Iterator[str]:
    if not effective:
        yield "none of these requests was decided as this policy decides: they say nothing of what it brings"
        return
    if effective < FEWEST_EFFECTIVE:
        yield f"the effective sample size is {effective:.0f}, too small to rely on: below {FEWEST_EFFECTIVE} a share is hardly known to 0.1"
    if not weight.low <= 1 <= weight.high:
        yield (
            f"weights have the mean {weight.value:.3f} where 1 is expected: some of what this policy does was never tried, or hardly ever"
        )
    if callers is not None:
        yield f"{counted(callers, 'caller')} sent all of it: intervals do not know how other callers differ"
