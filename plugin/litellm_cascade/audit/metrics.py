"""Prometheus metrics, on the process's default registry: LiteLLM's ``/metrics`` shows them where its ``prometheus`` callback is on."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

POLICY = Gauge("cascade_policy_info", "1 for the policy version in use", ["policy", "digest"], multiprocess_mode="mostrecent")
RELOAD_FAILURES = Counter(
    "cascade_policy_reload_failures", "Changed policy files that were refused; the policy before them stays", ["policy"]
)


def policy_in_use(policy: str, digest: str, before: str | None) -> None:
    """A policy version is in use from now on, instead of the one before."""
    if before is not None:
        POLICY.remove(policy, before)
    POLICY.labels(policy, digest).set(1)


def reload_refused(policy: str) -> None:
    """A changed policy file was refused."""
    RELOAD_FAILURES.labels(policy).inc()
