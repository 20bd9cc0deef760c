"""What arrives: a request, who asks, and what its answer must satisfy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as LiteLLM authenticated them. Hashes and ids, never the key itself."""

    key_hash: str | None = None
    key_alias: str | None = None
    team: str | None = None
    user: str | None = None
    end_user: str | None = None
    tier: str | None = None
    tags: tuple[str, ...] = ()
    budget_left_usd: float | None = None  # of the budget that ends first; None: no budget is known


class Endpoint(StrEnum):
    """The route the client called; its dialect is kept for the answer."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    MESSAGES = "messages"
    RESPONSES = "responses"
    GENERATE_CONTENT = "generate_content"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One non-text part of a turn."""

    modality: str  # image | pdf | audio | video | file
    mime_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of the conversation. ``text`` joins its text parts with newlines."""

    role: str  # system | user | assistant | tool
    text: str
    attachments: tuple[Attachment, ...] = ()
    tool_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The outside of a request: what can be said without reading it."""

    request_id: str
    endpoint: Endpoint
    requested_model: str
    policy: str
    stream: bool = False


class Band(StrEnum):
    """Which of the ways a request is answered."""

    SMALL = "small"  # a cheaper alias answers alone
    CASCADE = "cascade"  # rungs from cheap to capable, judged on the answer
    LARGE = "large"  # the most capable alias answers alone
    ENSEMBLE = "ensemble"  # several aliases answer at once, and one of the answers is picked


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a client asks for itself, by header or metadata. None: it does not ask.

    ``ignored`` names what it asked in vain: at first what could not be understood, later also what the policy does not allow it.
    """

    max_cost_usd: float | None = None
    max_latency_ms: float | None = None
    min_quality: float | None = None  # 0..1
    alias: str | None = None
    band: Band | None = None
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a caller says outright of how a request should be answered. Signals like any other: the policy says whether they count."""

    quality: str = "unspecified"  # low | normal | high
    urgency: str = "unspecified"  # low | normal | high
    latency_budget_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that a request offers. ``parameters`` is the JSON schema of its arguments as the client wrote it; None: there is none."""

    name: str
    parameters: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerContract:
    """What an answer must satisfy because the request says so. Content, like the turns: it is held against answers and told to nobody.

    Nothing in it has been checked: a schema is whatever the client sent.
    """

    json: str | None = None  # json_object | json_schema
    schema: object = None
    tools: tuple[Tool, ...] = ()
    knows_all_tools: bool = True  # False: tools are offered of which only the provider knows the names
    must_call: bool = False
    must_call_tool: str | None = None  # this one
    language: str = "unknown"  # of the prompt; ISO 639-1, or "unknown"
    choices: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is remembered of the conversation that a request belongs to. The default stands for one nothing is known of."""

    alias: str | None = None  # the alias that answered last
    turns: int = 0  # requests of this conversation answered so far
    bound_to: str | None = None  # who must answer: it made the tool call whose result this is, or it keeps the earlier response
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request in one dialect-free form. The only type that holds what the client wrote."""

    envelope: Envelope
    caller: Caller = Caller()
    turns: tuple[Turn, ...] = ()
    tools: tuple[str, ...] = ()
    response_format: str | None = None  # json_object | json_schema
    temperature: float | None = None
    max_output_tokens: int | None = None
    choices: int = 1
    wants_logprobs: bool = False
    hints: Hints = Hints()
    contract: AnswerContract = AnswerContract()
    direct_only: str | None = None  # why this request cannot pass through a cascade (a feature only the native path keeps)
    overrides: Overrides = Overrides()
    session: Session = Session()
