"""LiteLLM's own response cache, in front of a cascade: what may share an answer, and whether one came from there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, MutableMapping
from typing import Any

import litellm

from litellm_cascade.proxy.journeys import metadata_of
from litellm_cascade.vocabulary import Decision, Outcome, Verdict

PAST_THE_CACHE = {"no-cache": True, "no-store": True}
"""For the rungs. What is cached is the answer of the cascade; a rung's own would come back without the log-probabilities of its stream,
past the client's own wish not to be answered from a cache, and be judged as something else than it was."""


def keep_apart(data: MutableMapping[str, Any], decision: Decision) -> dict[str, Any]:
    """Let a cascade's answer be found again only by a request that the same policy, route and ladder would answer.

    LiteLLM makes its cache key of the virtual model's name and the request: without this, a changed policy would go on serving answers
    that it would reject, and a caller for whom a strict gate counts would get what a lenient one let pass.

    What the cache is told of the request: ``keep_out`` may change it until there is an answer.
    """
    if litellm.cache is None:
        return {}
    asked = data.get("cache")
    own = asked if isinstance(asked, Mapping) else {}
    outer = own.get("namespace") or metadata_of(data).get("redis_namespace") or litellm.cache.namespace
    gate = decision.gate.name if decision.gate is not None else ""
    judged = hashlib.sha256(repr((decision.digest, decision.route, decision.ladder, gate)).encode()).hexdigest()[:16]
    told = data["cache"] = {**own, "namespace": ":".join(part for part in (outer, "cascade", judged) if part)}
    return told


def keep_out(told: MutableMapping[str, Any], outcome: Outcome) -> None:
    """Have an answer that did not pass its gate not stored: it was the best at hand, and the next request may get a better one.

    Nor would a hit say that it is doubtful.
    """
    served = (attempt.judgement for attempt in outcome.attempts if attempt.served)
    if any(judgement is not None and judgement.verdict is not Verdict.ACCEPT for judgement in served):
        told["no-store"] = True


def came_from_the_cache(logging: Any) -> bool:
    """Whether the request that LiteLLM's logging object belongs to was answered from its response cache."""
    details = getattr(logging, "caching_details", None)
    return isinstance(details, Mapping) and details.get("cache_hit") is True
