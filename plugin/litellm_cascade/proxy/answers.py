"""LiteLLM's answers, whole and in chunks: read for judging, and dressed for the client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, zip_longest
from typing import Any

from litellm.types.utils import ModelResponse

from litellm_cascade.escalation import Piece, ToolPiece
from litellm_cascade.proxy.billing import unbilled
from litellm_cascade.vocabulary import Completion, TokenLogprob, ToolCall, Usage

SAID = ("text", "content")
"""The keys under which the dialects have what a model said."""


def to_completion(response: Any) -> Completion:
    """What a whole answer says. Several choices (``n``) are judged together, as one answer with all their tokens."""
    choices = [_fields(choice) for choice in response.choices]
    messages = [_fields(choice.get("message")) for choice in choices]
    tokens = [token for choice in choices for token in _tokens(choice.get("logprobs"), "")]
    return Completion(
        text="".join(message.get("content") or "" for message in messages),
        reasoning="".join(message.get("reasoning_content") or "" for message in messages),
        tool_calls=tuple(ToolCall(piece.name, piece.arguments) for message in messages for piece in _tool_pieces(message)),
        refused=any(message.get("refusal") for message in messages),
        tokens=tuple(tokens) or None,
        finish_reason=_finish_reason(choices),
        usage=to_usage(_fields(response).get("usage")),
    )


def first_token(response: Any) -> tuple[str, list[tuple[str, float]]]:
    """How an answer begins: its text, and the (token, log-probability) alternatives of its first token, if any came."""
    choice = response.choices[0]
    logprobs, said = getattr(choice, "logprobs", None), getattr(choice.message, "content", None) or ""
    for entry in _field(logprobs, "content") or ():
        return said, [(_field(other, "token") or "", _field(other, "logprob")) for other in _field(entry, "top_logprobs") or (entry,)]
    for named in _field(logprobs, "top_logprobs") or ():
        return said, list(_numbers(named).items())
    return said, [(token.token, token.logprob) for token in islice(_tokens(logprobs, said), 1)]


def to_piece(chunk: Any, *, alternatives: int | None, model_id: str | None = None) -> Piece:
    """What a chunk adds, with a copy of the chunk as payload: LiteLLM keeps the original for the small model's own bill.

    The copy says that it comes from the virtual model's deployment, ``model_id``, or LiteLLM would look for one with every chunk.
    """
    fields = _fields(chunk)
    choices = [_fields(choice) for choice in fields.get("choices") or ()]
    deltas = [_fields(choice.get("delta")) for choice in choices]
    both = list(zip(choices, deltas, strict=True))
    text = "".join([delta.get("content") or "" for delta in deltas])
    reasoning = "".join([delta.get("reasoning_content") or "" for delta in deltas])
    tool_calls = tuple(piece for choice, delta in both for piece in _tool_pieces(delta, choice["index"]))
    refused = any(delta.get("refusal") for delta in deltas)
    has_output = bool(text or reasoning or refused or any(delta.get("tool_calls") for delta in deltas))
    return Piece(
        payload=_dressed_chunk(chunk, alternatives, model_id),
        text=text,
        reasoning=reasoning,
        tool_calls=tool_calls,
        refused=refused,
        tokens=tuple(token for choice, delta in both for token in _tokens(choice.get("logprobs"), delta.get("content") or "")),
        pieces_of_output=int(has_output),
        finish_reason=_finish_reason(choices),
        usage=to_usage(fields.get("usage")),
    )


def to_usage(usage: Any) -> Usage | None:
    """Tokens as the provider counted them, or None when it did not."""
    if usage is None:
        return None
    return Usage(input_tokens=getattr(usage, "prompt_tokens", 0) or 0, output_tokens=getattr(usage, "completion_tokens", 0) or 0)


def dressed(response: Any, *, alternatives: int | None) -> ModelResponse:
    """The served answer as the virtual model's own, with as many alternatives per token as the client asked for.

    None: it asked for no log-probabilities, and sees none, whatever the judging took.
    """
    fresh: ModelResponse = unbilled(response)
    fresh.choices = [_dressed_choice(choice, alternatives) for choice in response.choices]
    fresh._response_headers = None  # noqa: SLF001 - LiteLLM's own name
    return fresh


def _dressed_choice(choice: Any, alternatives: int | None) -> Any:
    if getattr(choice, "logprobs", None) is None:
        return choice
    copy = choice.model_copy()
    copy.logprobs = _trimmed(choice.logprobs, alternatives)
    return copy


def _dressed_chunk(chunk: Any, alternatives: int | None, model_id: str | None) -> Any:
    copy = unbilled(chunk, model_id=model_id)
    copy.choices = [choice.model_copy() for choice in chunk.choices or ()]
    for choice in copy.choices:
        choice.logprobs = _trimmed(getattr(choice, "logprobs", None), alternatives)
    return copy


def _trimmed(logprobs: Any, alternatives: int | None) -> Any:
    """Log-probabilities with no more alternatives than these; None without any. The provider's own object stays as it is."""
    content = _field(logprobs, "content")
    if alternatives is None or not content:
        return None if alternatives is None else logprobs
    fewer = [_with(entry, top_logprobs=list(_field(entry, "top_logprobs") or ())[:alternatives]) for entry in content]
    return _with(logprobs, content=fewer)


