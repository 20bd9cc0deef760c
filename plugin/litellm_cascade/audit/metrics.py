"""Prometheus metrics, on the process's default registry: LiteLLM's ``/metrics`` shows them where its ``prometheus`` callback is on."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from litellm_cascade.vocabulary import Outcome

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


def policy_in_use(policy: str, digest: str, before: str | None) -> None:
    """A policy version is in use from now on, instead of the one before."""
    if before is not None:
        POLICY.remove(policy, before)
    POLICY.labels(policy, digest).set(1)


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
