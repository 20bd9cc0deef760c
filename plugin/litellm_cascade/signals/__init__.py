"""What a request tells without a model: pure, total, and well under a millisecond. See docs/signals.md."""

from __future__ import annotations

from litellm_cascade.signals.language import find_language, read_language
from litellm_cascade.signals.markup import read_markup
from litellm_cascade.signals.mime_types import read_mime_types
from litellm_cascade.signals.modalities import attachments, read_modalities
from litellm_cascade.signals.output import read_predicted_output_tokens
from litellm_cascade.signals.tokens import TokenCounter, estimate_tokens, read_input_tokens
from litellm_cascade.vocabulary import Request, Signals

__all__ = ["LEVELS", "TokenCounter", "estimate_tokens", "find_language", "read_signals"]

_FORMATS = ("json_object", "json_schema")
LEVELS = ("low", "normal", "high")
"""What quality and urgency may be asked for; anything else is ``unspecified``."""


def read_signals(request: Request, count_tokens: TokenCounter = estimate_tokens) -> Signals:
    """Everything a policy may know of a request without asking a model. Never raises; holds none of the request's text."""
    input_tokens = read_input_tokens(request, count_tokens)
    return Signals(
        input_tokens=input_tokens,
        turns=len(request.turns),
        turn=sum(turn.role == "user" for turn in request.turns),
        modalities=read_modalities(request),
        attachments=len(attachments(request)),
        mime_types=read_mime_types(request),
        markup=read_markup(request),
        tools=len(request.tools),
        tool_results=sum(turn.role == "tool" for turn in request.turns),
        continues_tool_call=bool(request.turns) and request.turns[-1].role == "tool",
        response_format=request.response_format if request.response_format in _FORMATS else "text",
        temperature=request.temperature,
        language=read_language(request),
        max_output_tokens=request.max_output_tokens,
        predicted_output_tokens=read_predicted_output_tokens(request, input_tokens),
        choices=request.choices,
        quality_requirement=_one_of(LEVELS, request.hints.quality),
        urgency=_one_of(LEVELS, request.hints.urgency),
        latency_budget_ms=request.hints.latency_budget_ms,
    )


def _one_of(known: tuple[str, ...], asked: str) -> str:
    return asked if asked in known else "unspecified"
