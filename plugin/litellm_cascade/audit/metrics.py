"""Prometheus metrics of a proxy, on its default registry: LiteLLM's ``/metrics`` has them where its callback ``prometheus`` is on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from prometheus_client import Counter, Gauge, Histogram

from litellm_cascade.vocabulary import Attempt, Band, Decision, Outcome, Reason, Verdict

MILLISECONDS = 1e3

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder through which workers add up their counts."""

POLICY = Gauge("cascade_policy_info", "1 for the policy version in use", ["policy", "digest"], multiprocess_mode="mostrecent")
RELOAD_FAILURES = Counter(
    "cascade_policy_reload_failures", "Changed policy files that were refused; the policy before them stays", ["policy"]
)

OVERRIDES_IGNORED = Counter(
    "cascade_overrides_ignored",
    "What clients asked for themselves without being allowed to, or without being understood",
    ["policy", "name"],
)

BATCH_SIZE = Histogram(
    "cascade_classifier_batch_size",
    "Prompts that the classifier of this process computed together",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
GATE_HOLD = Histogram(
    "cascade_gate_hold_seconds",
    "How long the first text of a judged stream was held back for its verdict",
    ["policy", "verdict"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
FIRST_TOKEN = Histogram(
    "cascade_first_token_seconds",
    "From the first call to a model until the first text of a stream could be shown",
    ["policy", "branch"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
WASTED_TOKENS = Counter("cascade_wasted_tokens", "Output tokens that were paid for and shown to nobody", ["policy", "alias"])
LATE_REGRETS = Counter(
    "cascade_late_regrets", "Released streams of which a later stretch scored below the threshold of the gate", ["policy", "alias"]
)
VERDICTS = Counter("cascade_verdicts", "What became of each answer that was judged, and why", ["policy", "verdict", "reason"])
BUDGET_REMAINING = Gauge(
    "cascade_budget_remaining_ratio",
    "What is left of a policy's limit, 0 to 1; where it counts for each team, key or user: of the one with the least",
    ["policy", "limit"],
    multiprocess_mode="livemin",
)
OVER_BUDGET = Counter("cascade_over_budget", "Requests that were not escalated, or not cascaded, because of a limit", ["policy", "limit"])
RUNG_OPENED = Counter("cascade_rung_opened", "Times that a rung was found ill, or still ill by a probe", ["alias"])
RUNG_SKIPPED = Counter("cascade_rung_skipped", "Requests that did without a rung because it was ill", ["alias"])


def policy_in_use(policy: str, digest: str, before: str | None) -> None:
    """A policy version is in use from now on, instead of the one before."""
    if before is not None:
        POLICY.labels(policy, before).set(0)  # first, because what workers have written to a shared folder cannot be removed
        if SHARED not in os.environ:
            POLICY.remove(policy, before)
    POLICY.labels(policy, digest).set(1)
    RELOAD_FAILURES.labels(policy)  # from 0, or Prometheus would not see the first one as an increase


def reload_refused(policy: str) -> None:
    """A changed policy file was refused."""
    RELOAD_FAILURES.labels(policy).inc()


def overrides_ignored(policy: str, names: Iterable[str]) -> None:
    """A client asked for something in vain. ``names`` come from a closed list."""
    for name in names:
        OVERRIDES_IGNORED.labels(policy, name).inc()


def request_ended(decision: Decision, outcome: Outcome) -> None:
    """A request is over. Every label comes from the policy or from a closed list."""
    policy = decision.policy
    _judged(policy, outcome.attempts)
    for attempt in outcome.attempts:
        if attempt.hold_ms is not None and attempt.judgement is not None:
            GATE_HOLD.labels(policy, attempt.judgement.verdict.value).observe(attempt.hold_ms / MILLISECONDS)
        if attempt.late_regret is not None:
            LATE_REGRETS.labels(policy, attempt.alias).inc()
    if outcome.first_token_ms is not None:
        FIRST_TOKEN.labels(policy, branch_of(decision, outcome)).observe(outcome.first_token_ms / MILLISECONDS)
    for attempt in outcome.wasted:
        if attempt.usage is not None:
            WASTED_TOKENS.labels(policy, attempt.alias).inc(attempt.usage.output_tokens)


def branch_of(decision: Decision, outcome: Outcome) -> str:
    """By which way a stream came to its first text: ``released``, ``escalated``, ``kept_earlier``, ``not_judged``, ``ensemble``, or
    ``direct`` where the policy asked one alias alone.
    """
    if decision.band is Band.ENSEMBLE:
        return "ensemble"
    served = next((attempt for attempt in outcome.attempts if attempt.served), None)
    judgement = served.judgement if served is not None else None
    if served is None or judgement is None or judgement.reason is Reason.NOT_JUDGED:
        return "not_judged"
    if judgement.reason is Reason.DIRECT:
        return "direct"
    if judgement.verdict is Verdict.ESCALATE:
        return "kept_earlier"
    return "escalated" if served.rung else "released"


def _judged(policy: str, attempts: Iterable[Attempt]) -> None:
    for judgement in (attempt.judgement for attempt in attempts):
        if judgement is not None:
            VERDICTS.labels(policy, judgement.verdict.value, judgement.reason.value).inc()


def budgets_left(ratios: Mapping[tuple[str, str], float]) -> None:
    """What is left, by policy and limit."""
    for names, ratio in ratios.items():
        BUDGET_REMAINING.labels(*names).set(ratio)


def limited(policy: str, degraded: Iterable[str]) -> None:
    """A request has ended; count the limits and the ill rungs among its degradations."""
    for entry in degraded:
        kind, _, of = entry.partition(":")
        if kind == "over_budget":
            OVER_BUDGET.labels(policy, of).inc()
        elif kind == "rung_open":
            RUNG_SKIPPED.labels(of).inc()


def rung_opened(alias: str) -> None:
    """A rung is left alone from now on."""
    RUNG_OPENED.labels(alias).inc()
