"""What is remembered of conversations: who answered last, who made a tool call, whose a thought is.

Every key is a keyed hash over the caller, so no caller can read or steer another's, and nothing of what was said is kept. See
docs/cascade.md, Sessions.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from litellm.constants import SESSION_ID_GENERATED_METADATA_KEY
from litellm.proxy import proxy_server
from litellm.proxy.common_utils.encrypt_decrypt_utils import decrypt_value_helper
from litellm.responses.utils import ResponsesAPIRequestUtils

from litellm_cascade.classifiers.memory import keyed_hash
from litellm_cascade.policy import Policy
from litellm_cascade.proxy.dialogue import answered, calls_made, has_an_answer, results_brought
from litellm_cascade.proxy.shared_cache import SharedCache
from litellm_cascade.proxy.thoughts import is_noted, marks_of, thoughts_in
from litellm_cascade.vocabulary import Caller, Request, Session, Turn

CALLS_SECONDS = 6 * 3600.0
"""How long it is remembered who made a tool call, or whose a thought is: a person may have to agree to the call before it is answered."""
LONGEST_ID = 500
_RANDOM = re.compile(r"[A-Za-z0-9-]{16,}$")
"""Ids that no two conversations of a caller have in common. Some providers number their calls: ``call_0``, ``functions.weather:0``."""

_INSIDE = re.compile(r"response_id:([^;]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A request's conversation: under which keys it is remembered, and what was found there."""

    session: Session = field(default_factory=Session)
    makers: Mapping[str, str] = field(default_factory=dict)  # whose the thoughts in it are, by their marks
    owner: tuple[str, ...] = ()
    name: str = ""  # "" where the conversation cannot be told from others
    seconds: float = 0.0  # for which its alias is remembered; 0: not at all
    noted: bool = False  # there is more of earlier answers in it than their words and calls

    def is_own(self, alias: str, *, unknown: bool) -> Callable[[str], bool]:
        """Whether a thought is the alias's own, by its mark. ``unknown`` is the answer where nobody remembers."""
        last = self.session.alias

        def own(mark: str) -> bool:
            maker = self.makers.get(mark, last)
            return unknown if maker is None else maker == alias

        return own


class Conversations:
    """All that this process remembers, and shares with others through LiteLLM's Redis."""

    def __init__(self, cache: SharedCache, secret: Callable[[], bytes] | None = None) -> None:
        self._cache = cache
        self._secret = secret or shared_secret

    async def recall(self, data: Mapping[str, Any], request: Request, policy: Policy) -> Conversation:
        """What is known of the conversation that a request belongs to."""
        rule, owner = policy.document.sessions, _owner(request.caller)
        name, is_new = _name(data, request.turns, rule.by)
        results, thoughts = results_brought(data), thoughts_in(data)
        goes_on = bool(name) and not is_new and bool(policy.remembers or results or thoughts)
        session_key = self._key("session", owner, policy.name, name) if goes_on else ""
        call_keys = [key for call in results for key in self._call_keys(owner, name, call)]
        thought_keys = {mark: self._key("thought", owner, mark) for mark in thoughts}
        keys = [key for key in (session_key, *call_keys, *thought_keys.values()) if key]
        found, degraded = await self._cache.get(keys) if keys else ({}, ())
        known = _state(found.get(session_key)) if goes_on else Session()
        makers = {key: value for key, value in found.items() if isinstance(value, str)}
        caller_of = next((makers[key] for key in call_keys if key in makers), known.alias if results else None)
        return Conversation(
            session=Session(
                alias=known.alias,
                turns=known.turns,
                bound_to=_alias_of_response(data.get("previous_response_id")) or caller_of,
                degraded=degraded,
            ),
            makers={mark: makers[key] for mark, key in thought_keys.items() if key in makers},
            owner=owner,
            name=name,
            seconds=rule.minutes * 60 if policy.remembers or request.tools else 0.0,
            noted=is_noted(data),
        )

    def answered_by(self, conversation: Conversation, policy: str, alias: str) -> None:
        """An alias is answering."""
        if conversation.name and conversation.seconds:
            state = {"alias": alias, "turns": conversation.session.turns + 1}
            self._cache.put(self._key("session", conversation.owner, policy, conversation.name), state, seconds=conversation.seconds)

    def answer(self, conversation: Conversation, alias: str, response: Any) -> None:
        """What the answer has in it that only its alias can go on with."""
        turns = answered(response)
        for call in calls_made(turns):
            for key in self._call_keys(conversation.owner, conversation.name, call):
                self._cache.put(key, alias, seconds=CALLS_SECONDS)
        for mark in (mark for turn in turns for mark in marks_of(turn)):
            self._cache.put(self._key("thought", conversation.owner, mark), alias, seconds=CALLS_SECONDS)

    def _call_keys(self, owner: Iterable[str], name: str, call: str) -> Iterator[str]:
        """In the conversation; and wherever the caller goes on with it, if its id can only be that call's."""
        if name:
            yield self._key("call", owner, name, call)
        if _RANDOM.search(call):
            yield self._key("call", owner, "", call)

    def _key(self, kind: str, owner: Iterable[str], *parts: str) -> str:
        return keyed(self._secret(), kind, *owner, *parts)


