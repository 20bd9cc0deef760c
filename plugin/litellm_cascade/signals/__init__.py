"""What a request tells without a model: pure, total, and well under a millisecond. See docs/signals.md."""

from __future__ import annotations

from litellm_cascade.signals.language import read_language
from litellm_cascade.signals.markup import read_markup
from litellm_cascade.signals.modalities import attachments, read_modalities
from litellm_cascade.signals.tokens import read_input_tokens
from litellm_cascade.vocabulary import Request, Signals

__all__ = ["read_signals"]

_FORMATS = ("json_object", "json_schema")


def read_signals(request: Request) -> Signals:
    """Everything a policy may know of a request without asking a model. Never raises; holds none of the request's text."""
    return Signals(
        input_tokens=read_input_tokens(request),
        turns=len(request.turns),
        modalities=read_modalities(request),
        attachments=len(attachments(request)),
        markup=read_markup(request),
        tools=len(request.tools),
        tool_results=sum(turn.role == "tool" for turn in request.turns),
        response_format=request.response_format if request.response_format in _FORMATS else "text",
        temperature=request.temperature,
        language=read_language(request),
        max_output_tokens=request.max_output_tokens,
        choices=request.choices,
    )
