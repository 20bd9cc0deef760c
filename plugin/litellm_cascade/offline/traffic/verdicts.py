"""What a gate makes of an answer that was recorded: only where the record has the very number that the gate compares."""

from __future__ import annotations

from dataclasses import dataclass, replace

from litellm_cascade.escalation import calibrated
from litellm_cascade.escalation.judging import by_confidence
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.vocabulary import Attempt, Confidence, Gate, Reason, Verdict

NO_ANSWER = "no answer of the rung was recorded"
NO_SCORE = "the recorded answer was not scored"
OTHER_SCORE = "the recorded answer was scored otherwise"
NO_FEATURES = "the calibration weighs more than the recorded score"
_DEFECTS = {reason.value for reason in (Reason.EMPTY, Reason.TRUNCATED, Reason.REFUSED, Reason.INVALID_JSON)} | {
    Reason.INVALID_TOOL_CALL.value,
    Reason.LANGUAGE_MISMATCH.value,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A recorded answer at a gate of today. ``escalates`` is None where that cannot be known, and ``why`` says why. ``value`` is what the
    gate compares.
    """

    escalates: bool | None
    why: str = ""
    did_escalate: bool | None = None
    value: float | None = None


def judged_again(item: Item, alias: str, gate: Gate) -> Again:
    """The verdict of a gate on the recorded answer of an alias."""
    attempts = item.record.outcome.attempts if item.record is not None else ()
    attempt = next((one for one in attempts if one.alias == alias), None)
    if attempt is None:
        return _by_noted_score(item, alias, gate)
    if attempt.error is not None:
        return Again(escalates=True, did_escalate=True)
    did = None if attempt.judgement is None else attempt.judgement.verdict is Verdict.ESCALATE
    return replace(_verdict(item, attempt, gate), did_escalate=did)


def _by_noted_score(item: Item, alias: str, gate: Gate) -> Again:
    """By a score that somebody noted beside a request."""
    score = item.scores.get(alias, {}).get(gate.score)
    if score is None:
        return Again(escalates=None, why=NO_ANSWER)
    return _by_score(item, alias, gate, Confidence(name=gate.score, score=score, threshold=gate.accept_at))


def _verdict(item: Item, attempt: Attempt, gate: Gate) -> Again:
    streamed = item.evidence.envelope.stream
    if streamed and gate.stream.judge == "off":
        return Again(escalates=False)
    judgement = attempt.judgement
    recorded = item.record.plan.decision.gate if item.record is not None else None
    if judgement is None or recorded is None:
        return Again(escalates=None, why=NO_SCORE)
    if judgement.reason.value in _DEFECTS & gate.also_escalate:
        return Again(escalates=True)
    confidence = judgement.confidence
    if confidence is None or confidence.score is None:
        return Again(escalates=None, why=NO_SCORE)
    if not _compares_the_same(recorded, gate, confidence, streamed):
        return Again(escalates=None, why=OTHER_SCORE)
    return _by_score(item, attempt.alias, gate, confidence)


def _by_score(item: Item, alias: str, gate: Gate, recorded: Confidence) -> Again:
    complete = not item.evidence.envelope.stream or gate.stream.judge == "full"
    raw = Confidence(name=gate.score, score=recorded.score, threshold=gate.accept_at, tokens=recorded.tokens)
    confidence = calibrated(raw, gate, None, alias=alias, task=item.task, complete=complete)
    if confidence.value is None:
        return Again(escalates=None, why=NO_FEATURES)
    return Again(escalates=by_confidence(gate, confidence).verdict is Verdict.ESCALATE, value=confidence.value)


def _compares_the_same(recorded: Gate, gate: Gate, confidence: Confidence, streamed: bool) -> bool:
    """Whether the recorded score is the one that the gate would have taken of the same tokens."""
    if confidence.name != gate.score or recorded.of != gate.of:
        return False
    parameters = {"quantile": recorded.q == gate.q, "lowest_group": recorded.window == gate.window}
    same_part = not streamed or recorded.stream == gate.stream or (recorded.stream.judge == gate.stream.judge == "full")
    return parameters.get(gate.score, True) and same_part
