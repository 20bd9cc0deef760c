"""What one proxy process has of ours: settings, one pipeline per policy, and the requests under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from litellm.proxy import proxy_server

from litellm_cascade.audit import EscalationWatch, Tracing, metrics, parent_of
from litellm_cascade.audit.later import Work, now
from litellm_cascade.breaker import Breaker, Breakers, ShareFailing
from litellm_cascade.classifiers.base import Classifier
from litellm_cascade.classifiers.guard import Guarded
from litellm_cascade.classifiers.memory import Recent, Remembering
from litellm_cascade.errors import EndpointError, LateError, StreamError
from litellm_cascade.escalation import Budgets
from litellm_cascade.journey import Journey
from litellm_cascade.pipeline import Pipeline
from litellm_cascade.proxy.access import access_of
from litellm_cascade.proxy.afterwards import Afterwards
from litellm_cascade.proxy.alternatives import Alternatives
from litellm_cascade.proxy.asking import on_behalf_of
from litellm_cascade.proxy.billing import mark_as_free
from litellm_cascade.proxy.cached import keep_apart, keep_out
from litellm_cascade.proxy.conversations import Conversations
from litellm_cascade.proxy.journeys import Journeys, Underway, keep_metadata, metadata_of
from litellm_cascade.proxy.load import InFlight, loads
from litellm_cascade.proxy.models import VirtualModels
from litellm_cascade.proxy.recent_answers import RecentAnswers
from litellm_cascade.proxy.refused import adapted
from litellm_cascade.proxy.settings import ClassifierSettings, RungSettings, Settings
from litellm_cascade.proxy.shared_cache import SharedCache
from litellm_cascade.proxy.sharing import Sharing
from litellm_cascade.proxy.shelf import Shelf
from litellm_cascade.proxy.thoughts import without_foreign
from litellm_cascade.proxy.tokenizer import COUNTERS
from litellm_cascade.proxy.translate import other_trade, to_caller, to_request
from litellm_cascade.proxy.upstream import Call, RouterUpstream
from litellm_cascade.proxy.wishes import take_wishes
from litellm_cascade.telling import Meter, Sink
from litellm_cascade.vocabulary import Request

PASSED_ON = frozenset({"reasoning_effort", "thinking", "verbosity", "context_management", "user", "logprobs", "top_logprobs"})
"""Parameters LiteLLM would refuse or drop for a provider it does not know; the rungs' own providers decide about them."""


