"""A gate applied to an answer: a verdict, and the one reason for it."""

from __future__ import annotations

from collections.abc import Iterator

from litellm_cascade.escalation.calibration import calibrated
from litellm_cascade.escalation.confidence import measure
from litellm_cascade.vocabulary import Completion, Confidence, Gate, Judgement, Reason, Verdict


def judge(gate: Gate, completion: Completion, *, complete: bool, alias: str = "", task: str = "Unknown") -> Judgement:
    """Judge an answer of ``alias`` to a ``task``, or (``complete`` false) the part of a stream that has arrived."""
    confidence = calibrated(measure(gate, completion.tokens), gate, completion.tokens, alias=alias, task=task, complete=complete)
    for defect in _defects(completion) if complete else ():
        if defect.value in gate.also_escalate:
            return Judgement(verdict=Verdict.ESCALATE, reason=defect, confidence=confidence)
    return _by_confidence(gate, confidence)


def is_empty(completion: Completion) -> bool:
    """True for an answer without text and tool calls, whatever was thought on the way."""
    return not completion.text.strip() and not completion.tool_calls


def _defects(completion: Completion) -> Iterator[Reason]:
    if is_empty(completion):
        yield Reason.EMPTY
    if completion.finish_reason == "length":
        yield Reason.TRUNCATED


def _by_confidence(gate: Gate, confidence: Confidence) -> Judgement:
    if confidence.value is None:
        verdict = Verdict.ACCEPT if gate.unknown == "accept" else Verdict.ESCALATE
        return Judgement(verdict=verdict, reason=Reason.UNKNOWN_CONFIDENCE, confidence=confidence)
    if confidence.value >= confidence.threshold:
        return Judgement(verdict=Verdict.ACCEPT, reason=Reason.CONFIDENT, confidence=confidence)
    return Judgement(verdict=Verdict.ESCALATE, reason=Reason.LOW_CONFIDENCE, confidence=confidence)
