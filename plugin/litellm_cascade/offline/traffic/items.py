"""A recorded request in the one form that policies decide, whatever it was recorded by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from litellm_cascade.audit.ledger.codec import FORMAT, read_record
from litellm_cascade.errors import RecordError
from litellm_cascade.offline.rated import Said, feedback_of
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
    the answer of an alias was, 0..1, where somebody noted it, or its caller said so. ``scores``: how sure an alias was, by the name of the
    score, where no decision record holds it. ``group``: the same for requests that ask the same. ``at``: when, ISO 8601.
    """

    evidence: Evidence
    record: AuditRecord | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    is_read: bool = True
    correct: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    group: str = ""
    at: str | None = None

    @property
    def task(self) -> str:
        """The task type."""
        return self.evidence.classification.task

    @property
    def team(self) -> str:
        """The caller's team."""
        return self.evidence.caller.team or "no team"


def items_of(rows: Iterable[Row], perceive: Perceive, said: Callable[[], Said] = dict) -> Iterator[Item]:
    """The requests behind rows. Raises ConfigurationError at the first that cannot be used; a file has rows of one kind.

    ``said``: what callers said of the answers in a decision record, asked for when the first of its rows is read.
    """
    expected: dict[object, str] = {}
    feedback: Said | None = None
    for row in rows:
        kind = _kind_of(row)
        if expected.setdefault(row.file, kind) != kind:
            raise row.problem(
                f"is a {kind}, and the rows before it are of the kind {expected[row.file]!r}; give each kind a file of its own"
            )
        if kind == DECISION_RECORD:
            feedback = said() if feedback is None else feedback
            item = _from_ledger(row, feedback)
        else:
            item = {SPEND_LOG: _from_spend_log, REQUEST: _from_request}[kind](row, perceive)
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


def _from_ledger(row: Row, said: Said) -> Item | None:
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
        correct=_as_said(row, record, said),
        group=record.basis.input_hash or record.plan.evidence.envelope.request_id,
        at=_text(row.content.get("at")),
    )


def _as_said(row: Row, record: AuditRecord, said: Said) -> dict[str, float]:
    """How right the served answer was, by its caller's newest word on it."""
    rated = feedback_of(row.content, said) if said else None
    alias = record.outcome.alias
    if rated is None or alias is None or rated.feedback.answer.alias != alias or rated.feedback.correct is None:
        return {}
    return {alias: float(rated.feedback.correct)}


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
        cost_usd=_cost(whole_row.get("cost")),
        correct=_correct(row, whole_row.get("correct", metadata.get("correct"))),
        scores=_scores(row, whole_row.get("scores")),
        group=_text(whole_row.get("group")) or _group(request),
        at=_text(whole_row.get("at")),
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
        cost_usd=_cost(log.get("spend")),
        is_read=bool(messages),
        correct=_correct(row, metadata.get("correct")),
        group=_group(request) if messages else request.envelope.request_id,
        at=_text(log.get("startTime")),
    )


def _group(request: Request) -> str:
    """A hash of what was asked, whatever its case and its spaces."""
    words = " ".join(turn.text for turn in request.turns).casefold().split()
    return hashlib.sha256(" ".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _scores(row: Row, written: Any) -> dict[str, dict[str, float]]:
    if written is None:
        return {}
    scores = {alias: _known(_object(of_alias)) for alias, of_alias in _known(_object(written)).items()}
    known = {alias: {name: found for name, score in mine.items() if (found := number(score)) is not None} for alias, mine in scores.items()}
    wrong = (len(known[alias]) != len(scores[alias]) or not isinstance(written[alias], dict) for alias in scores)
    if not isinstance(written, Mapping) or any(wrong):
        raise row.problem("`scores` must say for an alias how sure it was, by the name of the score: {small: {mean: -0.31}}")
    return {alias: found for alias, found in known.items() if found}


def _correct(row: Row, written: Any) -> dict[str, float]:
    if written is None:
        return {}
    said = _known(_object(written))
    shares = {alias: float(share) for alias, share in said.items() if isinstance(share, bool) or number(share) is not None}
    if not isinstance(written, Mapping) or len(shares) != len(said) or not all(0 <= share <= 1 for share in shares.values()):
        raise row.problem("`correct` must say for each alias how right its answer was: {small: true, large: 0.5}")
    return shares


def _known(written: Json) -> Json:
    """Without what is null, which says that it is not known."""
    return {name: value for name, value in written.items() if value is not None}


def _cost(value: Any) -> float | None:
    """Dollars; None for what can be none."""
    usd = number(value)
    return usd if usd is not None and usd >= 0 else None


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
