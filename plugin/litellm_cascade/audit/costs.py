"""What a request cost, and what it would have cost with one alias alone."""

from __future__ import annotations

from litellm_cascade.vocabulary import Attempt, Basis, Costs, Outcome

MILLION = 1e6


def costs_of(outcome: Outcome, basis: Basis) -> Costs:
    """USD. Alone, an alias is taken to need the tokens that the served answer needed."""
    served = next((attempt for attempt in outcome.attempts if attempt.served), None)
    return Costs(
        actual_usd=_sum(outcome.attempts),
        all_small_usd=_alone(served, basis, basis.smallest),
        all_large_usd=_alone(served, basis, basis.largest),
    )


def _sum(attempts: tuple[Attempt, ...]) -> float | None:
    """Unknown as soon as one of them is; what failed without a bill cost nothing."""
    costs = [0.0 if attempt.cost_usd is None and attempt.error is not None else attempt.cost_usd for attempt in attempts]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _alone(served: Attempt | None, basis: Basis, alias: str | None) -> float | None:
    price = basis.prices.get(alias) if alias is not None else None
    if served is None or served.usage is None or price is None:
        return None
    return (price[0] * served.usage.input_tokens + price[1] * served.usage.output_tokens) / MILLION
