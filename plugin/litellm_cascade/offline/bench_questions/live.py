"""A question set asked of a running proxy: each alias alone, then the routed model. Answers are graded and forgotten."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.asking import HEADER, Asker, Asking
from litellm_cascade.offline.bench_common.reading import no_gaps, read_table
from litellm_cascade.offline.bench_common.resuming import Parts
from litellm_cascade.offline.bench_questions.rows import Answered
from litellm_cascade.offline.calibrating.records import named

CONCURRENCY: Final = 4
SPENT: Final = "x-litellm-response-cost"
"""Of an answer that no cascade gave."""
_LETTER: Final = re.compile(r"\b([A-J])\b")
_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, what is right, and the near-duplicates that it stands with."""

    text: str
    answer: str
    group: str


def read_questions(path: Path) -> list[Question]:
    """Questions of a JSONL or parquet file with ``prompt`` and ``answer``, and ``group`` if there is one. Raises ConfigurationError."""
    rows = _parquet(path) if path.suffix == ".parquet" else _jsonl(path)
    if not rows:
        raise ConfigurationError([f"{path}: holds no question; write one JSON object with `prompt` and `answer` a line"])
    empty = [number for number, row in enumerate(rows, 1) if not all(_is_told(row[name]) for name in ("prompt", "answer"))]
    if empty:
        raise ConfigurationError([f"{path}: question {empty[0]} has an empty `prompt` or `answer`; leave it out"])
    return [
        Question(text=str(row["prompt"]), answer=str(row["answer"]), group=named(row, "group", f"question {number}"))
        for number, row in enumerate(rows)
    ]


def _is_told(value: Any) -> bool:
    return value is not None and bool(str(value).strip())


def _parquet(path: Path) -> list[Mapping[str, Any]]:
    table = read_table(path, ("prompt", "answer"))
    no_gaps(path, table, ("prompt", "answer"))
    return [*table.iter_rows(named=True)]


def _jsonl(path: Path) -> list[Mapping[str, Any]]:
    rows = []
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path}: cannot be read as text ({type(error).__name__}); check the path"]) from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            rows.append(_question(line, f"{path}:{number}"))
    return rows


def _question(line: str, where: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or not {"prompt", "answer"} <= row.keys():
        raise ConfigurationError([f"{where}: is no JSON object with `prompt` and `answer`"])
    return row


def is_right(said: str, answer: str) -> bool:
    """A letter of a choice is looked for as the last that stands alone, a number as the last one, anything else in the text."""
    answer = answer.strip()
    if re.fullmatch("[A-J]", answer):
        found = _LETTER.findall(said)
        return bool(found) and found[-1] == answer
    if _NUMBER.fullmatch(answer):
        numbers = _NUMBER.findall(said)
        return bool(numbers) and float(numbers[-1].replace(",", "")) == float(answer.replace(",", ""))
    return answer.casefold() in said.casefold()


async def answered_by(
    client: httpx.AsyncClient, model: str, questions: Sequence[Question], *, max_tokens: int, parts: Parts, advance: Callable[[], object]
) -> list[Answered]:
    """Every question, asked of one model of the proxy; what an interrupted run has asked is not asked again.

    Raises ConfigurationError when the model is not there or does not answer.
    """
    await Asker(client, Asking(model=model)).check()
    waiting, done = iter(enumerate(questions)), dict[int, Answered]()

    async def work() -> None:
        for number, question in waiting:
            part = f"{model} {number}"
            kept = parts.kept(part)
            done[number] = Answered(**kept[0]) if kept else await _asked(client, model, question, max_tokens)
            if not kept:
                parts.keep(part, [asdict(done[number])])
            advance()

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return [done[number] for number in range(len(questions))]


async def _asked(client: httpx.AsyncClient, model: str, question: Question, max_tokens: int) -> Answered:
    body = {"model": model, "messages": [{"role": "user", "content": question.text}], "max_tokens": max_tokens, "temperature": 0.0}
    began = time.perf_counter()
    try:
        response = await client.post("/v1/chat/completions", json=body)
        response.raise_for_status()
        said = str(response.json()["choices"][0]["message"]["content"] or "")
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        status = f"HTTP {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
        raise ConfigurationError([f"{model!r} did not answer a question ({status}); see the proxy's log, then run this again"]) from None
    return Answered(
        alias=response.headers.get(f"{HEADER}model") or model,
        correct=float(is_right(said, question.answer)),
        cost_usd=_dollars(response.headers.get(f"{HEADER}cost-usd") or response.headers.get(SPENT)),
        latency_ms=1000 * (time.perf_counter() - began),
    )


def _dollars(header: str | None) -> float | None:
    try:
        return None if header is None else float(header)
    except ValueError:
        return None
