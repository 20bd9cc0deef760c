"""What a policy does with one prompt: the pipeline's own plan, so that nothing is explained that would not happen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litellm_cascade.audit import Tracing
from litellm_cascade.classifiers import build
from litellm_cascade.classifiers.guard import Guarded
from litellm_cascade.offline.plainly import as_json
from litellm_cascade.offline.policy_files import from_here
from litellm_cascade.offline.wording import next_sentences
from litellm_cascade.pipeline import Pipeline
from litellm_cascade.policy import Policy, load_policy
from litellm_cascade.vocabulary import Attachment, Caller, Endpoint, Envelope, Plan, Request, Turn

JSON_FORMAT = 1
"""Raised when a key of the JSON form is renamed or removed; new keys may come at any time."""

PATIENCE_MS = 60_000.0
"""What a request would not wait for, a person who asks why does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A plan, with the policy that made it and where that lies. Holds no word of the prompt."""

    policy: Policy
    file: str
    plan: Plan

    @property
    def next(self) -> tuple[str, ...]:
        """What would happen now, in sentences."""
        return next_sentences(self.plan.decision)

    def as_json(self) -> dict[str, Any]:
        """The form that docs/cli.md describes."""
        return {
            "format": JSON_FORMAT,
            "policy": {"name": self.policy.name, "digest": self.policy.digest, "file": self.file},
            "evidence": as_json(self.plan.evidence),
            "decision": as_json(self.plan.decision),
            "next": list(self.next),
        }


def explain(file: Path, request: Request, classifier: str) -> Explanation:
    """Decide a request. Raises PolicyError for a policy that cannot be used, ClassifierError for a classifier that cannot be loaded."""
    policy = load_policy(file)
    return Explanation(policy=policy, file=from_here(file), plan=asyncio.run(_plan(policy, request, classifier)))


def request_of(prompt: str, *, system: str | None, attached: Sequence[str], caller: Caller) -> Request:
    """A chat request with one question."""
    asked = Turn(role="user", text=prompt, attachments=tuple(Attachment(modality=kind) for kind in attached))
    instructed = (Turn(role="system", text=system),) if system is not None else ()
    envelope = Envelope(request_id="explain", endpoint=Endpoint.CHAT, requested_model="auto", policy="")
    return Request(envelope=envelope, caller=caller, turns=(*instructed, asked))


async def _plan(policy: Policy, request: Request, classifier: str) -> Plan:
    guarded = Guarded(build(classifier), within_ms=PATIENCE_MS)
    await guarded.warm_up()
    pipeline = Pipeline(guarded, Tracing(environ={}))
    return await pipeline.plan(request, policy, pipeline.begin(request.envelope))
