"""The rungs of a ladder, asked through LiteLLM's router: load balancing, retries, cooldowns, guardrails and spend all keep working."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from litellm.litellm_core_utils.internal_call_metadata import forwarded_internal_call_metadata, parent_session_kwargs
from litellm.proxy import proxy_server
from opentelemetry.trace import NonRecordingSpan

from litellm_cascade.escalation import Answer, Ask
from litellm_cascade.journey import Journey
from litellm_cascade.proxy.answers import dressed, to_completion, to_usage
from litellm_cascade.proxy.journeys import METADATA, TOKEN
from litellm_cascade.proxy.load import InFlight
from litellm_cascade.proxy.refused import refused_parameters
from litellm_cascade.proxy.streams import Consumption, RungStream, joined
from litellm_cascade.vocabulary import Turn

ORIGIN = "cascade_attempt"
"""Marks a rung's call in LiteLLM's metadata: its cost is billed, its tokens are not counted against limits a second time."""
NOT_HANDED_DOWN = frozenset({TOKEN, "model_info", "model_group", "deployment", "api_base", "previous_models"})
"""What the virtual model's own deployment left in the metadata, and would be untrue of a rung's."""
ANSWERED_HERE = frozenset({"stream", "stream_options", "logprobs", "top_logprobs", "allowed_openai_params", "max_retries"})
"""Parameters of the request that a rung's call sets for itself."""
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
    def metadata(self) -> Mapping[str, Any]:
        """The request's metadata, under whichever of its two names."""
        return next((self.litellm_params[key] for key in METADATA if self.litellm_params.get(key)), {})


class RouterUpstream:
    """Asks the aliases of one request, for whole answers or streams."""

    def __init__(self, journey: Journey, call: Call, in_flight: InFlight, *, keep_logprobs: bool) -> None:
        self._journey = journey
        self._call = call
        self._in_flight = in_flight
        self._parameters = {key: value for key, value in call.parameters.items() if key not in ANSWERED_HERE}
        self._alternatives = _alternatives(call.parameters)
        self._keep_logprobs = keep_logprobs
        self._choices = call.parameters.get("n") or 1
        self._consumed: dict[int, Consumption] = {}
        self._streams: dict[int, RungStream] = {}
        self._dropped: dict[int, tuple[str, ...]] = {}
        self._call_ended: dict[int, Callable[[], None]] = {}

    async def ask(self, ask: Ask) -> Answer:
        """A whole answer. One that may not be wanted comes as a stream, which can be closed early and billed for what it produced."""
        if ask.spare and self._choices == 1 and not self._keep_logprobs:  # neither survives the joining of a stream
            return await joined(await self.open(ask))
        response = await self._asked(ask, stream=False)
        self._consumed[ask.rung] = Consumption(usage=to_usage(getattr(response, "usage", None)), cost_usd=_cost(response))
        return Answer(dressed(response, keep_logprobs=self._keep_logprobs), to_completion(response))

    async def open(self, ask: Ask) -> RungStream:
        """A stream of the answer."""
        stream = RungStream(await self._asked(ask, stream=True), self._messages(ask), keep_logprobs=self._keep_logprobs)
        self._consumed[ask.rung] = stream.consumption
        self._streams[ask.rung] = stream
        return stream

    def ended(self, rung: int) -> None:
        """The rung is done with: close its span with what it consumed."""
        self._call_ended.pop(rung, lambda: None)()
        if rung in self._streams and self._journey.is_watched:
            self._streams[rung].price()
        consumed = self._consumed.get(rung) or Consumption()
        self._journey.attempt_ended(rung, consumed.usage, consumed.cost_usd, self._dropped.get(rung, ()))

    async def _asked(self, ask: Ask, *, stream: bool) -> Any:
        rung, alias = ask.rung, ask.alias
        span = self._journey.attempt_started(rung, alias)
        self._call_ended[rung] = self._in_flight.began(alias)
        metadata = self._metadata()
        parameters = {key: value for key, value in self._parameters.items() if not ask.judges or key in JUDGES_NEED}
        self._dropped[rung] = refused_parameters(proxy_server.llm_router, alias, parameters)
        if span.is_recording():
            # The place in the trace without the pen: LiteLLM writes the whole request on a parent span when a call fails.
            metadata["litellm_parent_otel_span"] = NonRecordingSpan(span.get_span_context())
        return await proxy_server.llm_router.acompletion(  # looked up per call: LiteLLM replaces its router when models change
            model=alias,
            messages=self._messages(ask),
            metadata=metadata,
            **parent_session_kwargs(self._call.litellm_params),
            **_streaming(stream=stream),
            **self._logprobs(ask),
            **({"timeout": self._call.timeout} if self._call.timeout is not None else {}),
            **({"drop_params": True} if self._dropped[rung] else {}),
            **parameters,
        )

    def _messages(self, ask: Ask) -> list[Any]:
        """The client's messages, and behind them what this call adds: in turn with them, or as one turn where that cannot be."""
        turns = ask.turns if ask.judges or self._choices == 1 else ()  # a draft of several choices is no draft
        if turns and self._call.messages and self._call.messages[-1].get("role") == "assistant":
            turns = (Turn(role="user", text="\n\n".join(turn.text for turn in turns)),)
        return [*self._call.messages, *({"role": turn.role, "content": turn.text} for turn in turns)]

    def _metadata(self) -> dict[str, Any]:
        inherited = forwarded_internal_call_metadata(self._call.metadata, ORIGIN)
        return {key: value for key, value in inherited.items() if key not in NOT_HANDED_DOWN}

    def _logprobs(self, ask: Ask) -> dict[str, Any]:
        run = self._journey.run
        judged = run is not None and run.judges(ask.rung)
        # Always one alternative or more: llama.cpp sends nothing for 0, and twenty when the number is left out.
        return {"logprobs": True, "top_logprobs": self._alternatives} if judged or (self._keep_logprobs and not ask.judges) else {}


def _streaming(*, stream: bool) -> dict[str, Any]:
    return {"stream": True, "stream_options": {"include_usage": True}} if stream else {}


def _alternatives(parameters: Mapping[str, Any]) -> int:
    """How many alternatives per token the client wants: ``top_logprobs``, or the number that /v1/completions gives as ``logprobs``."""
    asked = parameters.get("top_logprobs")
    if asked is None and not isinstance(parameters.get("logprobs"), bool):
        asked = parameters.get("logprobs")
    return max(1, asked) if isinstance(asked, int) else 1


def _cost(response: Any) -> float | None:
    cost = (getattr(response, "_hidden_params", None) or {}).get("response_cost")
    return float(cost) if isinstance(cost, (int, float)) else None
