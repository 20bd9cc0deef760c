"""Gates and ladders in words, for `cascade explain` and `cascade docs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from math import exp

from litellm_cascade.offline.plainly import shown
from litellm_cascade.policy.targets import Ladder
from litellm_cascade.vocabulary import NO_WORSE, RIGHT, Abstention, Decision, Gate

_NATS = {
    "mean": ("the mean of the log-probabilities", "a typical token has a probability of"),
    "min": ("the smallest of the log-probabilities", "no token has a probability below"),
    "sum": ("the sum of the log-probabilities", "the text as a whole has a probability of"),
    "quantile": ("the {q:g} quantile of the log-probabilities", "all but the least certain tokens have a probability of"),
    "lowest_group": (
        "the lowest mean over {window} neighbours of the log-probabilities",
        "a typical token of the least certain passage has a probability of",
    ),
}
_FRACTIONS = {
    "margin": "the mean lead of the likeliest alternative over the next, in probability,",
    "entropy": "1 minus the mean entropy of the alternatives, where even chances are 1,",
}
_CONSULTED = {
    "self_check": "the model, asked whether its answer is right, says so with a probability of at least {bound:g}",
    "agreement": "at least {bound:.0%} of {samples} further answers of the model come to the same end",
}
_EVENTS = {RIGHT: "it is right", NO_WORSE: "the next one would do no better"}
_TOKENS = {
    "all": "all tokens",
    "answer": "the answer's tokens",
    "reasoning_and_answer": "the tokens of reasoning and answer",
    "tool_arguments": "the tokens of the arguments of tool calls",
    "json_values": "the tokens of the values of JSON",
    "numbers": "the tokens with digits",
}
_TOLD = {
    *("name", "score", "of", "q", "window", "accept_at", "calibrations", "unknown", "consulting", "also_escalate", "abstain", "stream"),
    *("whole_within_ms", "first_chunk_within_ms"),
}
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
    yield f"An answer is served when {_condition(gate)}."
    if gate.also_escalate:
        defects = listed((_DEFECTS.get(name, name) for name in sorted(gate.also_escalate)), "or")
        yield f"An answer that {defects} goes on to the next rung whatever it scores."
    if gate.abstain is not None:
        yield _abstention_sentence(gate.abstain)
    yield from _unknown_sentences(gate)
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
    asked = "asked" if decision.gate and decision.gate.score in _CONSULTED else "asked, with log-probabilities"
    first = f"{judged[0]} is {asked}. Its answer is judged at the gate{_called(decision.gate)}."
    then = (f"If it does not pass, {alias} is asked and judged in the same way." for alias in judged[1:])
    return (
        first,
        *(gate_sentences(decision.gate) if decision.gate else ()),
        *then,
        *_between_rungs(hedge=decision.hedge, carry_over=decision.carry_over),
        _last_sentence(last, decision.gate),
    )


def _last_sentence(last: str, gate: Gate | None) -> str:
    then = "is judged too" if gate is not None and gate.abstain is not None else "is served whatever it is"
    return f"If no answer passes, {last} is asked, and its answer {then}; should it fail or say nothing, the best earlier answer is served."


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


def _condition(gate: Gate) -> str:
    bound, over = gate.accept_at, _TOKENS.get(gate.of, gate.of)
    if gate.calibrations:
        named = listed(f"{calibration.id} of {alias}" for alias, calibration in sorted(gate.calibrations.items()))
        meant = listed(dict.fromkeys(_EVENTS[calibration.event] for _, calibration in sorted(gate.calibrations.items())), "or")
        return f"{meant} with a probability of at least {bound:g}, judged by {gate.score} of {over} and the calibration {named}"
    if gate.score in _CONSULTED:
        return _consulted(gate, gate.score, bound)
    if gate.score in _NATS:
        score, meaning = _NATS[gate.score]
        score = score.format(q=gate.q, window=gate.window)
        return f"{score} of {over} is at least {bound:g} nats ({meaning} {exp(bound):.2g})"
    return f"{_FRACTIONS.get(gate.score, gate.score)} over {over} is at least {bound:g}"


def _consulted(gate: Gate, kind: str, bound: float) -> str:
    return _CONSULTED[kind].format(bound=bound, samples=gate.consulting.samples)


def _unknown_sentences(gate: Gate) -> Iterator[str]:
    unscored = "An answer that nothing can be told of" if gate.score in _CONSULTED else "An answer without log-probabilities"
    for kind in gate.consulting.kinds:
        if kind != gate.score:
            yield f"{unscored} is served when {_consulted(gate, kind, gate.consulting.accept_at)}."
        unscored = f"If nothing can be told of an answer in that way within {gate.consulting.within_ms / 1000:g} s, it"
    yield f"{unscored} {'is served' if gate.unknown == 'accept' else 'goes on to the next rung'}."


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
