"""A chat request as OpenAI's clients write it, in the dialect-free form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any

from litellm_cascade.vocabulary import Attachment, Caller, Endpoint, Envelope, Request, Turn

Json = Mapping[str, Any]

LARGEST = 1 << 53

MODALITIES: Mapping[str, str] = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "input_audio": "audio",
    "audio": "audio",
    "video": "video",
    "video_url": "video",
    "file": "file",
    "input_file": "file",
    "document": "file",
}


def request_of(body: Json, request_id: str, caller: Caller) -> Request:
    """The request behind a body. Never raises; what cannot be read is left out."""
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    return Request(
        envelope=Envelope(
            request_id=request_id,
            endpoint=Endpoint.CHAT,
            requested_model=str(body.get("model") or ""),
            policy="",
            stream=body.get("stream") is True,
        ),
        caller=caller,
        turns=tuple(_turns(body.get("messages"))),
        tools=tuple(_tools(body.get("tools"))),
        response_format=str(kind) if kind in ("json_object", "json_schema") else None,
        temperature=number(body.get("temperature")),
        max_output_tokens=whole(body.get("max_completion_tokens")) or whole(body.get("max_tokens")),
        choices=whole(body.get("n")) or 1,
    )


def number(value: Any) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with suppress(OverflowError):  # JSON has whole numbers that are larger than any float
            return float(value) if isfinite(value) else None
    return None


def whole(value: Any) -> int | None:
    """A whole number above 0 that a float can hold too, also where it is written as one; None for anything else."""
    found = number(value)
    return int(found) if found is not None and 0 < found <= LARGEST and found.is_integer() else None


def words(value: Any) -> tuple[str, ...]:
    """A list as text."""
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _turns(messages: Any) -> Iterator[Turn]:
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, Mapping):
            role, parts, calls = str(message.get("role") or "user"), list(_parts(message.get("content"))), message.get("tool_calls")
            yield Turn(
                role="tool" if role == "function" else role,
                text="\n".join(part for part in parts if isinstance(part, str)),
                attachments=tuple(part for part in parts if isinstance(part, Attachment)),
                tool_calls=len(calls) if isinstance(calls, list) else 0,
            )


def _parts(content: Any) -> Iterator[str | Attachment]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            yield part
        elif isinstance(part, Mapping) and isinstance(part.get("text"), str):
            yield part["text"]
        elif isinstance(part, Mapping) and (modality := MODALITIES.get(str(part.get("type")))):
            yield Attachment(modality=modality)


def _tools(tools: Any) -> Iterator[str]:
    for tool in tools if isinstance(tools, list) else ():
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if isinstance(function, Mapping) and function.get("name"):
            yield str(function["name"])
