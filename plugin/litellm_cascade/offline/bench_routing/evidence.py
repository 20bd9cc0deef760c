"""What a policy would see of recorded prompts: signals and the embedded classifier's beliefs, once for all pairs that share a prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from litellm_cascade.offline.traffic.perceiving import perceiving
from litellm_cascade.vocabulary import Endpoint, Envelope, Evidence, Request, Turn

CLASSIFIER = "linear"
_ENVELOPE = Envelope(request_id="", endpoint=Endpoint.CHAT, requested_model="auto", policy="")


class Seen:
    """The evidence of texts, each asked alone. A text that several pairs have is read once."""

    def __init__(self) -> None:
        self._known: dict[str, Evidence] = {}

    def of(self, texts: Iterable[str]) -> Mapping[str, Evidence]:
        """By text."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        with perceiving(CLASSIFIER) as perceive:
            self._known |= {text: perceive(Request(envelope=_ENVELOPE, turns=(Turn(role="user", text=text),))) for text in new}
        return self._known
