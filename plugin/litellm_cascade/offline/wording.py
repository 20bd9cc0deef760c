"""Gates and ladders in words, for `cascade explain` and `cascade docs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from math import exp

from litellm_cascade.offline.plainly import shown
from litellm_cascade.policy.targets import Ladder
from litellm_cascade.vocabulary import Abstention, Decision, Gate

_SCORES = {
    "mean": ("the mean of the log-probabilities", "a typical token has a probability of"),
    "min": ("the smallest of the log-probabilities", "no token has a probability below"),
    "sum": ("the sum of the log-probabilities", "the text as a whole has a probability of"),
}
_TOKENS = {"all": "all tokens", "answer": "the answer's tokens", "reasoning_and_answer": "the tokens of reasoning and answer"}
_TOLD = {"name", "score", "of", "accept_at", "unknown", "also_escalate", "abstain", "stream", "whole_within_ms", "first_chunk_within_ms"}

_DEFECTS = {
    "empty": "is empty",
    "truncated": "is truncated",
    "refused": "refuses",
    "invalid_json": "is not the JSON that was asked for",
    "invalid_tool_call": "calls a tool wrongly",
    "language_mismatch": "is in another language than the prompt",
}


def listed(words: Iterable[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *head, tail = words
    return f"{', '.join(head)} {last} {tail}" if head else tail


def gate_sentences(gate: Gate) -> Iterator[str]:
    """A gate, one sentence for each thing it says; a setting that has no sentence yet, as it is written."""
    yield _score_sentence(gate)
    if gate.also_escalate:
        defects = listed((_DEFECTS.get(name, name) for name in sorted(gate.also_escalate)), "or")
        yield f"An answer that {defects} goes on to the next rung whatever it scores."
    if gate.abstain is not None:
        yield _abstention_sentence(gate.abstain)
    unknown = "is served" if gate.unknown == "accept" else "goes on to the next rung" if gate.unknown == "escalate" else gate.unknown
    yield f"An answer without log-probabilities {unknown}."
    yield _stream_sentence(gate)
    yield (
        f"A rung without a whole answer after {gate.whole_within_ms / 1000:g} s, or without the first chunk of a stream after "
        f"{gate.first_chunk_within_ms / 1000:g} s, is given up and the next one asked."
    )
    for field in fields(gate):
        if field.name not in _TOLD and (value := getattr(gate, field.name)) not in (None, ()):
            yield f"{field.name}: {shown(value)}."


def next_sentences(decision: Decision) -> tuple[str, ...]:
    """What would happen after a decision."""
    if decision.ensemble is not None:
        return (ensemble_sentence(decision.ladder, decision.ensemble.by, decision.ensemble.judge),)
    *judged, last = decision.ladder
    if not judged:
        return (f"{last} is asked, and its answer is served without being judged.",)
    first = f"{judged[0]} is asked, with log-probabilities. Its answer is judged at the gate{_called(decision.gate)}."
    then = (f"If it does not pass, {alias} is asked and judged in the same way." for alias in judged[1:])
    return (
        first,
        *(gate_sentences(decision.gate) if decision.gate else ()),
        *then,
        *_between_rungs(hedge=decision.hedge, carry_over=decision.carry_over),
        _last_sentence(last, decision.gate),
    )


def _last_sentence(last: str, gate: Gate | None) -> str:
    if gate is not None and gate.abstain is not None:
        return f"If no answer passes, {last} is asked, and its answer is judged too; should {last} fail, the best earlier answer stands."
    return f"If no answer passes, {last} is asked, and its answer is served whatever it is; should {last} fail, the best earlier answer."


def ladder_sentence(route: Ladder) -> str:
    """A cascade in Markdown."""
    *judged, last = (f"`{alias}`" for alias in route.cascade)
    told = (
        f"{listed(judged, 'then')} answers first and is judged at the gate `{route.gate}`; if no answer passes, {last} answers, unjudged."
    )
    return " ".join((told, *_between_rungs(hedge=route.hedge, carry_over=route.carry_over)))


def ensemble_sentence(members: Sequence[str], by: str, judge: str | None) -> str:
    """An ensemble."""
    picked = {"vote": "the answer that most of them gave", "longest": "the longest answer", "judge": f"the answer that {judge} prefers"}[by]
    return f"{listed(members, 'and')} are asked at once, and {picked} is served; in doubt that of {members[0]}."


def _between_rungs(*, hedge: bool, carry_over: bool) -> Iterator[str]:
    if hedge:
        yield "The next model is started together with each that is judged; the one that is not needed is cancelled and billed."
    if carry_over:
        yield "A whole draft that does not pass is handed to the next model to improve."


def _called(gate: Gate | None) -> str:
    return f" {gate.name!r}" if gate else ""


def _score_sentence(gate: Gate) -> str:
    score, meaning = _SCORES.get(gate.score, (f"{gate.score}", None))
    over = _TOKENS.get(gate.of, gate.of)
    bound = f"{gate.accept_at:g}"
    if meaning is not None:
        bound += f" nats ({meaning} {exp(gate.accept_at):.2g})"
    return f"An answer is served when {score} of {over} is at least {bound}."


def _abstention_sentence(abstention: Abstention) -> str:
    doubtful = f"When even the last rung's answer scores below {abstention.below:g} or has such a defect,"
    if abstention.then == "error":
        return f"{doubtful} none is served: the client gets an error."
    if abstention.large is not None:
        return f"{doubtful} {abstention.large} is asked, unjudged; if it is the last rung, the answer is served and flagged."
    return f"{doubtful} it is served and flagged."


def _stream_sentence(gate: Gate) -> str:
    stream = gate.stream
    if stream.judge == "prefix":
        return (
            f"Of a stream the first {stream.tokens} tokens are held back and judged, or as many as have arrived {stream.within_ms:g} ms "
            "after the first."
        )
    return "A stream is held back and judged as a whole." if stream.judge == "full" else "A stream is not judged."
