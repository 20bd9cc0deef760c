"""What a request cost, and what it would have cost with one alias alone."""

from __future__ import annotations

from collections.abc import Sequence

from litellm_cascade.vocabulary import Asked, Attempt, Basis, Costs, Outcome, Usage, total_of

MILLION = 1e6


def costs_of(outcome: Outcome, basis: Basis, asked: Sequence[Asked] = ()) -> Costs:
    """USD. Alone, an alias is taken to need the tokens that the served answer needed. ``asked``: by the classifier, answered or not."""
    served = next((attempt for attempt in outcome.attempts if attempt.served), None)
    classifying = total_of([one.cost_usd for one in asked])
    return Costs(
        actual_usd=total_of([classifying, outcome.cost_usd]),
        classifier_usd=classifying,
        all_small_usd=_alone(served, basis, basis.smallest),
        all_large_usd=_alone(served, basis, basis.largest),
    )


def _alone(served: Attempt | None, basis: Basis, alias: str | None) -> float | None:
    facts = basis.aliases.get(alias) if alias is not None else None
    usage = served.usage if served is not None else None
    if usage is None or usage == Usage() or facts is None:  # an answer without any token was not counted
        return None
    if facts.input_usd_per_million is None or facts.output_usd_per_million is None:
        return None
    return (facts.input_usd_per_million * usage.input_tokens + facts.output_usd_per_million * usage.output_tokens) / MILLION
