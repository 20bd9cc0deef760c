"""The decision record, read for people: which lines are wanted, what a line says in short, and whether it would be decided so again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from litellm_cascade.audit.ledger.codec import read_record
from litellm_cascade.audit.ledger.reading import requests_in
from litellm_cascade.errors import PolicyError, RecordError
from litellm_cascade.offline.plainly import as_json, shown
from litellm_cascade.offline.policy_files import HERE, find_policy, policies_in
from litellm_cascade.pipeline import decide
from litellm_cascade.policy import Policy, load_policy
from litellm_cascade.policy.pool import known_from
from litellm_cascade.policy.shipped import shipped_folder
from litellm_cascade.vocabulary import AuditRecord, Decision

REDUCTIONS = ("no_access:", "rung_open:", "over_budget:", "budgets_local")
"""What a decision's reasons and degradations say of what was settled after the policy had decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines to show; None and False: all."""

    alias: str | None = None
    escalated: bool = False
    since: str | None = None  # ISO 8601, UTC
    request: str | None = None

    def holds(self, line: Mapping[str, Any]) -> bool:
        """Whether a line is wanted."""
        found = summary(line)
        return (
            (self.alias is None or found["alias"] == self.alias)
            and (not self.escalated or found["rungs"] > 1)
            and (self.since is None or str(line.get("at")) >= self.since)
            and (self.request is None or self.request in (found["request"], at(line, "record", "trace_id")))
        )


def at(line: Any, *path: str) -> Any:
    """What stands at a place of a line; None when there is no such place, since a line may have been changed by anybody."""
    for name in path:
        line = line.get(name) if isinstance(line, Mapping) else None
    return line


def summary(line: Mapping[str, Any] | None) -> dict[str, Any]:
    """The columns of one line."""
    outcome = at(line, "record", "outcome")
    return {
        "time": str(at(line, "at"))[:19],
        "request": at(line, "record", "plan", "evidence", "envelope", "request_id"),
        "policy": at(line, "record", "plan", "decision", "policy"),
        "route": at(line, "record", "plan", "decision", "route"),
        "band": at(line, "record", "plan", "decision", "band"),
        "alias": at(outcome, "alias"),
        "rungs": len(at(outcome, "attempts") or ()),
        "reason": at(outcome, "reason"),
        "USD": at(line, "record", "costs", "actual_usd"),
        "ms": at(line, "record", "took_ms"),
    }


def find_record(folder: Path, request: str, *, called: str) -> AuditRecord:
    """The newest record of a request, by its id or its trace's. Raises RecordError when there is none.

    ``called``: how `cascade audit show` is told which record this is.
    """
    found = sorted(filter(Wanted(request=request).holds, requests_in([folder])), key=lambda line: str(line.get("at")))
    if not found:
        raise RecordError(f"there is no request {request!r} in the record; `cascade audit show {called}` lists those there are")
    return read_record(found[-1].get("record"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A decision as it was recorded, and as the policy takes it now."""

    record: AuditRecord
    policy: Policy
    decision: Decision

    @property
    def digest_differs(self) -> bool:
        """True when the policy is not the one that decided."""
        return self.policy.digest != self.record.plan.decision.digest

    def differences(self) -> Iterator[str]:
        """One sentence for each part of the decision that came out otherwise. Digests are told apart from it."""
        was, now = (replace(decision, digest="") for decision in (self.record.plan.decision, self.decision))
        yield from _differences("", was, now)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "recorded": as_json(self.record.plan.decision),
            "decided": as_json(self.decision),
            "policy_digest_differs": self.digest_differs,
            "differences": list(self.differences()),
        }


def _differences(path: str, was: Any, now: Any) -> Iterator[str]:
    """By the smallest parts that differ, called by where they stand, as ``gate.accept_at``."""
    if is_dataclass(was) and type(was) is type(now):
        for name in (field.name for field in fields(was)):
            yield from _differences(f"{path}.{name}".lstrip("."), getattr(was, name), getattr(now, name))
    elif was != now:
        yield f"{path}: recorded {shown(was)}, decided now {shown(now)}"


def deciding_policy(record: AuditRecord) -> Path:
    """The policy with the digest that decided, here or among those shipped; else the one with its name now."""
    for file in (file for folder in (HERE, shipped_folder()) for file in policies_in(folder)):
        with suppress(PolicyError):  # another policy's troubles
            if load_policy(file).digest == record.plan.decision.digest:
                return file
    return find_policy(record.plan.evidence.envelope.policy)


def replayed(record: AuditRecord, file: Path) -> Replayed:
    """Decide once more from the record alone: its evidence, its seed, what was known of the aliases, what the caller was not allowed."""
    policy = load_policy(file, table={alias: known_from(facts) for alias, facts in record.basis.aliases.items()})
    return Replayed(record=record, policy=policy, decision=decided_again(record, policy))


def decided_again(record: AuditRecord, policy: Policy) -> Decision:
    """What the policy decides now, with the rungs left out that were left out then."""
    decision = decide(policy, record.plan.evidence)
    return _reduced(decision, record.plan.decision, policy)


def _reduced(decision: Decision, recorded: Decision, policy: Policy) -> Decision:
    """The decision after what the policy does not know: whom the caller may call, which rungs were ill, and what the limits left."""
    for reason in recorded.reasons[len(decision.reasons) :]:
        lost = next((alias for alias in decision.aliases if reason.endswith(f":{alias}")), None)
        if lost is not None and reason.startswith(REDUCTIONS) and len(decision.aliases) > 1:
            left = [alias for alias in decision.aliases if alias != lost]
            decision = policy.limited_to(decision, left, why=reason.removesuffix(f":{lost}"))
    later = (entry for entry in recorded.degraded[len(decision.degraded) :] if entry.startswith(REDUCTIONS))
    return replace(decision, degraded=(*decision.degraded, *later))
