"""Prometheus metrics, on the process's default registry: LiteLLM's ``/metrics`` shows them where its ``prometheus`` callback is on."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from litellm_cascade.vocabulary import Attempt, Band, Decision, Outcome, Reason, Verdict

MILLISECONDS = 1e3

POLICY = Gauge("cascade_policy_info", "1 for the policy version in use", ["policy", "digest"], multiprocess_mode="mostrecent")
RELOAD_FAILURES = Counter(
    "cascade_policy_reload_failures", "Changed policy files that were refused; the policy before them stays", ["policy"]
)

OVERRIDES_IGNORED = Counter(
    "cascade_overrides_ignored",
    "What clients asked for themselves without being allowed to, or without being understood",
    ["policy", "name"],
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
    """By which way a stream came to its first text: ``released``, ``escalated``, ``kept_earlier``, ``not_judged`` or ``ensemble``."""
    if decision.band is Band.ENSEMBLE:
        return "ensemble"
    served = next((attempt for attempt in outcome.attempts if attempt.served), None)
    judgement = served.judgement if served is not None else None
    if served is None or judgement is None or judgement.reason is Reason.NOT_JUDGED:
        return "not_judged"
    if judgement.verdict is Verdict.ESCALATE:
        return "kept_earlier"
    return "escalated" if served.rung else "released"


def _judged(policy: str, attempts: Iterable[Attempt]) -> None:
    for judgement in (attempt.judgement for attempt in attempts):
        if judgement is not None:
            VERDICTS.labels(policy, judgement.verdict.value, judgement.reason.value).inc()
