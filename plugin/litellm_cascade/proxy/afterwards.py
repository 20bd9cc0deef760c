"""Once there is an answer, or none: what the client is told, what is remembered, and how the journey ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from litellm_cascade.proxy.answers import said_in
from litellm_cascade.proxy.cached import came_from_the_cache, keep_out
from litellm_cascade.proxy.conversations import Conversations
from litellm_cascade.proxy.headers import headers_of
from litellm_cascade.proxy.journeys import Journeys, Underway
from litellm_cascade.proxy.recent_answers import RecentAnswers
from litellm_cascade.vocabulary import Attempt, Judgement, Reason, Usage, Verdict

NANOSECONDS = 1e9
SENT = Judgement(verdict=Verdict.ACCEPT, reason=Reason.DIRECT)
"""What there is to say of an answer that nobody judged because the policy sent the request straight to its alias."""


class Afterwards:
    """LiteLLM calls these in no fixed order; each does what can be done by then, and does it once."""

    def __init__(self, journeys: Journeys, conversations: Conversations, answers: RecentAnswers, *, everything: bool) -> None:
        """``everything``: send every header instead of the short list."""
        self._journeys = journeys
        self._conversations = conversations
        self._answers = answers
        self._everything = everything

    async def headers(self, data: Mapping[str, Any], response: Any) -> dict[str, str] | None:
        """The ``x-cascade-*`` headers. For a stream this waits for the verdict, which the client's first token waits for anyway."""
        underway = self._journeys.find(data)
        if underway is None:
            return None
        if underway.stream is not None:
            try:
                await underway.stream.settle()
                keep_out(underway.cache, underway.journey.outcome())
            except Exception as error:  # noqa: BLE001 - the stream itself will raise it to the client
                underway.failure = error
        if came_from_the_cache(data.get("litellm_logging_obj")):
            underway.journey.answered_from_cache()
        else:
            self._remember(underway, response)
        self._answers.remember(underway.journey, underway.answering)
        return headers_of(underway.journey, everything=self._everything)

    def _remember(self, underway: Underway, response: Any) -> None:
        """Who answers, before the client has the answer: its next request may come at once."""
        alias = underway.answering
        if alias is not None:
            self._conversations.answered_by(underway.conversation, underway.journey.decided_plan.decision.policy, alias)
            self._conversations.answer(underway.conversation, alias, response)

    async def logged(self, kwargs: Mapping[str, Any], response: Any, started: datetime, ended: datetime) -> None:
        """LiteLLM has logged a call that succeeded: for a request sent straight to an alias, that is its end."""
        underway = self._journeys.find(kwargs.get("litellm_params"))
        if underway is None:
            return
        underway.call_ended()
        alias = underway.answering
        if kwargs.get("cache_hit") is True:
            underway.journey.answered_from_cache()
        elif alias is not None and kwargs.get("stream"):  # only now is there a whole answer
            self._conversations.answer(underway.conversation, alias, response)
        if underway.journey.is_over:
            underway.stream = None  # it holds the conversation, and nobody needs it any more
        elif underway.journey.cascades:
            await _close_what_was_left(underway)
        else:
            if underway.journey.keeps_texts:
                underway.journey.heard(0, said_in(response))
            _answered_directly(underway, kwargs, started, ended)

    def failed(self, data: Mapping[str, Any], error: Exception) -> None:
        """The proxy is about to answer with an error."""
        underway = self._journeys.find(data)
        if underway is not None:
            underway.call_ended()
            gone = isinstance(error, asyncio.CancelledError)
            underway.journey.ended(Reason.CLIENT_GONE if gone else Reason.ERROR)


async def _close_what_was_left(underway: Underway) -> None:
    """A stream that LiteLLM has logged before its end is one whose client has left.

    On /v1/messages nothing else says so: LiteLLM's translation lets go of the stream without closing it.
    """
    if underway.stream is not None:
        await underway.stream.aclose()


def _answered_directly(underway: Underway, kwargs: Mapping[str, Any], started: datetime, ended: datetime) -> None:
    attempt = Attempt(
        rung=0,
        alias=underway.journey.decided_plan.decision.alias,
        judgement=SENT,
        usage=_logged_usage(kwargs.get("standard_logging_object") or {}),
        cost_usd=kwargs.get("response_cost"),
        dropped=underway.dropped,
        served=True,
    )
    started_ns, ended_ns = (int(time.timestamp() * NANOSECONDS) for time in (started, ended))
    first_token_ms = _first_token_ms(kwargs, started, ended)
    underway.journey.answered_directly(attempt, started_ns=started_ns, ended_ns=ended_ns, first_token_ms=first_token_ms)


def _first_token_ms(kwargs: Mapping[str, Any], started: datetime, ended: datetime) -> float | None:
    """Of a stream, as LiteLLM has seen its first piece. Where it has not, it names the end instead, or nothing."""
    first = kwargs.get("completion_start_time") if kwargs.get("stream") else None
    if not isinstance(first, datetime) or not started <= first < ended:
        return None
    return (first - started) / timedelta(milliseconds=1)


def _logged_usage(logged: Mapping[str, Any]) -> Usage:
    """The one form in which LiteLLM has the tokens of all endpoints."""
    return Usage(input_tokens=logged.get("prompt_tokens") or 0, output_tokens=logged.get("completion_tokens") or 0)
