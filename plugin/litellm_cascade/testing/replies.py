"""What a fake model is told to answer, and what it saw."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal

from litellm_cascade.vocabulary import TokenLogprob, ToolCall

Body = Mapping[str, Any]
DialectName = Literal["openai", "vllm", "llama_cpp", "together", "none"]
Tokens = Sequence[tuple[str, float] | TokenLogprob]


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted answer.

    Give ``text`` (cut at spaces, every token with ``logprob``) or ``tokens`` (each with its own log-probability; a ``TokenLogprob``
    with ``top`` also fixes the alternatives). ``dialect`` says how the server writes log-probabilities: see ``dialects``. Times are in
    seconds. ``break_after`` drops the connection, and ``hang_after`` falls silent, when that many tokens of a stream have been sent;
    a whole answer that breaks is cut in the middle of its body. ``hang`` never answers. A stream sends the arguments of each tool
    call in ``tool_pieces``. A whole answer of chat has the fields of ``beside`` next to its choices.
    """

    text: str = ""
    _: KW_ONLY
    tokens: Tokens = ()
    logprob: float = -0.01
    reasoning: str | Tokens = ()
    tool_calls: Sequence[ToolCall] = ()
    tool_pieces: int = 1
    beside: Mapping[str, Any] = field(default_factory=dict)
    finish_reason: str | None = None
    dialect: DialectName = "openai"
    input_tokens: int = 10
    status: int = 200
    error: str | Mapping[str, Any] = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    per_token_delay_s: float = 0.0
    hang: bool = False
    hang_after: int | None = None
    break_after: int | None = None

    @property
    def answer_tokens(self) -> tuple[TokenLogprob, ...]:
        """The tokens of the answer."""
        return _tokens(self.tokens or self.text, self.logprob)

    @property
    def reasoning_tokens(self) -> tuple[TokenLogprob, ...]:
        """The tokens thought before the answer."""
        return _tokens(self.reasoning, self.logprob)

    def argument_pieces(self, call: ToolCall) -> tuple[str, ...]:
        """The arguments of one of its tool calls, cut."""
        length = max(1, -(-len(call.arguments) // self.tool_pieces))
        return tuple(call.arguments[start : start + length] for start in range(0, len(call.arguments), length))

    @property
    def output_tokens(self) -> int:
        """Everything generated for one choice; each piece of a tool call counts as one token."""
        return len(self.answer_tokens) + len(self.reasoning_tokens) + sum(len(self.argument_pieces(call)) for call in self.tool_calls)

    @property
    def ending(self) -> str:
        """The finish reason, scripted or implied."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")


@dataclass(slots=True, kw_only=True)
class Seen:
    """A request as the fake model saw it. ``started_at`` and ``ended_at`` are ``time.monotonic`` seconds of this process.

    ``finished``: the last byte was sent. ``disconnected``: the client closed the connection before that. Both stay false for an
    answer still under way, and for one the script broke.
    """

    model: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    started_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    tokens_sent: int = 0
    disconnected: bool = False
    finished: bool = False

    @property
    def stream(self) -> bool:
        """True when the client asked for a stream."""
        return bool(self.body.get("stream")) or self.path.endswith(":streamGenerateContent")


Player = Callable[[Seen], Reply]
Script = Reply | Sequence[Reply] | Player


def player(script: Script) -> Player:
    """What plays ``script``: the same reply always, replies in turn of which the last one stays, or a function as it is."""
    if callable(script):
        return script
    replies = deque([script] if isinstance(script, Reply) else script)
    if not replies:
        raise ValueError("a script needs at least one reply")
    return lambda _: replies.popleft() if len(replies) > 1 else replies[0]


def joined(tokens: Sequence[TokenLogprob]) -> str:
    """The text of ``tokens``."""
    return "".join(token.token for token in tokens)


def _tokens(source: str | Tokens, logprob: float) -> tuple[TokenLogprob, ...]:
    if isinstance(source, str):
        return tuple(TokenLogprob(piece, logprob) for piece in re.findall(r"\s*\S+|\s+$", source))
    return tuple(item if isinstance(item, TokenLogprob) else TokenLogprob(*item) for item in source)
