"""A gate applied to an answer: a verdict, and the one reason for it."""

from __future__ import annotations

from dataclasses import replace

from litellm_cascade.escalation.checks import Expectation, Subject, find_defect
from litellm_cascade.escalation.confidence import measure
from litellm_cascade.vocabulary import Abstention, Completion, Confidence, Gate, Judgement, Reason, Verdict

NOTHING_EXPECTED = Expectation()


def judge(gate: Gate, completion: Completion, *, complete: bool, expectation: Expectation = NOTHING_EXPECTED) -> Judgement:
    """Judge an answer, or (``complete`` false) the part of a stream that has arrived."""
    confidence = measure(gate, completion.tokens)
    subject = Subject(completion=completion, complete=complete, expectation=expectation)
    defect, unchecked = find_defect(subject, gate.also_escalate) if gate.also_escalate else (None, ())
    if defect is not None:
        return Judgement(verdict=Verdict.ESCALATE, reason=defect, confidence=confidence, degraded=unchecked)
    judgement = by_confidence(gate, confidence)
    return replace(judgement, degraded=unchecked) if unchecked else judgement


def is_doubtful(abstention: Abstention, judgement: Judgement) -> bool:
    """Whether an answer that did not pass its gate is below the line of abstention too."""
    score = judgement.confidence.score if judgement.confidence is not None else None
    return judgement.reason is not Reason.LOW_CONFIDENCE or score is None or score < abstention.below


def by_confidence(gate: Gate, confidence: Confidence) -> Judgement:
    """Accept or escalate by the score alone; without one as the gate's ``unknown`` says."""
    if confidence.score is None:
        verdict = Verdict.ACCEPT if gate.unknown == "accept" else Verdict.ESCALATE
        return Judgement(verdict=verdict, reason=Reason.UNKNOWN_CONFIDENCE, confidence=confidence)
    if confidence.score >= confidence.threshold:
        return Judgement(verdict=Verdict.ACCEPT, reason=Reason.CONFIDENT, confidence=confidence)
    return Judgement(verdict=Verdict.ESCALATE, reason=Reason.LOW_CONFIDENCE, confidence=confidence)
