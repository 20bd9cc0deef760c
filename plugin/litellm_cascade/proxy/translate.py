"""LiteLLM's request dictionaries, in five dialects, become one ``Request``. Nothing behind this file knows a dialect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import inf, isfinite
from typing import Any

from litellm_cascade.proxy.contracts import to_contract, wanted_format
from litellm_cascade.proxy.dialogue import blocks
from litellm_cascade.vocabulary import Attachment, Caller, Endpoint, Envelope, Request, Turn

Json = Mapping[str, Any]

ENDPOINTS: Mapping[str, Endpoint] = {
    "completion": Endpoint.CHAT,
    "acompletion": Endpoint.CHAT,
    "text_completion": Endpoint.COMPLETIONS,
    "atext_completion": Endpoint.COMPLETIONS,
    "anthropic_messages": Endpoint.MESSAGES,
    "aanthropic_messages": Endpoint.MESSAGES,
    "responses": Endpoint.RESPONSES,
    "aresponses": Endpoint.RESPONSES,
    "generate_content": Endpoint.GENERATE_CONTENT,
    "agenerate_content": Endpoint.GENERATE_CONTENT,
    "generate_content_stream": Endpoint.GENERATE_CONTENT,
    "agenerate_content_stream": Endpoint.GENERATE_CONTENT,
}
"""LiteLLM's ``call_type`` in the pre-call hook, with and without its leading ``a``."""

OTHER_TRADES: Mapping[str, str] = {
    "embedding": "embeddings",
    "embeddings": "embeddings",
    "image_generation": "images",
    "image_edit": "images",
    "moderation": "moderations",
    "ocr": "OCR",
    "rerank": "ranking",
    "speech": "speech",
    "transcription": "transcriptions",
    "video_generation": "videos",
}
"""What no chat model does, by LiteLLM's ``call_type``, with and without its leading ``a``."""

_LARGEST = 10**15
"""Whole numbers beyond this mean no more, and past 1e308 no decimal could hold them."""
TEXT_PARTS = frozenset({"text", "input_text", "output_text", "refusal"})
IMAGE_PARTS = frozenset({"image", "image_url", "input_image"})
AUDIO_PARTS = frozenset({"input_audio", "audio"})
FILE_PARTS = frozenset({"file", "input_file", "document"})


def to_request(data: Json, call_type: str, caller: Caller, policy: str) -> Request:
    """The request behind ``data``, which no client can make so odd that this raises."""
    endpoint, choices = ENDPOINTS.get(call_type, Endpoint.OTHER), _whole(data.get("n")) or 1
    return Request(
        envelope=Envelope(
            request_id=str(data.get("litellm_call_id") or ""),
            endpoint=endpoint,
            requested_model=str(data.get("model") or ""),
            policy=policy,
            stream=data.get("stream") is True,
        ),
        caller=caller,
        turns=tuple(_turns(data)),
        tools=tuple(_tool_names(data.get("tools"))),
        response_format=wanted_format(data)[0],
        temperature=_number(data.get("temperature")),
        max_output_tokens=_whole(data.get("max_completion_tokens") or data.get("max_output_tokens") or data.get("max_tokens")),
        choices=choices,
        wants_logprobs=wants_logprobs(data),
        contract=to_contract(data, choices=choices),
        direct_only=direct_only(data, endpoint),
    )


def other_trade(call_type: str) -> str | None:
    """What is asked for, where it is nothing that a chat model could answer."""
    return OTHER_TRADES.get(call_type) or OTHER_TRADES.get(call_type.removeprefix("a"))


def wants_logprobs(data: Json) -> bool:
    """Did the client ask for log-probabilities, in whichever dialect? (``logprobs: 0`` on /v1/completions asks for the chosen ones.)"""
    logprobs = data.get("logprobs")
    included = data.get("include")
    asked_in_responses = isinstance(included, list) and "message.output_text.logprobs" in included
    return logprobs is True or (isinstance(logprobs, int) and logprobs is not False) or asked_in_responses


