"""One call to a simulated deployment. The same seed, prompt and role give the same answer, always."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from litellm_cascade.simulated.confidence import ConfidenceFit, alternatives, draw_logprobs, draw_temper, shipped_fit
from litellm_cascade.simulated.deployment import NO_FAULTS, Faults
from litellm_cascade.simulated.difficulty import Difficulty, difficulty_of
from litellm_cascade.simulated.profiles import LATENCY_JITTER, PROFILES
from litellm_cascade.simulated.tools import Tool, call_tool
from litellm_cascade.simulated.wording import FEWEST_TOKENS, MOST_TOKENS, notes, tokenise, word, word_json, word_refusal
from litellm_cascade.vocabulary import Completion, TokenLogprob, ToolCall, Usage

Prompt = str | Sequence[Mapping[str, Any]]
"""A prompt, or messages as OpenAI has them."""

_OTHER_TOKENS = tuple(re.findall(r" \w+", " the a of and to in is it for on with as at by from or an be that this not"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedToken:
    """One token. ``top`` holds the likeliest tokens with their log-probabilities, this one first."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedAnswer:
    """What a simulated deployment sends, and what only the simulator knows: whether it is right, how hard it was, which fault struck.

    ``fault`` is fail, hang, refuse, truncate or None. A failing or hanging deployment sends nothing of this, or its first tokens.
    """

    text: str
    tokens: tuple[SimulatedToken, ...]
    finish_reason: str
    usage: Usage
    latency_s: float
    correct: bool
    difficulty: Difficulty
    fault: str | None = None
    tool_call: ToolCall | None = None

    @property
    def completion(self) -> Completion:
        """The answer as the gates see it."""
        scored = tuple(TokenLogprob(token.text, token.logprob, tuple(logprob for _, logprob in token.top)) for token in self.tokens)
        called = (self.tool_call,) if self.tool_call else ()
        return Completion(text=self.text, tool_calls=called, tokens=scored or None, finish_reason=self.finish_reason, usage=self.usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a request asks besides its prompt. ``difficulty`` None lets the rule of thumb say."""

    max_tokens: int | None = None
    top: int = 5
    as_json: bool = False
    tool: Tool | None = None
    difficulty: Difficulty | None = None


PLAIN = Ask()


def answer(
    prompt: Prompt,
    role: str,
    seed: int = 0,
    *,
    choice: int = 0,
    ask: Ask = PLAIN,
    faults: Faults = NO_FAULTS,
    latency_ms: float | None = None,
    fit: ConfidenceFit | None = None,
) -> SimulatedAnswer:
    """Answers ``prompt`` as ``role`` (small, sql or large) would.

    ``choice`` tells several answers to one request apart; ``latency_ms`` None is the role's own, ``fit`` None the shipped one.
    """
    rng = Random(_key(prompt, role, seed, choice))
    question, profile = _question(prompt), PROFILES[role]
    difficulty = ask.difficulty or difficulty_of(question)
    correct = rng.random() < profile.accuracy[difficulty]
    fault = _fault(rng, faults)
    latency_s = (profile.latency_ms if latency_ms is None else latency_ms) * rng.uniform(1 - LATENCY_JITTER, 1 + LATENCY_JITTER) / 1000
    usage = Usage(input_tokens=_input_tokens(prompt))
    whole = SimulatedAnswer(
        text="", tokens=(), finish_reason="stop", usage=usage, latency_s=latency_s, correct=correct, difficulty=difficulty, fault=fault
    )
    if ask.tool is not None and fault != "refuse":
        return _with_tool_call(whole, ask.tool)
    return _cut(_with_text(whole, rng, role, question, ask=ask, fit=fit or shipped_fit()), ask.max_tokens)


def _key(prompt: Prompt, role: str, seed: int, choice: int) -> int:
    said = "\0".join((str(seed), role, str(choice), *_texts(prompt)))
    return int.from_bytes(hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _fault(rng: Random, faults: Faults) -> str | None:
    """The first fault that strikes. Always takes four draws, so that faults change nothing else."""
    draws = {name: rng.random() for name in ("fail", "hang", "refuse", "truncate")}
    return next((name for name, draw in draws.items() if draw < getattr(faults, name)), None)


def _with_tool_call(whole: SimulatedAnswer, tool: Tool) -> SimulatedAnswer:
    call, cut = call_tool(tool), whole.fault == "truncate"
    if cut:
        call = replace(call, arguments=call.arguments[: len(call.arguments) // 2])
    usage = replace(whole.usage, output_tokens=len(tokenise(call.arguments)) + 1)
    reason = "length" if cut else "tool_calls"
    return replace(whole, tool_call=call, finish_reason=reason, usage=usage, correct=whole.correct and not cut)


def _with_text(whole: SimulatedAnswer, rng: Random, role: str, question: str, *, ask: Ask, fit: ConfidenceFit) -> SimulatedAnswer:
    temper = draw_temper(rng, fit, correct=whole.correct or whole.fault == "refuse")  # models refuse with confidence
    result, first_note = _result(rng, question, correct=whole.correct), rng.randrange(notes())
    pieces = tokenise(_text(whole, role, question, result, ask=ask, length=temper.length, first_note=first_note))
    logprobs = draw_logprobs(rng, temper, len(pieces))
    tokens = tuple(_token(text, logprob, fit, ask.top) for text, logprob in zip(pieces, logprobs, strict=True))
    usage = replace(whole.usage, output_tokens=len(tokens))
    whole = replace(whole, text="".join(pieces), tokens=tokens, usage=usage, correct=whole.correct and whole.fault != "refuse")
    return _cut(whole, len(tokens) // 2) if whole.fault == "truncate" else whole


def _text(whole: SimulatedAnswer, role: str, question: str, result: int, *, ask: Ask, length: float, first_note: int) -> str:
    if whole.fault == "refuse":
        return word_refusal(role)
    if ask.as_json:
        return word_json(role, question, result)
    tokens = round(FEWEST_TOKENS * (MOST_TOKENS / FEWEST_TOKENS) ** length)
    return word(role, question, result, tokens=tokens, first_note=first_note)


def _result(rng: Random, question: str, *, correct: bool) -> int:
    """A number of two digits: right answers to a question share it, wrong ones are one of eight others."""
    right = int.from_bytes(hashlib.sha256(question.encode("utf-8", "surrogatepass")).digest()[:2], "big") % 90
    wrong = (right + rng.randint(1, 8)) % 90
    return 10 + (right if correct else wrong)


def _token(text: str, logprob: float, fit: ConfidenceFit, top: int) -> SimulatedToken:
    others = (other for other in _OTHER_TOKENS if other != text)
    ranked = zip((text, *others), alternatives(logprob, fit.alternative_shares, top), strict=False)
    return SimulatedToken(text=text, logprob=logprob, top=tuple(ranked))


def _cut(whole: SimulatedAnswer, most: int | None) -> SimulatedAnswer:
    """An answer that is cut off is not right."""
    if most is None or len(whole.tokens) <= most:
        return whole
    tokens = whole.tokens[: max(most, 0)]
    text = "".join(token.text for token in tokens)
    usage = replace(whole.usage, output_tokens=len(tokens))
    return replace(whole, text=text, tokens=tokens, finish_reason="length", usage=usage, correct=False)


def _texts(prompt: Prompt) -> Iterable[str]:
    if isinstance(prompt, str):
        return ("user", prompt)
    return (part for message in prompt for part in (str(message.get("role", "user")), _content(message.get("content"))))


def _question(prompt: Prompt) -> str:
    if isinstance(prompt, str):
        return prompt
    asked = (_content(message.get("content")) for message in reversed(prompt) if message.get("role") == "user")
    return next(asked, "")


def _content(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if isinstance(part, dict) and "text" in part)
    return content if isinstance(content, str) else ""


def _input_tokens(prompt: Prompt) -> int:
    return sum(len(tokenise(text)) for text in _texts(prompt))
