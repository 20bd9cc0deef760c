"""START HERE: the life of a request.

``plan`` comes before the call: signals, then a classifier, then the policy. What comes after it is in ``journey.py``: ``settle`` and
``settle_stream`` ask the decision's ladder from below, judge each answer, and serve the first that is good enough. Every step is told to
the request's trace.

The edge (``proxy/``, or the lab) translates a request into ``Request`` and provides the calls to the models; nothing here knows LiteLLM.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol

from opentelemetry.trace import Span

from litellm_cascade.audit import RequestTrace, Tracing, input_hash
from litellm_cascade.audit.later import Work, now
from litellm_cascade.errors import AccessError
from litellm_cascade.escalation import Budgets
from litellm_cascade.journey import Journey, Watch
from litellm_cascade.policy import Policy
from litellm_cascade.signals import TokenCounter, estimate_tokens, read_signals
from litellm_cascade.telling import Meter, Sink
from litellm_cascade.vocabulary import (
    Band,
    Basis,
    Caller,
    Classification,
    Decision,
    Envelope,
    Evidence,
    Load,
    Plan,
    Reason,
    Request,
    Texts,
    Turn,
)

MayCall = Callable[[str], Awaitable[bool]]
"""Whether the caller may call an alias."""


class PromptClassifier(Protocol):
    """Any classifier behind its guard: it answers in time, or with UNCLASSIFIED."""

    async def classify(self, request: Request) -> Classification: ...


def decide(policy: Policy, evidence: Evidence) -> Decision:
    """What the policy wants."""
    decision = policy.decide(evidence)
    degraded = (*evidence.classification.degraded, *evidence.session.degraded)
    return replace(decision, degraded=degraded + decision.degraded) if degraded else decision


class Pipeline:
    """What all requests of a process share: the classifier, where traces, records and counts go, the seed, the salt, how tokens are
    counted, what limits escalations, who watches for unusual ones, and what is told of requests ``later``.

    ``salt`` is for the hash of what was asked; without it hashes can only be compared within this process.
    """

    def __init__(
        self,
        classifier: PromptClassifier,
        tracing: Tracing,
        sink: Sink | None = None,
        seed: int = 0,
        salt: bytes | None = None,
        count_tokens: TokenCounter = estimate_tokens,
        budgets: Budgets | None = None,
        meter: Meter | None = None,
        watch: Watch | None = None,
        later: Callable[[Work], None] = now,
    ) -> None:
        self._classifier = classifier
        self._count_tokens = count_tokens
        self._tracing = tracing
        self._sink = sink
        self._meter = meter
        self._watch = watch
        self._later = later
        self._seed = seed
        self._salt = secrets.token_bytes(32) if salt is None else salt
        self._budgets = budgets

    def begin(self, envelope: Envelope, parent: Span | None = None) -> Journey:
        """A request has arrived: open its trace."""
        trace = RequestTrace(self._tracing.tracer, parent, envelope)
        return Journey(trace, self._sink, self._meter, self._watch, self._later)

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
        decision = decide(policy, evidence)
        left = [alias for alias in decision.aliases if may_call is None or await may_call(alias)]
        none_left = not any(alias in left for alias in decision.ladder)
        if not none_left:
            decision = self._allowed(policy, policy.limited_to(decision, left), request.caller, journey)
        plan = Plan(evidence=evidence, decision=decision)
        contract = replace(request.contract, language=signals.language)
        journey.decided(plan, contract, partial(self._basis, request.turns, policy), self._texts(request, policy, journey))
        if none_left:
            journey.ended(Reason.NO_ACCESS)
            raise AccessError(decision.ladder)
        return plan

    def _allowed(self, policy: Policy, decision: Decision, caller: Caller, journey: Journey) -> Decision:
        """A cascade without the rungs that are ill, or only its last rung where the limits say so."""
        if self._budgets is None or decision.band is not Band.CASCADE:
            return decision
        journey.allowance = allowance = self._budgets.allowance(policy.limits, decision, caller)
        *below, last = decision.ladder
        over = allowance.straight_because
        if over is not None:
            straight = policy.limited_to(decision, [last], why=f"over_budget:{over}")
            return replace(straight, degraded=(*straight.degraded, f"over_budget:{over}"))
        ill = [alias for alias in below if not allowance.permits.admits(alias)]
        able = policy.limited_to(decision, [alias for alias in decision.aliases if alias not in ill], why="rung_open")
        return replace(
            able, degraded=(*able.degraded, *(f"rung_open:{alias}" for alias in ill), *(self._budgets.degraded if policy.limits else ()))
        )

    def _basis(self, turns: Iterable[Turn], policy: Policy) -> Basis:
        return Basis(
            seed=self._seed,
            aliases=policy.facts,
            price_table=policy.price_table,
            smallest=policy.document.smallest,
            largest=policy.document.largest,
            input_hash=input_hash(turns, self._salt),
        )

    def _texts(self, request: Request, policy: Policy, journey: Journey) -> Texts | None:
        """What was said, for the record, where the policy asks for it."""
        drawn_by = f"{self._seed}:texts:{request.envelope.request_id}"
        return Texts(turns=request.turns) if journey.is_recorded and policy.document.privacy.keeps(drawn_by) else None

    async def _classify(self, request: Request, journey: Journey) -> Classification:
        started_ns, started = time.time_ns(), time.perf_counter()
        classification = await self._classifier.classify(request)
        took_s, ended_ns = time.perf_counter() - started, time.time_ns()
        if self._meter is not None:
            self._later(partial(self._meter.classified, classification, took_s))
        journey.classified(classification, started_ns=started_ns, ended_ns=ended_ns)
        return classification