def budget_left_usd(auth: Any) -> float | None:
    """What is left of the key's, the team's or the user's budget, whichever is least; never below 0. None: none of them has a budget.

    A key of a team does not spend its user's own budget: LiteLLM's default.
    """
    budgets = [("max_budget", "spend"), ("team_max_budget", "team_spend")]
    if getattr(auth, "team_id", None) is None:
        budgets.append(("user_max_budget", "user_spend"))
    known = [(_number(getattr(auth, most, None)), _number(getattr(auth, spent, None)) or 0.0) for most, spent in budgets]
    return min((max(0.0, most - spent) for most, spent in known if most is not None and most < inf), default=None)


def to_caller(auth: Any, metadata: Json) -> Caller:
    """The authenticated caller, from LiteLLM's ``UserAPIKeyAuth`` and the request's metadata."""
    own = auth.metadata if isinstance(getattr(auth, "metadata", None), dict) else {}
    tags = metadata.get("tags")
    return Caller(
        key_hash=_text(getattr(auth, "api_key", None)),
        key_alias=_text(getattr(auth, "key_alias", None)),
        team=_text(getattr(auth, "team_id", None)),
        user=_text(getattr(auth, "user_id", None)),
        end_user=_text(getattr(auth, "end_user_id", None)),
        tier=_text(own.get("tier")),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        budget_left_usd=budget_left_usd(auth),
    )


# --- turns -------------------------------------------------------------------------------------------------------------------------


def _turns(data: Json) -> Iterator[Turn]:
    for role, content, tool_calls in _spoken(data):
        parts = list(_parts(content))
        yield Turn(
            role="tool" if _brings_a_result(content) else role,
            text="\n".join(part for part in parts if isinstance(part, str)),
            attachments=tuple(part for part in parts if isinstance(part, Attachment)),
            tool_calls=tool_calls + sum(1 for part in blocks(content) if _kind(part) == "tool_use" or "functionCall" in part),
        )


def _brings_a_result(content: Any) -> bool:
    """On /v1/messages and generateContent a tool's result comes as a user's turn."""
    return any(_kind(part) == "tool_result" or "functionResponse" in part for part in blocks(content))


def _spoken(data: Json) -> Iterator[tuple[str, Any, int]]:
    """Role, content, and how many tools were called beside the content."""
    for key in ("system", "instructions", "systemInstruction", "system_instruction"):
        if data.get(key):
            yield "system", data[key], 0
    if "messages" in data:
        yield from _messages(data["messages"])
    elif "input" in data:
        yield from _input_items(data["input"])
    elif "contents" in data:
        yield from _messages(data["contents"])
    elif "prompt" in data:
        prompt = data["prompt"]
        yield "user", "\n".join(map(str, prompt)) if isinstance(prompt, list) else str(prompt or ""), 0


def _messages(messages: Any) -> Iterator[tuple[str, Any, int]]:
    for message in messages if isinstance(messages, list) else [messages]:
        if isinstance(message, Mapping):
            role, calls = str(message.get("role") or "user"), len(blocks(message.get("tool_calls")))
            yield "tool" if role == "function" else role, message.get("content", message.get("parts")), calls


def _input_items(items: Any) -> Iterator[tuple[str, Any, int]]:
    if isinstance(items, str):
        yield "user", items, 0
        return
    for item in blocks(items):
        kind = _kind(item) or "message"
        if kind.endswith("_call_output"):
            yield "tool", item.get("output"), 0
        elif kind.endswith("_call"):
            yield "assistant", None, 1
        elif kind != "reasoning":  # which is no turn of its own
            yield str(item.get("role") or "user"), item.get("content"), 0


def _parts(content: Any) -> Iterator[str | Attachment]:
    if isinstance(content, str):
        yield content
        return
    if isinstance(content, Mapping):
        content = content.get("parts") or [content]
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            yield part
        elif isinstance(part, Mapping):
            yield from _part(part)


def _part(part: Json) -> Iterator[str | Attachment]:
    kind = _kind(part)
    if kind in TEXT_PARTS or (kind is None and isinstance(part.get("text"), str)):
        yield str(part.get("text") or part.get("refusal") or "")
    elif kind == "tool_result":
        yield from _parts(part.get("content"))
    else:
        attachment = _attachment(str(kind), part)
        if attachment is not None:
            yield attachment


