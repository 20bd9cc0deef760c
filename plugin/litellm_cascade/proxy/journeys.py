"""The requests under way in this process, found again by the token that travels in their metadata.

LiteLLM hands a request through hooks, a provider and logging callbacks with nothing of ours but its metadata in common; a token in
there is what ties them together. (The call id will not do: a client may choose it, and choose the same one twice.)
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from litellm_cascade.escalation import StreamedAnswer
from litellm_cascade.journey import Journey
from litellm_cascade.proxy.conversations import Conversation
from litellm_cascade.vocabulary import Endpoint, Reason

TOKEN = "cascade_journey"  # noqa: S105 - a key in the metadata, not a secret
METADATA = ("litellm_metadata", "metadata")
"""Where LiteLLM keeps a request's metadata: the first on /v1/messages and /v1/responses, the second elsewhere."""
LONGEST_SECONDS = 3600.0
"""A request not heard of for this long has been lost by its client, its provider or its proxy."""
ENDED_SECONDS = 60.0
"""How long an ended request is remembered: LiteLLM writes headers and logs in no fixed order."""
MOST = 20_000


@dataclass(slots=True)
class Underway:
    """A journey with what only the edge knows of it."""

    journey: Journey
    wants_logprobs: bool
    conversation: Conversation = field(default_factory=Conversation)
    stream: StreamedAnswer | None = None
    cache: dict[str, Any] = field(default_factory=dict)  # what LiteLLM's response cache is told of the request
    dropped: tuple[str, ...] = ()  # parameters of a request that is sent straight to an alias which refuses them
    failure: Exception | None = None  # what the cascade raised
    call_ended: Callable[[], None] = lambda: None  # to be told when a request that was sent straight to an alias is over
    since: float = field(default_factory=time.monotonic)

    @property
    def answering(self) -> str | None:
        """The alias whose answer the client gets; None where there is none, or not one of ours."""
        return self.journey.outcome().alias if self.journey.cascades else self.journey.decided_plan.decision.alias

    @property
    def lifetime(self) -> float:
        """Seconds to keep it."""
        return ENDED_SECONDS if self.journey.is_over else LONGEST_SECONDS


class Journeys:
    """A bounded map; what grows too old, or too many, is ended and forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._underway: OrderedDict[str, Underway] = OrderedDict()

    def __len__(self) -> int:
        return len(self._underway)

    def add(self, data: MutableMapping[str, Any], underway: Underway) -> None:
        """Remember a request, and leave its token in its metadata."""
        token = secrets.token_hex(8)
        metadata_of(data)[TOKEN] = token
        self._underway[token] = underway
        self._forget_the_old()

    def find(self, holder: Mapping[str, Any] | None) -> Underway | None:
        """The request that ``holder`` (request data, or ``litellm_params``) belongs to."""
        token = _token(holder)
        return self._underway.get(token) if token else None

    def _forget_the_old(self) -> None:
        while self._underway:
            oldest = next(iter(self._underway.values()))
            if len(self._underway) <= MOST and self._clock() - oldest.since < oldest.lifetime:
                return
            self._underway.popitem(last=False)
            oldest.journey.ended(Reason.CLIENT_GONE)


def metadata_of(data: MutableMapping[str, Any]) -> dict[str, Any]:
    """The metadata dictionary LiteLLM uses for this request; made when there is none."""
    for key in METADATA:
        if isinstance(data.get(key), dict):
            found: dict[str, Any] = data[key]
            return found
    made: dict[str, Any] = {}
    data["metadata"] = made
    return made


def keep_metadata(data: MutableMapping[str, Any], endpoint: Endpoint) -> None:
    """Have LiteLLM keep a request's metadata all the way: who asks and who pays, and our token.

    /v1/responses has it under the first name. Others that LiteLLM answers in the same way (/cursor/chat/completions with an ``input``,
    /interactions) have it under the second, where LiteLLM takes it for the client's own and loses it.
    """
    if endpoint in {Endpoint.RESPONSES, Endpoint.OTHER}:
        data.setdefault(METADATA[0], metadata_of(data))


def _token(holder: Mapping[str, Any] | None) -> str | None:
    for key in METADATA:
        metadata = (holder or {}).get(key)
        if isinstance(metadata, dict) and isinstance(metadata.get(TOKEN), str):
            token: str = metadata[TOKEN]
            return token
    return None
