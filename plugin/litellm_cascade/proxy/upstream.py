"""The rungs of a ladder, asked through LiteLLM's router: load balancing, retries, cooldowns, guardrails and spend all keep working."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from litellm.litellm_core_utils.internal_call_metadata import parent_session_kwargs
from litellm.proxy import proxy_server
from opentelemetry.trace import Span

from litellm_cascade.breaker import Breakers
from litellm_cascade.escalation import Answer, Ask, Consult, alternatives_needed
from litellm_cascade.journey import Journey
from litellm_cascade.proxy.alternatives import Alternatives
from litellm_cascade.proxy.answers import dressed, to_completion
from litellm_cascade.proxy.cached import PAST_THE_CACHE
from litellm_cascade.proxy.consulting import guarded, requests_for, score_of
from litellm_cascade.proxy.conversations import Conversation
from litellm_cascade.proxy.inner_calls import inner_metadata
from litellm_cascade.proxy.journeys import METADATA
from litellm_cascade.proxy.load import InFlight
from litellm_cascade.proxy.refused import adapted
from litellm_cascade.proxy.streams import Consumption, RungStream, consumption_of, joined, total
from litellm_cascade.proxy.thoughts import own_turns
from litellm_cascade.vocabulary import Consultation, TokenLogprob, Turn

ORIGIN = "cascade_attempt"
ANSWERED_HERE = frozenset({"stream", "stream_options", "logprobs", "top_logprobs", "allowed_openai_params", "max_retries"})
"""Parameters of the request that a rung's call sets for itself."""
THE_REQUESTS_FAULT = frozenset({400, 413, 422})
"""Statuses of errors that say nothing of the rung's health: it has read the request and will not have it."""
JUDGES_NEED = frozenset({"tools"})
"""Parameters of the request that a judge's call keeps: some providers read a conversation with tools only where the tools are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What LiteLLM hands its provider: a request in OpenAI's chat dialect, whichever dialect the client spoke."""

    model: str
    messages: list[Any]
    parameters: Mapping[str, Any]
    litellm_params: Mapping[str, Any]
    timeout: Any = None

    @property
    def metadata(self) -> MutableMapping[str, Any]:
        """The request's metadata, under whichever of its two names."""
        return next((self.litellm_params[key] for key in METADATA if self.litellm_params.get(key)), {})

    @property
    def model_id(self) -> str | None:
        """LiteLLM's name for the virtual model's deployment."""
        return (self.metadata.get("model_info") or {}).get("id")


