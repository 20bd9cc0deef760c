"""A decision may cost 60 microseconds with twenty routes. Run with --benchmark-only; see the mean."""

from __future__ import annotations

from random import Random

from litellm_cascade.policy import parse_policy
from litellm_cascade.policy.samples import FULL, UNKNOWN

BUDGET_SECONDS = 60e-6

ROUTES = "".join(
    f"""
  - name: route {number}
    when: classification.known && classification.complexity > {number}.5 && "sql" in signals.markup || signals.input_tokens < -{number}
    send: small"""
    for number in range(1, 20)
)
POLICY = f"""
version: 1
name: twenty routes
models: {{small: {{tier: budget}}, large: {{tier: premium}}}}
routes:{ROUTES}
  - {{name: the rest, cascade: [small, large], gate: careful}}
gates: {{careful: {{accept_at: -0.35}}}}
"""


def test_twenty_routes_are_decided_in_60_microseconds(benchmark):
    policy, dice = parse_policy(POLICY), Random(1)

    decision = benchmark(policy.decide, FULL, dice)

    assert decision.route == "the rest"
    assert benchmark.stats.stats.median <= BUDGET_SECONDS


def test_one_condition_is_evaluated_in_10_microseconds(benchmark):
    policy = parse_policy(POLICY)
    condition, context = policy.routes[0].condition, policy._context(UNKNOWN)

    assert benchmark(condition.holds, context) is False
    assert benchmark.stats.stats.median <= 10e-6
