"""What a request is made of besides text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from litellm_cascade.vocabulary import Attachment, Request

KNOWN: Final = ("text", "image", "pdf", "audio", "video", "file")


def attachments(request: Request) -> tuple[Attachment, ...]:
    """All non-text parts, in order."""
    return tuple(part for turn in request.turns for part in turn.attachments)


def read_modalities(request: Request) -> tuple[str, ...]:
    """The modalities present, in the order of ``KNOWN``. A request without attachments is text, even an empty one."""
    present = {part.modality if part.modality in KNOWN else "file" for part in attachments(request)}
    if not present or any(turn.text for turn in request.turns):
        present.add("text")
    return tuple(modality for modality in KNOWN if modality in present)