def _with(value: Any, **changes: Any) -> Any:
    return {**value, **changes} if isinstance(value, dict) else value.model_copy(update=changes)


def _tool_pieces(message: Mapping[str, Any], choice: int = 0) -> Iterator[ToolPiece]:
    """The calls of a message, or what a delta adds to them."""
    for call in map(_fields, message.get("tool_calls") or ()):
        if call.get("function") is not None:
            function = _fields(call["function"])
            yield ToolPiece((choice, call.get("index") or 0), function.get("name") or "", function.get("arguments") or "", call.get("id"))


def _finish_reason(choices: Iterable[Mapping[str, Any]]) -> str | None:
    reasons = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    return next((reason for reason in ("length", "content_filter") if reason in reasons), next(iter(reasons), None))


def _tokens(logprobs: Any, said: str) -> Iterator[TokenLogprob]:
    """As OpenAI writes them; as two lists; or as the one number of a chunk, which ``said`` this."""
    content = _field(logprobs, "content")
    if content is None:
        yield from _listed(logprobs, said)
        return
    for entry in content:
        told = _fields(entry)
        logprob = told.get("logprob")
        if isinstance(logprob, (int, float)):
            others = told.get("top_logprobs")  # most often none
            top = tuple(sorted((float(_field(other, "logprob")) for other in others), reverse=True)) if others else ()
            yield TokenLogprob(told.get("token") or "", _nats(logprob), top)


def _listed(logprobs: Any, said: str) -> Iterator[TokenLogprob]:
    """The older way of /v1/completions, which Together's chat keeps to: alternatives, where there are any, by their names."""
    if isinstance(logprobs, float):
        yield TokenLogprob(said, _nats(logprobs))
        return
    columns = (_field(logprobs, name) or () for name in ("tokens", "token_logprobs", "top_logprobs"))
    for token, logprob, named in zip_longest(*columns):
        if isinstance(token, str) and isinstance(logprob, (int, float)):
            yield TokenLogprob(token, _nats(logprob), tuple(sorted(_numbers(named).values(), reverse=True)))


def _numbers(named: Any) -> dict[str, float]:
    """Alternatives by their names."""
    return {str(name): float(it) for name, it in named.items() if isinstance(it, (int, float))} if isinstance(named, dict) else {}


def _nats(logprob: float) -> float:
    """Some servers' rounding, and Together's first token, come out above 0, where no logarithm of a probability can be."""
    return 0.0 if logprob > 0.0 else float(logprob)


def _field(value: Any, name: str) -> Any:
    """Providers' log-probabilities arrive as objects or as dictionaries, depending on the dialect."""
    return _fields(value).get(name)


def _fields(value: Any) -> Mapping[str, Any]:
    """Of one of LiteLLM's objects, or of a dictionary; of anything else none. To ask an object for what it lacks takes far longer."""
    if isinstance(value, dict):
        return value
    own, more = getattr(value, "__dict__", {}), getattr(value, "__pydantic_extra__", None)
    return {**own, **more} if more else own


def said_in(response: Any) -> str:
    """The text of an answer in any dialect: what stands under ``text`` or ``content``, in its order."""
    plain = response.model_dump() if hasattr(response, "model_dump") else response
    return "\n".join(_said(plain))


def _said(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if isinstance(value, str) and name in SAID and value:
                yield value
            elif name != "logprobs":
                yield from _said(value)
    elif isinstance(part, (list, tuple)):
        for item in part:
            yield from _said(item)