class RouterUpstream:
    """Asks the aliases of one request, for whole answers or streams."""

    def __init__(
        self,
        journey: Journey,
        call: Call,
        in_flight: InFlight,
        conversation: Conversation,
        *,
        keep_logprobs: bool,
        alternatives: Alternatives,
        breakers: Breakers,
        slow_s: float | None = None,
    ) -> None:
        """``slow_s``: a rung that takes longer to answer, or to begin a stream, is ill. ``breakers`` are for its consultations."""
        self._journey = journey
        self._call = call
        self._in_flight = in_flight
        self._conversation = conversation
        self._parameters = {key: value for key, value in call.parameters.items() if key not in ANSWERED_HERE}
        self._choices = call.parameters.get("n") or 1
        self._shown = _shown(call.parameters) if keep_logprobs else None
        self._alternatives = alternatives
        self._unnamed: set[int] = set()  # the rungs that were asked for log-probabilities without a number of alternatives
        self._consumed: dict[int, Consumption] = {}
        self._consulted: defaultdict[int, list[Consumption]] = defaultdict(list)
        self._streams: dict[int, RungStream] = {}
        self._dropped: dict[int, tuple[str, ...]] = {}
        self._call_ended: dict[int, Callable[[], None]] = {}
        self._breakers = breakers
        self._slow_s = slow_s
        self._ill: dict[int, bool] = {}

    async def ask(self, ask: Ask) -> Answer:
        """A whole answer. One that may not be wanted comes as a stream, which can be closed early and billed for what it produced."""
        if ask.spare and self._choices == 1 and self._shown is None:  # neither choices nor log-probabilities survive the joining
            return await joined(await self.open(ask))
        response = await self._asked(ask, stream=False)
        self._journey.trace.answered_by(ask.rung, model=response.model, provider=_provider(response))
        self._consumed[ask.rung] = consumption_of(response)
        completion = to_completion(response)
        if completion.text:
            self._came(ask, completion.tokens or ())
        return Answer(dressed(response, alternatives=self._shown), completion)

    async def open(self, ask: Ask) -> RungStream:
        """A stream of the answer."""
        response = await self._asked(ask, stream=True)
        self._journey.trace.answered_by(ask.rung, model=None, provider=_provider(response))
        stream = RungStream(
            response, self._messages(ask), alternatives=self._shown, model_id=self._call.model_id, came=partial(self._came, ask)
        )
        self._consumed[ask.rung] = stream.consumption
        self._streams[ask.rung] = stream
        return stream

    async def consult(self, asked: Consult) -> float | None:
        """Ask a rung's model how sure it is. Its replies are judged and billed, and shown to nobody."""
        with guarded(self._breakers[f"{asked.alias} {asked.kind}"], asked.gate.consulting.within_ms):
            return await self._consulted_by(asked)

    async def _consulted_by(self, asked: Consult) -> float | None:
        requests = requests_for(asked, self._readable_by(asked.alias), self._parameters)
        calls: list[Consumption] = []
        score: float | None = None
        span = self._journey.consult_started(asked.rung, asked.alias, asked.kind)
        call_ended = self._in_flight.began(asked.alias)
        try:
            replies = await asyncio.gather(*(self._reply(asked, span, request, calls) for request in requests), return_exceptions=True)
            score = score_of(asked, replies)
        finally:
            call_ended()
            self._consulted[asked.rung] += calls
            spent = total(calls)
            done = Consultation(kind=asked.kind, score=score, calls=len(requests), usage=spent.usage, cost_usd=spent.cost_usd)
            self._journey.consult_ended(asked.rung, span, done)
        return score

    def ended(self, rung: int) -> None:
        """The rung is done with: close its span with what it consumed, its consultations included."""
        self._call_ended.pop(rung, lambda: None)()
        if rung in self._streams and self._journey.is_watched:
            self._streams[rung].price()
        consumed = total([self._consumed.get(rung) or Consumption(), *self._consulted.pop(rung, ())])
        self._journey.attempt_ended(rung, consumed.usage, consumed.cost_usd, self._dropped.get(rung, ()), ill=self._ill.get(rung))

    async def _asked(self, ask: Ask, *, stream: bool) -> Any:
        rung, alias = ask.rung, ask.alias
        span = self._journey.attempt_started(rung, alias)
        self._call_ended[rung] = self._in_flight.began(alias)
        own = self._parameters | self._alternatives.parameters(alias, self._wanted(rung))
        parameters = {key: value for key, value in own.items() if not ask.judges or key in JUDGES_NEED}
        fit = adapted(proxy_server.llm_router, alias, parameters)
        self._dropped[rung] = fit.named
        sent = parameters.keys() - fit.named
        if "logprobs" in sent and "top_logprobs" not in sent:
            self._unnamed.add(rung)
        request = {"messages": self._messages(ask), **_streaming(stream=stream), **parameters, **fit.changes}
        began = time.monotonic()
        try:
            return await self._routed(span, alias, request)
        except Exception as error:
            if getattr(error, "status_code", None) in THE_REQUESTS_FAULT:
                self._ill[rung] = False
            raise
        finally:
            if self._slow_s is not None and time.monotonic() - began > self._slow_s:
                self._ill.setdefault(rung, True)

    async def _reply(self, asked: Consult, span: Span, request: Mapping[str, Any], calls: list[Consumption]) -> Any:
        response = await self._routed(span, asked.alias, request)
        calls.append(consumption_of(response))
        return response

    async def _routed(self, span: Span, alias: str, parameters: Mapping[str, Any]) -> Any:
        metadata = inner_metadata(self._call.metadata, ORIGIN, span)
        timeout = {"timeout": self._call.timeout} if self._call.timeout is not None else {}
        session = parent_session_kwargs(self._call.litellm_params)
        router = proxy_server.llm_router  # looked up per call: LiteLLM replaces it when models change
        return await router.acompletion(model=alias, metadata=metadata, cache=PAST_THE_CACHE, **session, **timeout, **parameters)

    def _messages(self, ask: Ask) -> list[Any]:
        """The client's messages, and behind them what this call adds: in turn with them, or as one turn where that cannot be."""
        messages = self._readable_by(ask.alias)
        turns = ask.turns if ask.judges or self._choices == 1 else ()  # a draft of several choices is no draft
        if turns and messages and messages[-1].get("role") == "assistant":
            turns = (Turn(role="user", text="\n\n".join(turn.text for turn in turns)),)
        return [*messages, *({"role": turn.role, "content": turn.text} for turn in turns)]

    def _readable_by(self, alias: str) -> list[Any]:
        """What the alias can read. A cascade never goes on with a tool call, so that no provider misses a thought nobody remembers."""
        if not self._conversation.noted:
            return self._call.messages
        return own_turns(self._call.messages, self._conversation.is_own(alias, unknown=False))

    def _wanted(self, rung: int) -> int:
        """What the gate needs, and the client wants to see, of log-probabilities, as ``Alternatives`` counts it."""
        run = self._journey.run
        judged = alternatives_needed(run.gate) if run is not None and run.gate is not None and run.judges(rung) else 0
        return max(judged, 0 if self._shown is None else max(1, self._shown))

    def _came(self, ask: Ask, tokens: Sequence[TokenLogprob]) -> None:
        if ask.rung in self._unnamed:
            self._alternatives.came(ask.alias, tokens)


def _provider(response: Any) -> str | None:
    """Of a whole answer or a stream, as LiteLLM names it."""
    hidden = getattr(response, "_hidden_params", None) or {}
    return hidden.get("custom_llm_provider") or getattr(response, "custom_llm_provider", None)


def _streaming(*, stream: bool) -> dict[str, Any]:
    return {"stream": True, "stream_options": {"include_usage": True}} if stream else {}


def _shown(parameters: Mapping[str, Any]) -> int:
    """How many alternatives per token the client wants: ``top_logprobs``, or the number that /v1/completions gives as ``logprobs``."""
    asked = parameters.get("top_logprobs")
    if asked is None and not isinstance(parameters.get("logprobs"), bool):
        asked = parameters.get("logprobs")
    return asked if isinstance(asked, int) else 0