class Runtime:
    """Answers the hooks and the provider; what comes after an answer is ``after``."""

    def __init__(
        self,
        settings: Settings,
        shelf: Shelf,
        classifier: Classifier,
        sink: Sink | None = None,
        salt: bytes | None = None,
        meter: Meter | None = None,
        later: Callable[[Work], None] = now,
    ) -> None:
        self.settings = settings
        self.shelf = shelf
        self.journeys = Journeys()
        self.in_flight = InFlight()
        self._alternatives = Alternatives()
        self.classifier = behind_its_guard(classifier, settings.classifier)
        self.conversations = Conversations(SharedCache(Recent(most=settings.memory.most), within_ms=settings.memory.within_ms))
        self.answers = RecentAnswers(
            lambda most: SharedCache(Recent(most=most), within_ms=settings.feedback.within_ms),
            most=settings.feedback.remember,
            seconds=settings.feedback.remember_seconds,
        )
        self.after = Afterwards(self.journeys, self.conversations, self.answers, everything=settings.debug_headers)
        self.tracing = Tracing()
        self._models = VirtualModels()
        self.breakers = Breakers(lambda: _rung_breaker(settings.rungs))
        """Of the rungs, by alias; whatever else is asked on the way to a verdict may have one under a name of its own."""
        self._budgets = Budgets(self.breakers)
        self._pipeline = Pipeline(
            self.classifier,
            self.tracing,
            sink,
            seed=settings.seed,
            salt=salt,
            count_tokens=COUNTERS[settings.tokens],
            budgets=self._budgets,
            meter=meter,
            watch=EscalationWatch(),
            later=later,
        )
        self._at_work: list[asyncio.Task[None]] = []

    # --- before the call -----------------------------------------------------------------------------------------------------------

    async def plan(self, data: MutableMapping[str, Any], call_type: str, auth: Any) -> None:
        """Decide for a request to a virtual model: rewrite ``model`` to an alias, or leave it for the provider to climb the ladder."""
        policy = self._models.policy(proxy_server.llm_router, str(data.get("model")), getattr(auth, "team_id", None))
        if policy is None:
            return
        if (wanted := other_trade(call_type)) is not None:
            raise EndpointError(str(data["model"]), wanted)
        if not isinstance(data.get("stream"), bool | None):
            raise StreamError
        data.pop("custom_llm_provider", None)  # a client's would lead LiteLLM past the cascade
        self._go_to_work()
        request = take_wishes(to_request(data, call_type, to_caller(auth, metadata_of(data)), policy), data)
        keep_metadata(data, request.envelope.endpoint)
        conversation = await self.conversations.recall(data, request, self.shelf.policy(policy))
        journey = await self._decide(replace(request, session=conversation.session), _parent_span(data, auth), auth, metadata_of(data))
        underway = Underway(journey, request.wants_logprobs, conversation)
        self.journeys.add(data, underway)
        _note_for_spend_logs(data, journey)
        if journey.cascades:
            data["allowed_openai_params"] = sorted(PASSED_ON.union(data.get("allowed_openai_params") or ()))
            underway.cache = keep_apart(data, journey.decided_plan.decision)
        else:
            _send(data, underway)
            underway.call_ended = self.in_flight.began(data["model"])

    async def _decide(self, request: Request, parent: Any, auth: Any, metadata: Mapping[str, Any]) -> Journey:
        journey = self._pipeline.begin(request.envelope, parent)
        may_call = access_of(auth) if self.settings.access == "strict" and auth is not None else None
        policy = self.shelf.policy(request.envelope.policy)
        load = loads(proxy_server.llm_router, policy.document.models, self.in_flight)
        with on_behalf_of(metadata, journey.trace.route, journey.classifier_asked):
            plan = await self._pipeline.plan(request, policy, journey, load, may_call)
        metrics.overrides_ignored(request.envelope.policy, plan.decision.ignored_overrides)
        return journey

    def _go_to_work(self) -> None:
        """Begin with the first request of this process: only then is its event loop sure to be running."""
        if self._at_work:
            return
        self._at_work = [asyncio.create_task(Sharing(self._budgets, time.time).keep_on(self.settings.budget_sync_seconds))]
        if self.settings.reload_seconds:
            self._at_work.append(asyncio.create_task(self.shelf.watch(self.settings.reload_seconds)))

    # --- the call, when it is a cascade --------------------------------------------------------------------------------------------

    async def answer(self, call: Call) -> Any:
        """The served rung's whole answer."""
        underway = await self._underway(call)
        try:
            answer = await underway.journey.settle(self._upstream(underway, call))
        except Exception as error:
            underway.failure = error
            raise
        keep_out(underway.cache, underway.journey.outcome())
        return answer

    def stream(self, call: Call) -> Any:
        """The served rung's chunks; known to ``headers`` from now on."""
        underway = self.journeys.find(call.litellm_params)
        if underway is None:
            return self._stream_unplanned(call)
        underway.stream = underway.journey.settle_stream(self._upstream(underway, call))
        return underway.stream

    async def _stream_unplanned(self, call: Call) -> AsyncIterator[Any]:
        underway = await self._plan_now(call, stream=True)
        async with aclosing(underway.journey.settle_stream(self._upstream(underway, call))) as stream:
            async for chunk in stream:
                yield chunk

    def _upstream(self, underway: Underway, call: Call) -> RouterUpstream:
        mark_as_free(call.metadata)
        return RouterUpstream(
            underway.journey,
            call,
            self.in_flight,
            underway.conversation,
            keep_logprobs=underway.wants_logprobs,
            alternatives=self._alternatives,
            breakers=self.breakers,
            slow_s=self.settings.rungs.slow_seconds,
        )

    async def _underway(self, call: Call) -> Underway:
        return self.journeys.find(call.litellm_params) or await self._plan_now(call)

    async def _plan_now(self, call: Call, *, stream: bool = False) -> Underway:
        """For a call that came past the hook: a health check, another router, a hook that failed."""
        parent, auth = (call.metadata.get(name) for name in ("litellm_parent_otel_span", "user_api_key_auth"))
        data = {**call.parameters, "messages": call.messages, "model": call.model, "stream": stream}
        request = to_request(data, "acompletion", to_caller(auth, call.metadata), policy=call.model)
        return Underway(await self._decide(request, parent, auth, call.metadata), request.wants_logprobs)

    def refuse_a_second_round(self, request: Mapping[str, Any] | None) -> None:
        """Once every rung has failed, LiteLLM's fallback from the virtual model would only ask one of them again, without a deadline."""
        underway = self.journeys.find(request)
        if underway is not None and underway.journey.has_failed:
            raise underway.failure or LateError


def behind_its_guard(classifier: Classifier, settings: ClassifierSettings) -> Remembering:
    """A classifier that is late or fails without harm, and is not asked twice."""
    return Remembering(Guarded(classifier, within_ms=settings.within_ms), most=settings.remember, seconds=settings.remember_seconds)


def _rung_breaker(settings: RungSettings) -> Breaker:
    tally = ShareFailing(at_least=settings.failures, share=settings.failing_share, over_s=settings.over_seconds, clock=time.monotonic)
    return Breaker(tally, cool_off_s=settings.cool_off_seconds, clock=time.monotonic)


def _send(data: MutableMapping[str, Any], underway: Underway) -> None:
    """Straight to the alias, without what it refuses."""
    data["model"] = underway.journey.decided_plan.decision.alias
    if underway.conversation.noted:
        without_foreign(data, underway.conversation.is_own(data["model"], unknown=True))
    fit = adapted(proxy_server.llm_router, data["model"], data)
    underway.dropped = fit.named
    data.update(fit.changes)


def _parent_span(data: Mapping[str, Any], auth: Any) -> Any:
    return parent_of(getattr(auth, "parent_otel_span", None), (data.get("proxy_server_request") or {}).get("headers") or {})


def _note_for_spend_logs(data: MutableMapping[str, Any], journey: Journey) -> None:
    decision = journey.decided_plan.decision
    noted = metadata_of(data).setdefault("spend_logs_metadata", {})
    if isinstance(noted, dict):
        noted["cascade"] = {
            "policy": decision.policy,
            "digest": decision.digest,
            "route": decision.route,
            "band": decision.band.value,
            "ladder": list(decision.ladder),
        }
