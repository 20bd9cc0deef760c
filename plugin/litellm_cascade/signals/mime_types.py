"""What kinds of files a request carries. A client may write anything as a MIME type, so only those of a closed list pass as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from litellm_cascade.signals.modalities import attachments

if TYPE_CHECKING:
    from litellm_cascade.vocabulary import Request

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
KNOWN: Final = frozenset({
    "application/json", "application/msword", "application/octet-stream", "application/pdf", "application/rtf",
    "application/vnd.ms-excel", "application/vnd.ms-powerpoint", "application/xml", "application/zip",
    f"{_OFFICE}.presentationml.presentation", f"{_OFFICE}.spreadsheetml.sheet", f"{_OFFICE}.wordprocessingml.document",
    "audio/aac", "audio/flac", "audio/mp4", "audio/mpeg", "audio/ogg", "audio/wav", "audio/webm",
    "image/avif", "image/bmp", "image/gif", "image/heic", "image/jpeg", "image/png", "image/svg+xml", "image/tiff", "image/webp",
    "text/calendar", "text/css", "text/csv", "text/html", "text/javascript", "text/markdown", "text/plain", "text/xml",
    "video/mp4", "video/mpeg", "video/quicktime", "video/webm",
})  # fmt: skip
"""The types that models take, in their usual spelling."""

OTHER: Final = "other"
_FAMILIES: Final = ("application", "audio", "image", "text", "video")
_SPELLINGS: Final = {
    "wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac",  # OpenAI's input_audio gives a format, not a type
    "audio/x-wav": "audio/wav", "audio/wave": "audio/wav", "audio/mp3": "audio/mpeg", "audio/x-m4a": "audio/mp4",
    "image/jpg": "image/jpeg", "video/mov": "video/quicktime", "text/json": "application/json", "application/x-pdf": "application/pdf",
}  # fmt: skip


def read_mime_types(request: Request) -> tuple[str, ...]:
    """The types of the attachments that name one, each once, sorted."""
    return tuple(sorted({known_type(part.mime_type) for part in attachments(request) if part.mime_type}))


def known_type(written: str) -> str:
    """A type of the list; ``image/other`` for an image that is not on it, and so on; ``other`` for the rest."""
    plain = written.partition(";")[0].strip().lower()
    found = _SPELLINGS.get(plain, plain)
    if found in KNOWN:
        return found
    family = found.partition("/")[0]
    return f"{family}/{OTHER}" if family in _FAMILIES else OTHER
