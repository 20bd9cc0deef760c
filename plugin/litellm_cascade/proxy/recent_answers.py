"""Answers that were given lately, so that their callers can still say what they were worth.

Found again by a keyed hash over the caller and an id, so nobody can ask about the answers of others. See docs/audit.md, Feedback.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Literal

from opentelemetry.trace import format_span_id

from litellm_cascade.audit.ledger.codec import answered_members, read_answered
from litellm_cascade.classifiers.memory import Recent
from litellm_cascade.errors import RecordError
from litellm_cascade.journey import Journey
from litellm_cascade.proxy.conversations import keyed, shared_secret
from litellm_cascade.proxy.shared_cache import SharedCache
from litellm_cascade.vocabulary import Answered, Caller, Decision

Id = Literal["request", "trace"]
MOST_TIMES = 10
"""How often one answer may be spoken of: nobody shall fill the decision record with opinions."""


class RecentAnswers:
    """At most ``most`` in this process, each for ``seconds``; shared through LiteLLM's Redis where there is one. 0: none."""

    def __init__(
        self,
        cache: Callable[[int], SharedCache],
        *,
        most: int,
        seconds: float,
        secret: Callable[[], bytes] = shared_secret,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.most = most
        self._cache = cache(2 * most)  # each by the id of the request and by that of the trace
        self._seconds = seconds
        self._secret = secret
        self._now = now
        self._times: Recent[int] = Recent(most=most)

    def remember(self, journey: Journey, alias: str | None) -> None:
        """An answer is about to be given; or an error, which is not remembered."""
        if not self.most or journey.has_failed:
            return
        answered = answer_of(journey, alias, self._now())
        caller = journey.decided_plan.evidence.caller
        members = answered_members(answered)
        for kind, value in _ids(answered):
            self._cache.put(self._key(kind, value, caller), members, seconds=self._seconds)

    async def find(self, kind: Id, value: str, caller: Caller) -> tuple[Answered | None, tuple[str, ...]]:
        """The caller's newest answer with this id, and what went wrong on the way."""
        key = self._key(kind, value, caller)
        found, degraded = await self._cache.get([key])
        try:
            return (read_answered(found[key]) if key in found else None), degraded
        except RecordError:  # by another release
            return None, degraded

    def may_be_spoken_of(self, answered: Answered) -> bool:
        """Count one more time; False when it was often enough."""
        key = (answered.request_id, answered.key_hash, answered.at)
        times = self._times.get(key) or 0
        self._times.put(key, times + 1, seconds=self._seconds)
        return times < MOST_TIMES

    def _key(self, kind: Id, value: str, caller: Caller) -> str:
        """Of team and user too: callers with a token of another kind have no key. Not of the end user, whom any request may name."""
        owner = (part or "" for part in (caller.key_hash, caller.team, caller.user))
        return keyed(self._secret(), "answer", kind, *owner, value)


def answer_of(journey: Journey, alias: str | None, at: float) -> Answered:
    """What is worth remembering. ``at``: seconds since the epoch."""
    plan = journey.decided_plan
    decision, context = plan.decision, journey.trace.route.get_span_context()
    served = next((attempt for attempt in journey.outcome().attempts if attempt.served), None)
    confidence = served.judgement.confidence if served is not None and served.judgement is not None else None
    return Answered(
        request_id=plan.evidence.envelope.request_id,
        trace_id=journey.trace.trace_id,
        span_id=format_span_id(context.span_id) if context.is_valid else None,
        key_hash=plan.evidence.caller.key_hash,
        policy=decision.policy,
        digest=decision.digest,
        band=decision.band,
        alias=alias,
        task=plan.evidence.classification.task,
        score_name=confidence.name if confidence is not None else None,
        score=confidence.score if confidence is not None else None,
        probability=confidence.probability if confidence is not None else None,
        of_beginning=plan.evidence.envelope.stream and _judges_beginnings(decision),
        at=at,
    )


def _judges_beginnings(decision: Decision) -> bool:
    return decision.gate is not None and decision.gate.stream.judge == "prefix"


def _ids(answered: Answered) -> Iterator[tuple[Id, str]]:
    if answered.request_id:
        yield "request", answered.request_id
    if answered.trace_id is not None:
        yield "trace", answered.trace_id
