"""``POST /cascade/feedback``: what callers say of the answers they got. See docs/audit.md, Feedback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, HTTPException, Request
from litellm.proxy._types import LiteLLMRoutes, UserAPIKeyAuth
from litellm.proxy.auth.user_api_key_auth import user_api_key_auth
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from litellm_cascade.audit import Tracing, feedback_given
from litellm_cascade.proxy.recent_answers import MOST_TIMES, RecentAnswers
from litellm_cascade.proxy.translate import to_caller
from litellm_cascade.vocabulary import Answered, Caller, Feedback, Opinion, Receipt

ROUTE = "/cascade/feedback"
OUTCOMES = ", ".join(Opinion)
FIELDS = {
    "request_id": "request_id must be a text of 1 to 500 characters: what the header x-litellm-call-id of the answer said",
    "trace_id": "trace_id must be 32 hexadecimal digits in lower case: the id of the trace that the request was part of",
    "rating": "rating must be a number from -1 (useless) to 1 (just right)",
    "outcome": f"outcome must be one of {OUTCOMES}",
    "label": "label must be 1 to 32 of the characters a-z, 0-9, '.', '_' and '-'",
}
"""What is wrong when a field is, without repeating what was sent."""
UNREADABLE = f"the body must be a JSON object with {', '.join(FIELDS)}, and nothing else"
WHICH = "name the answer by request_id or by trace_id, and not by both"
WHAT = "say what the answer was worth: rating, outcome, or both"
UNKNOWN = "no answer to this key has that id, or it was given longer ago than is remembered"
UNREACHABLE = "the memory of recent answers did not reply; send this again later"
TOO_OFTEN = f"{MOST_TIMES} times is as often as one answer may be spoken of; the newest feedback counts"
FULL = "the decision record takes nothing more for the moment; send this again later"

Record = Callable[[Feedback], Receipt | None]


class Said(BaseModel):
    """The body of the request."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    request_id: str | None = Field(default=None, min_length=1, max_length=500)
    trace_id: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    rating: float | None = Field(default=None, ge=-1, le=1, allow_inf_nan=False)
    outcome: Opinion | None = None
    label: str | None = Field(default=None, pattern=r"^[a-z0-9._-]{1,32}$")

    @model_validator(mode="after")
    def _is_about_one_answer(self) -> Self:
        if (self.request_id is None) == (self.trace_id is None):
            raise ValueError(WHICH)
        if self.rating is None and self.outcome is None:
            raise ValueError(WHAT)
        return self


def read(body: bytes) -> Said:
    """The body, or an HTTP error with one sentence for each thing that is wrong with it."""
    try:
        return Said.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(400, "; ".join(dict.fromkeys(map(_sentence, error.errors(include_input=False))))) from None


class FeedbackDesk:
    """Takes what is said to the record, the metrics and the traces. ``record`` is None where no record is kept."""

    def __init__(self, answers: RecentAnswers, tracing: Tracing, record: Record | None = None) -> None:
        self._answers = answers
        self._tracing = tracing
        self._record = record

    async def take(self, said: Said, caller: Caller) -> dict[str, Any]:
        """What to tell the caller. Raises HTTPException."""
        answer = await self._answer(said, caller)
        if not self._answers.may_be_spoken_of(answer):
            raise _refusal(429, TOO_OFTEN)
        feedback = Feedback(answer=answer, rating=said.rating, outcome=said.outcome, label=said.label)
        receipt = self._record(feedback) if self._record is not None else None
        if receipt is None and self._record is not None:
            raise _refusal(503, FULL)
        feedback_given(feedback, self._tracing.tracer, receipt)
        return {"request_id": answer.request_id, "outcome": feedback.verdict, "recorded": receipt is not None}

    async def _answer(self, said: Said, caller: Caller) -> Answered:
        if said.request_id is not None:
            found, degraded = await self._answers.find("request", said.request_id, caller)
        else:
            found, degraded = await self._answers.find("trace", said.trace_id or "", caller)
        if found is None:
            raise _refusal(503, UNREACHABLE) if degraded else _refusal(404, UNKNOWN)
        return found


def feedback_routes(desk: FeedbackDesk) -> APIRouter:
    """The route, for every key that LiteLLM knows."""
    if ROUTE not in LiteLLMRoutes.self_managed_routes.value:
        LiteLLMRoutes.self_managed_routes.value.append(ROUTE)  # else LiteLLM lets only administrators to a route it does not know
    router = APIRouter(tags=["cascade"])

    @router.post(ROUTE)
    async def feedback(request: Request, auth: Annotated[UserAPIKeyAuth, Depends(user_api_key_auth)]) -> dict[str, Any]:
        return await desk.take(read(await request.body()), to_caller(auth, {}))

    return router


def _sentence(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    return FIELDS.get(str(next(iter(problem["loc"]), "")), UNREADABLE)


def _refusal(status: int, sentence: str) -> HTTPException:
    return HTTPException(status_code=status, detail={"error": sentence})
