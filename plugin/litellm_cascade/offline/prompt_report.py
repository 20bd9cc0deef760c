"""What became of prompts that were sent through a proxy, as Markdown: who answered, how fast, how sure the judged model was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
NOTHING = "-"
CASCADE = "cascade"
TIMES = "p50 / p95"
BRANCH_COLUMNS = (
    *("answered by", "requests", "share"),
    *("whole", f"total ms, {TIMES}", "streamed", f"first token ms, {TIMES}", f"total ms, {TIMES}"),
)
REASON_COLUMNS = ("reason, of the cascaded", "whole", "streamed")
CONFIDENCE_COLUMNS = ("quantiles of the confidence", "requests", *(f"{share:.0%}" for share in QUANTILES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request as its client saw it; no text of the prompt or the answer.

    ``status`` None: there was no response. ``band``, ``model``, ``route``, ``reason`` and ``degraded`` are the response headers, empty
    where the proxy sent none. ``confidence`` is the score of the judged answer. Times are milliseconds from sending; a whole answer has
    no first token.
    """

    prompt: str
    source: str
    language: str
    streamed: bool
    status: int | None
    total_ms: float
    first_token_ms: float | None = None
    error: str = ""
    band: str = ""
    model: str = ""
    route: str = ""
    reason: str = ""
    degraded: str = ""
    escalated: bool = False
    confidence: float | None = None

    @property
    def branch(self) -> str:
        """The way it took, in words."""
        if self.error:
            return "not answered"
        if self.band != CASCADE:
            return f"sent to {self.model or 'a model that no header names'}"
        return f"cascade, escalated to {self.model}" if self.escalated else f"cascade, {self.model} accepted"


def report(answers: Sequence[Answered], provenance: Mapping[str, str]) -> str:
    """All tables, then where the numbers come from."""
    cascaded = [one for one in answers if one.band == CASCADE]
    sections = [
        _table(BRANCH_COLUMNS, _branch_rows(answers)),
        _escalation(cascaded),
        _table(REASON_COLUMNS, _reason_rows(cascaded)),
        _table(CONFIDENCE_COLUMNS, _confidence_rows(cascaded)),
        _sources(answers),
        *_faults(answers),
        "\n".join(f"- {name}: {value}" for name, value in provenance.items()),
    ]
    return "\n\n".join(filter(None, sections))


def _branch_rows(answers: Sequence[Answered]) -> Iterator[tuple[str, ...]]:
    for branch, count in sorted(Counter(one.branch for one in answers).items()):
        whole, streamed = _halves([one for one in answers if one.branch == branch])
        yield (
            branch,
            f"{count}",
            f"{count / len(answers):.1%}",
            f"{len(whole)}",
            _p50_p95(one.total_ms for one in whole),
            f"{len(streamed)}",
            _p50_p95(one.first_token_ms for one in streamed if one.first_token_ms is not None),
            _p50_p95(one.total_ms for one in streamed),
        )


def _escalation(cascaded: Sequence[Answered]) -> str:
    parts = dict(zip(("", " whole", " streamed"), (cascaded, *_halves(cascaded)), strict=True))
    told = [f"{sum(one.escalated for one in part)} of {len(part)}{name} ({_share_escalated(part)})" for name, part in parts.items() if part]
    return f"Escalated, of the cascaded: {'; '.join(told)}." if told else "Nothing was cascaded."


def _share_escalated(part: Sequence[Answered]) -> str:
    return f"{sum(one.escalated for one in part) / len(part):.1%}"


def _reason_rows(cascaded: Sequence[Answered]) -> Iterator[tuple[str, ...]]:
    whole, streamed = (Counter(one.reason for one in half) for half in _halves(cascaded))
    for reason in sorted(whole | streamed):
        yield (reason, f"{whole[reason]}", f"{streamed[reason]}")


def _sources(answers: Sequence[Answered]) -> str:
    branches = sorted({one.branch for one in answers})
    by_source = {
        source: Counter(one.branch for one in answers if one.source == source) for source in sorted({one.source for one in answers})
    }
    rows = ((source, f"{counts.total()}", *(f"{counts[branch]}" for branch in branches)) for source, counts in by_source.items())
    return _table(("source of the prompt", "requests", *branches), rows)


def _confidence_rows(cascaded: Sequence[Answered]) -> Iterator[tuple[str, ...]]:
    for name, half in zip(("whole", "streamed"), _halves(cascaded), strict=True):
        known = [one.confidence for one in half if one.confidence is not None]
        if known:
            yield (name, f"{len(known)}", *(f"{value:.2f}" for value in np.quantile(known, QUANTILES)))


def _faults(answers: Sequence[Answered]) -> Iterator[str]:
    errors = Counter(one.error for one in answers if one.error)
    yield "Errors: " + ("; ".join(f"{count} times {error}" for error, count in errors.most_common()) or "none") + "."
    degraded = Counter(one.degraded for one in answers if one.degraded)
    if degraded:
        yield "Degraded: " + "; ".join(f"{count} times {what}" for what, count in degraded.most_common()) + "."


def _halves(answers: Sequence[Answered]) -> tuple[list[Answered], list[Answered]]:
    return [one for one in answers if not one.streamed], [one for one in answers if one.streamed]


def _p50_p95(times_ms: Iterable[float]) -> str:
    known = list(times_ms)
    return " / ".join(f"{value:,.0f}" for value in np.quantile(known, (0.5, 0.95))) if known else NOTHING


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Empty when there are no rows."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *body]) if body else ""