def keyed(secret: bytes, kind: str, *parts: str) -> str:
    """What something is remembered under."""
    return f"cascade:{kind}:{keyed_hash(secret, kind, *parts).hexdigest()}"


_of_this_process = secrets.token_bytes(32)


def shared_secret() -> bytes:
    """What all workers of a proxy know and no caller does: LiteLLM's salt, or its master key. Without either, each has its own."""
    known = os.environ.get("LITELLM_SALT_KEY") or proxy_server.master_key
    return _of_all_processes(known) if known else _of_this_process


@lru_cache(maxsize=1)
def _of_all_processes(known: str) -> bytes:
    return hashlib.sha256(f"litellm-cascade sessions {known}".encode()).digest()


def _owner(caller: Caller) -> tuple[str, ...]:
    return tuple(part or "" for part in (caller.key_hash, caller.team, caller.user, caller.end_user))


def _name(data: Mapping[str, Any], turns: tuple[Turn, ...], by: tuple[str, ...]) -> tuple[str, bool]:
    """What a conversation is called, and whether it must be new: one known by its beginning is, until it has an answer in it."""
    given = _given_id(data) if "id" in by else None
    if given is not None:
        return f"id {given}", False
    first = next((place for place, turn in enumerate(turns) if turn.role == "user"), None)
    if first is None or "beginning" not in by or data.get("previous_response_id"):
        return "", True
    said = (part for turn in turns[: first + 1] for part in (turn.role, turn.text))
    return "beginning " + "".join(f"{len(part)} {part}" for part in said), not has_an_answer(data)


def _given_id(data: Mapping[str, Any]) -> str | None:
    """The session that the client names, where LiteLLM found it; not one that LiteLLM made up for this request alone."""
    metadata = [data[key] for key in ("litellm_metadata", "metadata") if isinstance(data.get(key), Mapping)]
    if any(found.get(SESSION_ID_GENERATED_METADATA_KEY) for found in metadata):
        return None
    named = (data.get("litellm_session_id"), *(found.get("session_id") for found in metadata))
    return next((text for text in named if isinstance(text, str) and 0 < len(text) <= LONGEST_ID), None)


def _state(value: Any) -> Session:
    """What another process wrote is read with care."""
    if not isinstance(value, Mapping) or not isinstance(value.get("alias"), str) or not isinstance(value.get("turns"), int):
        return Session()
    return Session(alias=value["alias"], turns=value["turns"])


def _alias_of_response(response_id: Any) -> str | None:
    """Whose deployment keeps an earlier response: LiteLLM writes it into the id. Whether the caller may see it is LiteLLM's to ask."""
    router = proxy_server.llm_router
    if not isinstance(response_id, str) or router is None:
        return None
    try:
        model_id = ResponsesAPIRequestUtils._decode_responses_api_response_id(_plain_id(response_id)).get("model_id")  # noqa: SLF001
        deployment = router.get_deployment(model_id=model_id) if model_id else None
    except Exception:  # noqa: BLE001 - a client may send anything as an id, and these functions are LiteLLM's
        return None
    return deployment.model_name if deployment is not None else None


def _plain_id(response_id: str) -> str:
    """LiteLLM encrypts the ids it hands out, and decrypts them again after this plugin has seen them."""
    opened = decrypt_value_helper(response_id.removeprefix("resp_"), key="response_id", return_original_value=True)
    inside = _INSIDE.search(opened) if isinstance(opened, str) else None
    return inside[1] if inside else response_id