def _attachment(kind: str, part: Json) -> Attachment | None:
    mime = _mime_type(part)
    if kind in IMAGE_PARTS:
        return Attachment(modality="image", mime_type=mime)
    if kind in AUDIO_PARTS:
        return Attachment(modality="audio", mime_type=mime)
    if kind in {"video", "video_url"}:
        return Attachment(modality="video", mime_type=mime)
    if kind in FILE_PARTS or mime is not None:
        return Attachment(modality=_modality(mime), mime_type=mime)
    return None


def _mime_type(part: Json) -> str | None:
    for key in ("source", "file", "inlineData", "inline_data", "fileData", "image_url", "input_audio"):
        inner = part.get(key)
        if isinstance(inner, Mapping):
            named = inner.get("media_type") or inner.get("mimeType") or inner.get("mime_type") or inner.get("format")
            return _text(named) or _data_url_type(inner.get("url") or inner.get("file_data"))
    return _data_url_type(part.get("image_url") or part.get("file_data"))


def _data_url_type(url: Any) -> str | None:
    if isinstance(url, str) and url.startswith("data:"):
        return url[5 : url.find(";", 5)] or None
    return None


def _modality(mime: str | None) -> str:
    if mime is None:
        return "file"
    if mime == "application/pdf":
        return "pdf"
    family = mime.partition("/")[0]
    return family if family in {"image", "audio", "video"} else "file"


# --- the rest ----------------------------------------------------------------------------------------------------------------------


def _tool_names(tools: Any) -> Iterator[str]:
    for tool in blocks(tools):
        function = tool.get("function")
        yield str((function if isinstance(function, Mapping) else tool).get("name") or tool.get("type") or "")


def direct_only(data: Json, endpoint: Endpoint) -> str | None:
    """Why this request cannot pass through a cascade: a feature that only the chosen alias's native path keeps."""
    if endpoint is Endpoint.GENERATE_CONTENT:
        return "generate_content"
    if endpoint is Endpoint.OTHER:
        return "endpoint"
    if endpoint is Endpoint.RESPONSES:
        return _first_present(data, ("previous_response_id", "background", "conversation")) or _bridge_loses(data)
    if endpoint is Endpoint.MESSAGES:
        return _first_present(data, ("thinking", "cache_control", "container", "mcp_servers")) or _bridge_loses(data)
    if endpoint is Endpoint.COMPLETIONS:
        return _chat_loses(data)
    return _first_present(data, ("audio", "web_search_options"))


def _chat_loses(data: Json) -> str | None:
    """What LiteLLM loses or mixes up when it makes a chat of a completion for a custom provider."""
    if wants_logprobs(data):
        return "logprobs"
    prompt = data.get("prompt")
    if isinstance(prompt, list) and (len(prompt) > 1 or not all(isinstance(part, str) for part in prompt)):
        return "prompts"  # as one conversation they would get one answer
    return _first_present(data, ("suffix", "echo", "best_of"))


def _bridge_loses(data: Json) -> str | None:
    if any(_kind(tool) not in {None, "function", "custom"} for tool in blocks(data.get("tools"))):
        return "built_in_tools"
    for block in _every_block(data):
        if "cache_control" in block:
            return "cache_control"
        if _kind(block) in IMAGE_PARTS | FILE_PARTS:
            return "attachments"
    return None


def _every_block(data: Json) -> Iterator[Json]:
    yield from blocks(data.get("system"))
    yield from blocks(data.get("tools"))
    for message in (*blocks(data.get("messages")), *blocks(data.get("input"))):
        yield message
        yield from blocks(message.get("content"))


def _first_present(data: Json, keys: Iterable[str]) -> str | None:
    return next((key for key in keys if data.get(key)), None)


def _kind(block: Json) -> str | None:
    kind = block.get("type")
    return kind if isinstance(kind, str) else None


def _text(value: Any) -> str | None:
    return str(value) if value else None


def _number(value: Any) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(max(-_LARGEST, min(value, _LARGEST))) if isinstance(value, int) else value


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and isfinite(number) else None
