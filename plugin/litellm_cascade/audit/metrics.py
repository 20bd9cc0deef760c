"""Prometheus metrics of a proxy, on its default registry: LiteLLM's ``/metrics`` has them where its callback ``prometheus`` is on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from prometheus_client import Counter, Gauge

from litellm_cascade.vocabulary import Outcome

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


def judged(policy: str, outcome: Outcome) -> None:
    """A request is over; its attempts have their verdicts."""
    for judgement in (attempt.judgement for attempt in outcome.attempts):
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
