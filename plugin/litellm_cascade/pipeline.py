"""START HERE: the life of a request.

``plan`` comes before the call: signals, then a classifier, then the policy. What comes after it is in ``journey.py``: ``settle`` and
``settle_stream`` ask the decision's ladder from below, judge each answer, and serve the first that is good enough. Every step is told to
the request's trace.

The edge (``proxy/``, or the lab) translates a request into ``Request`` and provides the calls to the models; nothing here knows LiteLLM.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Protocol

from opentelemetry.trace import Span

from litellm_cascade.audit import RequestTrace, Tracing
from litellm_cascade.errors import AccessError
from litellm_cascade.journey import Journey, Sink
from litellm_cascade.policy import Policy
from litellm_cascade.signals import TokenCounter, estimate_tokens, read_signals
from litellm_cascade.vocabulary import Classification, Envelope, Evidence, Load, Plan, Reason, Request

MayCall = Callable[[str], Awaitable[bool]]
"""Whether the caller may call an alias."""


class PromptClassifier(Protocol):
    """Any classifier behind its guard: it answers in time, or with UNCLASSIFIED."""

    async def classify(self, request: Request) -> Classification: ...


class Pipeline:
    """What all requests of a process share: the classifier, where traces and records go, the seed, and how tokens are counted."""

    def __init__(
        self,
        classifier: PromptClassifier,
        tracing: Tracing,
        sink: Sink | None = None,
        seed: int = 0,
        count_tokens: TokenCounter = estimate_tokens,
    ) -> None:
        self._classifier = classifier
        self._count_tokens = count_tokens
        self._tracing = tracing
        self._sink = sink
        self._seed = seed

    def begin(self, envelope: Envelope, parent: Span | None = None) -> Journey:
        """A request has arrived: open its trace."""
        return Journey(RequestTrace(self._tracing.tracer, parent, envelope), self._sink)

    async def plan(
        self, request: Request, policy: Policy, journey: Journey, load: Mapping[str, Load] | None = None, may_call: MayCall | None = None
    ) -> Plan:
        """Decide what to do with a request before any model is asked.

        ``load``: how busy the aliases of the pool are, where known. ``may_call`` leaves out the rungs that the caller may not call;
        AccessError when none is left. None: it may call all.
        """
        signals = read_signals(request, self._count_tokens)
        classification = await self._classify(request, journey)
        evidence = Evidence(
            envelope=request.envelope,
            caller=request.caller,
            signals=signals,
            classification=classification,
            load=load or {},
            direct_only=request.direct_only,
            overrides=request.overrides,
            session=request.session,
        )
        # Seeded by the request, so that a replay of the record makes the same choice.
        decision = policy.decide(evidence, Random(f"{self._seed}:{request.envelope.request_id}"))
        if classification.degraded or request.session.degraded:
            decision = replace(decision, degraded=(*classification.degraded, *request.session.degraded, *decision.degraded))
        left = [alias for alias in decision.aliases if may_call is None or await may_call(alias)]
        none_left = not any(alias in left for alias in decision.ladder)
        plan = Plan(evidence=evidence, decision=decision if none_left else policy.limited_to(decision, left))
        journey.decided(plan, replace(request.contract, language=signals.language))
        if none_left:
            journey.ended(Reason.NO_ACCESS)
            raise AccessError(decision.ladder)
        return plan

    async def _classify(self, request: Request, journey: Journey) -> Classification:
        started_ns = time.time_ns()
        classification = await self._classifier.classify(request)
        journey.trace.classified(classification, started_ns=started_ns, ended_ns=time.time_ns())
        return classification
