"""What a decision is expected to cost and to bring, so that two decisions can be compared on one request.

Cost: the policy's prices (else those that were recorded) times the recorded answer's tokens, else the tokens that the estimates assume.
A rung that is asked only after an escalation counts with the probability of that; with a hedge it is asked, and paid, in any case.
Quality: the pool's estimates, or the recorded correctness where every alias concerned has one. Whether a rung escalates is what its gate
says of the recorded score where that was measured, else as often as the pool says that it is wrong. A gate gets no credit for telling
wrong answers from right ones: a gate that does is better than what stands here.
"""

from __future__ import annotations

from dataclasses import dataclass

from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.traffic.verdicts import Again, judged_again
from litellm_cascade.policy import Policy
from litellm_cascade.vocabulary import Band, Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Of one decision. ``escalation``: the probability that a second rung is asked. None: not known."""

    cost_usd: float | None
    quality: float | None
    escalation: float | None
    again: Again | None = None  # the first rung's recorded answer at the gate; None where there is no gate


def expected(item: Item, policy: Policy, decision: Decision, *, by_outcomes: bool = False) -> Expected:
    """Of a decision about a request. ``by_outcomes``: quality is the recorded correctness, which every rung must have."""
    estimates = {one.alias: one for one in decision.estimates}
    costs = [alone_usd(item, policy, decision, alias) for alias in decision.ladder]
    qualities = [item.correct[alias] if by_outcomes else estimates[alias].quality for alias in decision.ladder]
    if decision.band is not Band.CASCADE or decision.gate is None:
        return _at_once(item, policy, decision, costs, qualities)
    first, *later = [judged_again(item, alias, decision.gate) for alias in decision.ladder[:-1]]
    pool = [estimates[alias].quality for alias in decision.ladder]
    odds = [_odds(again, wrong) for again, wrong in zip([first, *later], pool, strict=False)]
    return Expected(cost_usd=_climbed(costs, odds, hedge=decision.hedge), quality=_served(qualities, odds), escalation=odds[0], again=first)


def alone_usd(item: Item, policy: Policy, decision: Decision, alias: str) -> float | None:
    """What one alias alone costs for this request."""
    facts = policy.facts.get(alias)
    if item.usage is None or facts is None:
        return next((one.cost_usd for one in decision.estimates if one.alias == alias), None)
    if facts.input_usd_per_million is None or facts.output_usd_per_million is None:
        return None
    return (facts.input_usd_per_million * item.usage.input_tokens + facts.output_usd_per_million * item.usage.output_tokens) / 1e6


def _at_once(item: Item, policy: Policy, decision: Decision, costs: list[float | None], qualities: list[float | None]) -> Expected:
    """One alias alone; or an ensemble, which costs all of them and the judge, and is as good as the best of them."""
    judge = decision.ensemble.judge if decision.ensemble is not None else None
    if judge is not None:
        costs = [*costs, alone_usd(item, policy, decision, judge)]
    known_costs, known_qualities = [c for c in costs if c is not None], [q for q in qualities if q is not None]
    return Expected(
        cost_usd=sum(known_costs) if len(known_costs) == len(costs) else None,
        quality=max(known_qualities) if len(known_qualities) == len(qualities) else None,
        escalation=0.0,
    )


def _odds(again: Again, quality: float | None) -> float | None:
    if again.escalates is not None:
        return float(again.escalates)
    return None if quality is None else 1.0 - quality


def _climbed(costs: list[float | None], odds: list[float | None], *, hedge: bool) -> float | None:
    total, reached, paid = 0.0, 1.0, 1.0
    for cost, odd in zip(costs, [*odds, 0.0], strict=True):
        if paid and (cost is None or odd is None):
            return None
        total += paid * (cost or 0.0)
        further = reached * (odd or 0.0)
        paid, reached = reached if hedge else further, further
    return total


def _served(qualities: list[float | None], odds: list[float | None]) -> float | None:
    total, reached = 0.0, 1.0
    for quality, odd in zip(qualities, [*odds, 0.0], strict=True):
        if reached and (quality is None or odd is None):
            return None
        total += reached * (1.0 - (odd or 0.0)) * (quality or 0.0)
        reached *= odd or 0.0
    return total
