"""What a policy would have brought, from what another one did by chance: off-policy estimates.

Where the policy that decided drew lots (``split``), a record has the propensity of what was drawn. A request for which the policy of now
wants the very same thing counts with the weight w = (its own propensity) / (the recorded one), any other with 0. Over n requests with
reward r and a direct model q of it:

- inverse propensity score (Horvitz & Thompson 1952): mean of w r. Unbiased, where all that the new policy does had a chance
- self-normalised (Swaminathan & Joachims 2015): sum of w r / sum of w. A little biased, less noisy
- direct: mean of q, which is the pool's estimate: no better than that
- doubly robust (Dudik, Langford & Li 2011): mean of q + w (r - q). Unbiased whatever q is, less noisy where q is good

The effective sample size is (sum of w)^2 / (sum of w^2) (Kish 1965). Weights have the mean 1 where all was tried that the new policy does.
A caller stays in its arm, so callers are drawn for the intervals, not requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from litellm_cascade.offline.traffic.expecting import expected
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.traffic.resampling import Resampled
from litellm_cascade.policy import Policy
from litellm_cascade.vocabulary import Caller, Decision

FEWEST_EFFECTIVE = 100
"""Below, a share is known to about +- 0.1 at best."""
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
    """Of one reward: ``quality`` (the share of rated answers that are right) or ``cost_usd`` (a request). None: no direct model.

    ``logged``: what the policy of then brought. ``warnings`` in whole sentences.
    """

    reward: str
    n: int
    effective_n: float
    logged: Value
    inverse_propensity: Value
    self_normalised: Value | None
    direct: Value | None
    doubly_robust: Value | None
    mean_weight: Value
    warnings: tuple[str, ...] = ()


class Weighed:
    """Sums of weights and rewards, by the name of the reward. ``unit``: what was drawn as one, the caller."""

    def __init__(self, *, draws: int, seed: int) -> None:
        self.sums = Resampled(len(_COLUMNS), draws=draws, seed=seed)

    def add(self, reward: str, weight: float, value: float, direct: float | None, unit: str) -> None:
        """One request."""
        model = (0.0, 0.0, 0.0) if direct is None else (1.0, direct, direct + weight * (value - direct))
        self.sums.add([reward], [1.0, weight, weight**2, value, weight * value, *model], unit=unit)

    def estimates(self) -> Iterator[OffPolicyEstimate]:
        """Of every reward, by name."""
        for reward in sorted(map(str, self.sums.groups)):
            logged, weighted, weight = (self._ratio(reward, column, "n") for column in ("reward", "weighted", "weight"))
            if logged is None or weighted is None or weight is None:
                continue
            total, squared = self.sums.total(reward, _AT["weight"]), self.sums.total(reward, _AT["squared"])
            effective = total**2 / squared if squared else 0.0
            yield OffPolicyEstimate(
                reward=reward,
                n=round(self.sums.total(reward, _AT["n"])),
                effective_n=effective,
                logged=logged,
                inverse_propensity=weighted,
                self_normalised=self._ratio(reward, "weighted", "weight"),
                direct=self._ratio(reward, "direct", "direct_n"),
                doubly_robust=self._ratio(reward, "robust", "direct_n"),
                mean_weight=weight,
                warnings=tuple(_warnings(effective, weight)),
            )

    def _ratio(self, reward: str, column: str, over: str) -> Value | None:
        ratio = self.sums.ratio(reward, _AT[column], _AT[over])
        return None if ratio is None else Value(value=ratio[0], low=ratio[1], high=ratio[2])


class OffPolicy:
    """The estimates for a policy over the requests that were decided by chance; the others say nothing of what else might have been.

    ``by_chance``: the policy of now draws lots itself, and another one than was drawn then. Those do not count, and neither does what
    limits or ill rungs decided.
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
        if not same and decision.propensity < 1:
            self.by_chance += 1
        else:
            self._weigh(item, policy, decision, decision.propensity / logged.propensity if same else 0.0)

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


def _warnings(effective: float, weight: Value) -> Iterator[str]:
    if effective < FEWEST_EFFECTIVE:
        yield f"the effective sample size is {effective:.0f}, too small to rely on: below {FEWEST_EFFECTIVE} a share is hardly known to 0.1"
    if not weight.low <= 1 <= weight.high:
        yield (
            f"weights have the mean {weight.value:.3f} where 1 is expected: some of what this policy does was never tried, or hardly ever"
        )
