"""A recorded request in the one form that policies decide, whatever it was recorded by."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from litellm_cascade.audit.ledger.codec import FORMAT, read_record
from litellm_cascade.errors import RecordError
from litellm_cascade.offline.traffic.rows import Row
from litellm_cascade.offline.traffic.spoken import number, request_of, whole, words
from litellm_cascade.vocabulary import AuditRecord, Caller, Evidence, Request, Usage

Perceive = Callable[[Request], Evidence]
"""Signals and a classifier: what a policy would have seen of a request."""
Json = Mapping[str, Any]

DECISION_RECORD, SPEND_LOG, REQUEST = "decision record", "LiteLLM spend log", "request"
_LEDGER_KEYS = {"chain", "seq", "kind"}
_SPEND_KEYS = {"spend", "call_type", "startTime", "model_group", "proxy_server_request", "completion_tokens"}
_NO_CHAT = ("embedding", "image", "speech", "transcription", "rerank", "moderation", "mcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A request, and what was recorded of its answer. No word of its text.

    ``is_read``: whether there was text to read, or a record of what was read; without it tokens alone are known. ``correct``: how right
    the answer of an alias was, 0..1, where somebody noted it.
    """

    evidence: Evidence
    record: AuditRecord | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    is_read: bool = True
    correct: Mapping[str, float] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """The task type."""
        return self.evidence.classification.task

    @property
    def team(self) -> str:
        """The caller's team."""
        return self.evidence.caller.team or "no team"


def items_of(rows: Iterable[Row], perceive: Perceive) -> Iterator[Item]:
    """The requests behind rows. Raises ConfigurationError at the first that cannot be used; a file has rows of one kind."""
    expected: dict[object, str] = {}
    for row in rows:
        kind = _kind_of(row)
        if expected.setdefault(row.file, kind) != kind:
            raise row.problem(
                f"is a {kind}, and the rows before it are of the kind {expected[row.file]!r}; give each kind a file of its own"
            )
        item = {DECISION_RECORD: _from_ledger, SPEND_LOG: _from_spend_log, REQUEST: _from_request}[kind](row, perceive)
        if item is not None:
            yield item


def _kind_of(row: Row) -> str:
    keys = row.content.keys()
    if keys >= _LEDGER_KEYS:
        return DECISION_RECORD
    if len(keys & _SPEND_KEYS) > 1:
        return SPEND_LOG
    if "messages" in keys or "messages" in _object(row.content.get("body")):
        return REQUEST
    raise row.problem(
        "is of no known form; a decision record has `kind`, a LiteLLM spend log `call_type` and `spend`, a request `messages`"
    )


def _from_ledger(row: Row, _: Perceive) -> Item | None:
    for head in ("genesis", "rotation"):
        written = _object(row.content.get(head)).get("format", FORMAT)
        if written != FORMAT:
            raise row.problem(f"the record has format {written!r}, and this release reads {FORMAT}; use the release that wrote it")
    if row.content["kind"] != "request":
        return None
    try:
        record = read_record(row.content.get("record"))
    except RecordError as error:
        raise row.problem(str(error)) from None
    served = next((attempt for attempt in record.outcome.attempts if attempt.served), None)
    return Item(
        evidence=record.plan.evidence,
        record=record,
        usage=_counted(served.usage) if served is not None else None,
        cost_usd=number(record.costs.actual_usd),
    )


def _from_request(row: Row, perceive: Perceive) -> Item:
    whole_row = row.content
    body = whole_row if "messages" in whole_row else _object(whole_row["body"])  # the lines of OpenAI's batches have a body
    if not isinstance(body["messages"], list):
        raise row.problem("`messages` is no list")
    metadata = _object(body.get("metadata")) or _object(whole_row.get("metadata"))
    caller = Caller(
        team=_text(metadata.get("team") or metadata.get("user_api_key_team_id")),
        end_user=_text(body.get("user")),
        tier=_text(metadata.get("tier")),
        tags=words(metadata.get("tags")),
    )
    request = request_of(body, _text(whole_row.get("custom_id") or whole_row.get("id")) or f"line {row.line}", caller)
    usage = _object(whole_row.get("usage"))
    return Item(
        evidence=perceive(request),
        usage=_usage(usage),
        cost_usd=number(whole_row.get("cost")),
        correct=_correct(row, whole_row.get("correct", metadata.get("correct"))),
    )


def _from_spend_log(row: Row, perceive: Perceive) -> Item | None:
    log = row.content
    if any(word in str(log.get("call_type")) for word in _NO_CHAT):
        return None
    metadata, sent = _object(log.get("metadata")), _object(log.get("proxy_server_request"))
    messages = _list(log.get("messages")) or _list(sent.get("messages"))
    caller = Caller(
        key_hash=_text(log.get("api_key")),
        key_alias=_text(metadata.get("user_api_key_alias")),
        team=_text(log.get("team_id") or metadata.get("user_api_key_team_id")),
        user=_text(log.get("user")),
        end_user=_text(log.get("end_user")),
        tags=words(_list(log.get("request_tags"))),
    )
    body = {**sent, "messages": messages, "model": log.get("model_group") or log.get("model")}
    request = request_of(body, _text(log.get("request_id")) or f"line {row.line}", caller)
    usage = _usage(log)
    evidence = perceive(request) if messages else Evidence(envelope=request.envelope, caller=caller)
    if usage is not None and usage.input_tokens:  # counted by the provider; stored text may be cut off
        evidence = replace(evidence, signals=replace(evidence.signals, input_tokens=usage.input_tokens))
    return Item(
        evidence=evidence,
        usage=usage,
        cost_usd=number(log.get("spend")),
        is_read=bool(messages),
        correct=_correct(row, metadata.get("correct")),
    )


def _correct(row: Row, written: Any) -> dict[str, float]:
    if written is None:
        return {}
    shares = {alias: float(share) for alias, share in _object(written).items() if isinstance(share, bool) or number(share) is not None}
    if not isinstance(written, Mapping) or len(shares) != len(written) or not all(0 <= share <= 1 for share in shares.values()):
        raise row.problem("`correct` must say for each alias how right its answer was: {small: true, large: 0.5}")
    return shares


def _usage(counted: Json) -> Usage | None:
    tokens_in, tokens_out = whole(counted.get("prompt_tokens")) or 0, whole(counted.get("completion_tokens")) or 0
    return _counted(Usage(input_tokens=tokens_in, output_tokens=tokens_out))


def _counted(usage: Usage | None) -> Usage | None:
    return None if usage == Usage() else usage


def _parsed(value: Any) -> Any:
    """LiteLLM writes some columns as JSON in text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _object(value: Any) -> Json:
    found = _parsed(value)
    return found if isinstance(found, dict) else {}


def _list(value: Any) -> list[Any]:
    found = _parsed(value)
    return found if isinstance(found, list) else []


def _text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None
