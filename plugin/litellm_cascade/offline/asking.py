"""Asking a proxy as its clients do, and noting what can be seen from outside: headers, times, errors, no text."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.prompt_report import Answered

HEADER = "x-cascade-"
EVENT = "data: "
STREAMED: Mapping[str, Callable[[int], bool]] = {
    "alternate": lambda number: number % 2 == 1,
    "always": lambda _: True,
    "never": lambda _: False,
}
TOLD = ("x-litellm-version", HEADER + "policy", HEADER + "policy-digest")
LONGEST_MESSAGE = 160
"""Characters of an error message that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One line of the file."""

    id: str
    text: str
    source: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What every request has in common."""

    model: str = "auto"
    max_tokens: int = 48
    temperature: float = 0.0
    stream: str = "alternate"
    concurrency: int = 2


class Asker:
    """Asks prompts through one proxy. ``told`` is what the proxy has said of itself in its headers, as far as it does."""

    def __init__(self, client: httpx.AsyncClient, asking: Asking) -> None:
        self.told: dict[str, str] = {}
        self._client = client
        self._asking = asking

    async def check(self) -> None:
        """Raises ConfigurationError in one sentence when the proxy, the key or the model is not there."""
        if (asked := self._asking.model) not in (names := await self._model_names()):
            there = f"the proxy at {self._client.base_url} has no model {asked!r}"
            raise ConfigurationError([f"{there}; choose one of those that it has: {', '.join(names) or 'none'}"])

    async def _model_names(self) -> list[str]:
        url = self._client.base_url
        try:
            response = await self._client.get("/v1/models")
            listed = response.json() if response.is_success else {}
        except (httpx.HTTPError, ValueError) as error:
            raise ConfigurationError(
                [f"no proxy answers at {url} ({type(error).__name__}); start it, or name another with --url"]
            ) from None
        if not response.is_success:
            refused = f"the proxy at {url} does not list its models (HTTP {response.status_code})"
            raise ConfigurationError([f"{refused}; is the key in the variable of --key-env one of its keys?"])
        return sorted(str(model["id"]) for model in listed.get("data") or ())

    async def ask_all(self, prompts: Sequence[Prompt], advance: Callable[[], object]) -> list[Answered]:
        """The answers, in the order of the prompts. ``advance`` is called after each."""
        waiting = iter(enumerate(prompts))
        answers: dict[int, Answered] = {}

        async def work() -> None:
            for number, prompt in waiting:
                answers[number] = await self.ask(prompt, streamed=STREAMED[self._asking.stream](number))
                advance()

        await asyncio.gather(*(work() for _ in range(self._asking.concurrency)))
        return [answers[number] for number in sorted(answers)]

    async def ask(self, prompt: Prompt, *, streamed: bool) -> Answered:
        """One request. Whatever goes wrong is in the result."""
        seen = Seen()
        try:
            async with self._client.stream("POST", "/v1/chat/completions", json=self._body(prompt, streamed=streamed)) as response:
                await seen.read(response)
            self.told |= {name: response.headers[name] for name in TOLD if name in response.headers}
        except (httpx.HTTPError, ValueError) as error:
            seen.error = type(error).__name__
        return seen.told(prompt, streamed=streamed)

    def _body(self, prompt: Prompt, *, streamed: bool) -> dict[str, Any]:
        asking = self._asking
        question = [{"role": "user", "content": prompt.text}]
        limits = {"max_tokens": asking.max_tokens, "temperature": asking.temperature}
        return {"model": asking.model, "messages": question, "stream": streamed, **limits}


class Seen:
    """What has been seen of one response so far, by the clock."""

    def __init__(self) -> None:
        self.error = ""
        self._status: int | None = None
        self._headers: Mapping[str, str] = {}
        self._first_token_ms: float | None = None
        self._began = time.perf_counter()

    async def read(self, response: httpx.Response) -> None:
        """To its end, whether it is an answer, a stream or an error."""
        self._status, self._headers = response.status_code, response.headers
        if response.is_success and response.headers.get("content-type", "").startswith("text/event-stream"):
            async for line in response.aiter_lines():
                self._event(line)
            self.error = self.error or ("" if self._first_token_ms is not None else "an empty answer")
        else:
            self.error = _error(response.status_code, await response.aread())

    def told(self, prompt: Prompt, *, streamed: bool) -> Answered:
        """The result, as of now."""
        return Answered(
            prompt=prompt.id,
            source=prompt.source,
            language=prompt.language,
            streamed=streamed,
            status=self._status,
            total_ms=self._elapsed_ms(),
            first_token_ms=self._first_token_ms,
            error=self.error,
            **{name: self._headers.get(HEADER + name, "") for name in ("band", "model", "route", "reason", "degraded")},
            escalated=self._headers.get(HEADER + "escalated") == "true",
            confidence=_score(self._headers.get(HEADER + "confidence", "")),
        )

    def _event(self, line: str) -> None:
        if not line.startswith(EVENT + "{"):
            return
        event = json.loads(line.removeprefix(EVENT))
        if "error" in event:
            self.error = f"in the stream: {_message(event)}"
        if self._first_token_ms is None and _text(event, "delta"):
            self._first_token_ms = self._elapsed_ms()

    def _elapsed_ms(self) -> float:
        return round((time.perf_counter() - self._began) * 1e3, 1)


def _error(status: int, body: bytes) -> str:
    """Empty for an answer with text in it."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    if status >= httpx.codes.BAD_REQUEST:
        return f"HTTP {status}: {_message(answer)}".rstrip(": ")
    return "" if _text(answer, "message") else "an empty answer"


def _message(answer: Mapping[str, Any]) -> str:
    error = answer.get("error") or {}
    return str(error.get("message", "") if isinstance(error, Mapping) else error)[:LONGEST_MESSAGE]


def _text(answer: Mapping[str, Any], part: str) -> str:
    return "".join((choice.get(part) or {}).get("content") or "" for choice in answer.get("choices") or ())


def _score(header: str) -> float | None:
    """Of ``mean=-0.7928; accept_at=-0.35`` the first number."""
    value = header.partition(";")[0].partition("=")[2]
    try:
        return float(value)
    except ValueError:
        return None
