"""A decision may cost 60 microseconds with twenty routes, a check 300 milliseconds with two hundred. Run with --benchmark-only."""

from __future__ import annotations

import json
from random import Random

import pytest

from litellm_cascade.policy import parse_policy
from litellm_cascade.policy.features import FEATURES
from litellm_cascade.policy.samples import FULL, UNKNOWN

BUDGET_SECONDS = 60e-6
CHECK_SECONDS = 0.3
SEARCH_SECONDS = 1e-3

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


POOL = """
version: 1
name: twenty routes
models:
  small: {tier: budget, quality: {general: 0.72}, latency_ms: 60, price: {input_usd_per_million: 1, output_usd_per_million: 1}}
  sql: {tier: standard, quality: {general: 0.6}, latency_ms: 120, price: {input_usd_per_million: 5, output_usd_per_million: 5}}
  large: {tier: premium, quality: {general: 0.95}, latency_ms: 600, price: {input_usd_per_million: 90, output_usd_per_million: 90}}
gates: {careful: {accept_at: -0.35}}
"""
CHOICES = {
    "thresholds": "{strategy: thresholds, cuts: [0.4, 0.7], candidates: [small, {cascade: [small, large], gate: careful}, large]}",
    "utility": "{strategy: utility, candidates: [small, sql, large], weights: {cost: 1, latency: 0.1}}",
    "multi_objective": "{strategy: multi_objective, candidates: [small, sql, large]}",
    "quality_first": "{strategy: quality_first, candidates: [small, sql, large], floor: 0.8}",
    "split": "{strategy: split, arms: {a: {take: small, share: 0.5}, b: {take: large, share: 0.5}}}",
    "per_caller": "{strategy: per_caller, by: tier, map: {gold: large}, default: small}",
}


@pytest.mark.parametrize("choose", CHOICES)
def test_twenty_routes_of_which_the_last_chooses_are_decided_in_60_microseconds(benchmark, choose):
    policy, dice = parse_policy(f"{POOL}routes:{ROUTES}\n  - {{name: rest, choose: {CHOICES[choose]}}}\n"), Random(1)

    decision = benchmark(policy.decide, FULL, dice)

    assert decision.route == "rest"
    assert benchmark.stats.stats.median <= BUDGET_SECONDS


def test_five_thousand_outcomes_are_searched_in_a_millisecond(benchmark, tmp_path):
    names, draw = list(FEATURES), Random(1).random
    outcomes = [{"alias": "large", "quality": 1, "at": [round(draw(), 1) for _ in names]} for _ in range(5_000)]
    (tmp_path / "past.json").write_text(json.dumps({"version": 1, "features": names, "outcomes": outcomes}, separators=(",", ":")))
    choose = "{strategy: neighbours, candidates: [small, large], outcomes: past.json}"
    policy = parse_policy(f"{POOL}routes: [{{name: rest, choose: {choose}}}]\n", folder=tmp_path)

    assert benchmark(policy.decide, FULL, Random(1)).route == "rest"
    assert benchmark.stats.stats.median <= SEARCH_SECONDS


def test_two_hundred_routes_are_checked_in_300_milliseconds(benchmark):
    routes = "".join(
        f"""
  - name: route {number}
    when: classification.known && classification.complexity > 0.{number} && "sql" in signals.markup || signals.input_tokens < -{number}
    {"send: small" if number % 2 else f"choose: {CHOICES['thresholds']}"}"""
        for number in range(199)
    )
    text = f"{POOL}routes:{routes}\n  - {{name: rest, send: large}}\n"

    assert len(benchmark(parse_policy, text).routes) == 200
    assert benchmark.stats.stats.median <= CHECK_SECONDS
