"""What holds of every run up a ladder, whatever the rungs do."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.escalation import Ask, CascadeRun, Fail, Serve
from litellm_cascade.vocabulary import Abstention, Band, Completion, Decision, Gate, Reason, TokenLogprob, Usage, Verdict

LADDER = ("tiny", "small", "medium", "large")
GATE = Gate(name="gate", score="mean", accept_at=-0.5, also_escalate=frozenset({"empty", "truncated"}))


def said(text: str, logprob: float | None, finish_reason: str | None = "stop") -> Completion:
    tokens = None if logprob is None else (TokenLogprob(text or "hm", logprob),)
    return Completion(text=text, tokens=tokens, finish_reason=finish_reason)


SURE, UNSURE, UNKNOWN = said("yes", -0.1), said("perhaps", -2.0), said("yes", None)
EMPTY, BLANK, CUT = said("", -0.1), said(" \n", -2.0), said("It is", -0.1, "length")
ANSWERS = st.tuples(st.sampled_from([SURE, UNSURE, UNKNOWN, EMPTY, BLANK, CUT]), st.booleans())
ERRORS = st.sampled_from([ValueError, TimeoutError, ConnectionError]).map(lambda kind: kind("told only to the client"))
EVENTS = ANSWERS | ERRORS | st.just("unjudged")
GATES = st.none() | st.builds(
    Gate,
    name=st.just("gate"),
    score=st.just("mean"),
    accept_at=st.just(-0.5),
    unknown=st.sampled_from(["accept", "escalate"]),
    also_escalate=st.frozensets(st.sampled_from(["empty", "truncated"])),
    abstain=st.none()
    | st.builds(Abstention, below=st.sampled_from([-3.0, -0.5]), then=st.sampled_from(["large", "flag", "error"]), large=st.just("large")),
)


@st.composite
def runs(draw: st.DrawFn) -> tuple[CascadeRun, list[Any], list[Any]]:
    """A run that has ended, its steps, and what each rung did."""
    ladder = LADDER[: draw(st.integers(1, 4))]
    gate = draw(GATES)
    band = Band.CASCADE if len(ladder) > 1 else Band.LARGE
    run = CascadeRun(Decision(policy="p", digest="", route="r", band=band, ladder=ladder, gate=gate, degraded=("classifier_late",)))
    steps: list[Any] = [run.start()]
    events: list[Any] = []
    while isinstance(steps[-1], Ask):
        events.append(draw(EVENTS))
        steps.append(reported(run, events[-1]))
        assert len(steps) <= len(ladder) + 2, "it always ends"
    return run, steps, events


def reported(run: CascadeRun, event: Any) -> Any:
    if event == "unjudged":
        return run.accepted_unjudged()
    if isinstance(event, Exception):
        return run.failed(event)
    completion, complete = event
    return run.answered(completion, complete=complete)


def is_empty(event: Any) -> bool:
    """Nothing at all was said, and nothing more is to come."""
    return isinstance(event, tuple) and event[1] and not event[0].text.strip()


def answered(events: list[Any]) -> list[int]:
    return [rung for rung, event in enumerate(events) if not isinstance(event, Exception)]


@given(runs())
def test_every_rung_is_asked_at_most_once_and_in_order(ended):
    run, steps, _ = ended
    asked = [step.rung for step in steps if isinstance(step, Ask)]
    assert asked == list(range(len(asked)))
    aliases = [attempt.alias for attempt in run.outcome().attempts]
    assert aliases == [step.alias for step in steps if isinstance(step, Ask)]
    assert aliases == sorted(set(aliases), key=LADDER.index)


@given(runs())
def test_only_a_rung_that_answered_is_served(ended):
    run, steps, events = ended
    if isinstance(steps[-1], Serve):
        assert steps[-1].rung in answered(events)
        assert run.outcome().alias == steps[steps[-1].rung].alias


@given(runs())
def test_exactly_the_served_attempt_says_so(ended):
    run, steps, _ = ended
    served = [attempt.rung for attempt in run.outcome().attempts if attempt.served]
    assert served == ([steps[-1].rung] if isinstance(steps[-1], Serve) else [])


@given(runs())
def test_it_fails_only_when_nobody_said_anything_and_then_with_the_last_error(ended):
    run, steps, events = ended
    if isinstance(steps[-1], Fail) and run.outcome().abstained is None:
        assert all(is_empty(events[rung]) for rung in answered(events))
        assert steps[-1].error is events[-1]
        assert run.outcome().alias is None
        assert run.outcome().reason is (Reason.TIMEOUT if isinstance(events[-1], TimeoutError) else Reason.ERROR)


@given(runs())
def test_what_is_kept_is_the_highest_rung_that_said_something(ended):
    run, steps, events = ended
    if run.outcome().reason is Reason.KEPT_EARLIER:
        assert isinstance(events[-1], Exception) or is_empty(events[-1])
        assert steps[-1].rung == max(rung for rung in answered(events) if not is_empty(events[rung]))


@given(runs())
def test_the_last_rung_s_silence_is_served_only_where_nobody_spoke(ended):
    run, steps, events = ended
    if isinstance(steps[-1], Serve) and run.on_last_rung and steps[-1].rung == run.rung and is_empty(events[-1]):
        assert all(is_empty(events[rung]) for rung in answered(events))


@given(runs())
def test_every_failure_is_a_degradation_by_name_behind_those_of_the_decision(ended):
    run, _, events = ended
    failures = [
        f"{attempt.alias}_{'late' if isinstance(event, TimeoutError) else 'failed'}"
        for attempt, event in zip(run.outcome().attempts, events, strict=True)
        if isinstance(event, Exception)
    ]
    told = [entry for entry in run.outcome().degraded if not entry.endswith("_empty")]
    assert told == ["classifier_late", *failures]


@given(runs())
def test_silence_that_is_not_served_is_a_degradation_too(ended):
    run, _, events = ended
    passed_over = [entry.removesuffix("_empty") for entry in run.outcome().degraded if entry.endswith("_empty")]
    silent = [attempt for attempt in run.outcome().attempts if attempt.alias in passed_over]
    assert len(silent) == len(passed_over)
    for attempt in silent:
        assert is_empty(events[attempt.rung])
        assert (attempt.served, attempt.error, attempt.judgement.reason) == (False, None, Reason.EMPTY)


@given(runs())
def test_every_attempt_is_judged_and_errors_are_told_by_their_class_only(ended):
    run, _, events = ended
    for attempt, event in zip(run.outcome().attempts, events, strict=True):
        assert attempt.judgement is not None
        assert attempt.error == (type(event).__name__ if isinstance(event, Exception) else None)
    assert "told only to the client" not in repr(run.outcome())


@given(runs())
def test_every_rung_below_the_last_attempt_was_left_for_a_reason(ended):
    run, _, _ = ended
    outcome = run.outcome()
    assert all(attempt.judgement.verdict is not Verdict.ACCEPT for attempt in outcome.attempts[:-1])
    assert outcome.escalated is (len(outcome.attempts) > 1)


@given(runs())
def test_an_accepted_answer_ends_the_run_with_its_reason_or_the_first_reason_to_leave(ended):
    run, _, _ = ended
    attempts, reason = run.outcome().attempts, run.outcome().reason
    last = attempts[-1].judgement
    if last.verdict is Verdict.ACCEPT:
        climbed_to_the_top = run.on_last_rung and last.reason is not Reason.NOT_JUDGED and len(attempts) > 1
        assert reason is (attempts[0].judgement.reason if climbed_to_the_top else last.reason)


@given(runs())
def test_an_answer_is_in_doubt_only_where_the_gate_says_what_comes_of_it(ended):
    run, steps, _ = ended
    outcome = run.outcome()
    then = run.gate.abstain.then if run.gate is not None and run.gate.abstain is not None else None
    if outcome.abstained is not None:
        assert outcome.verdict is Verdict.ABSTAIN
        assert isinstance(steps[-1], Fail if then == "error" else Serve)
        assert then is not None
    assert run.has_failed is isinstance(steps[-1], Fail)


@given(runs())
def test_where_doubt_is_an_error_nothing_doubtful_is_served(ended):
    run, steps, _ = ended
    if isinstance(steps[-1], Serve) and run.gate is not None and run.gate.abstain is not None and run.gate.abstain.then == "error":
        served = run.outcome().attempts[steps[-1].rung].judgement
        passed = served.verdict is Verdict.ACCEPT
        assert passed or (served.reason is Reason.LOW_CONFIDENCE and served.confidence.score >= run.gate.abstain.below)


@given(runs(), st.integers(0, 3), st.builds(Usage, output_tokens=st.integers(0, 9)), st.floats(0, 1))
def test_a_bill_that_comes_late_changes_nothing_but_the_bill(ended, rung, usage, cost_usd):
    run, _, _ = ended
    before = run.outcome()
    rung = min(rung, len(before.attempts) - 1)
    run.billed(rung, usage, cost_usd)
    after = run.outcome()
    assert (after.attempts[rung].usage, after.attempts[rung].cost_usd) == (usage, cost_usd)
    run.billed(rung, None, None)
    assert run.outcome() == before


@given(runs())
def test_a_served_answer_that_breaks_off_is_an_error_that_was_served(ended):
    run, steps, _ = ended
    before = run.outcome()
    run.broke(ConnectionError("told only to the client"))
    after = run.outcome()
    if not isinstance(steps[-1], Serve):
        assert after == before
        return
    assert (after.alias, after.reason) == (before.alias, Reason.ERROR)
    assert after.degraded == (*before.degraded, f"{before.alias}_failed")
    assert [attempt.error for attempt in after.attempts if attempt.served] == ["ConnectionError"]
    assert [attempt.judgement for attempt in after.attempts] == [attempt.judgement for attempt in before.attempts]


@given(runs(), st.booleans())
def test_a_hedge_changes_when_rungs_are_asked_and_nothing_else(ended, carries_over):
    run, steps, events = ended
    hedged = CascadeRun(decision_of(run, hedge=True, carry_over=carries_over))
    again = [hedged.start()]
    again += [reported(hedged, event) for event in events]
    assert [plain(step) for step in again] == [plain(step) for step in steps]
    started = [ask.rung for step in again if isinstance(step, Ask) for ask in (step, step.beside) if ask is not None]
    assert set(started) == set(range(len(hedged.outcome().attempts)))
    assert [attempt for attempt in hedged.outcome().attempts if not attempt.spare] == list(run.outcome().attempts)
    assert replace(hedged.outcome(), attempts=()) == replace(run.outcome(), attempts=())
    assert hedged.outcome().escalated is run.outcome().escalated


@given(runs())
def test_only_a_whole_draft_of_text_that_was_unsure_is_carried_over(ended):
    run, _, events = ended
    carrying = CascadeRun(decision_of(run, carry_over=True))
    carrying.start()
    for event in events:
        step = reported(carrying, event)
        if not isinstance(step, Ask):
            continue
        whole_draft = isinstance(event, tuple) and event[1] and event[0].text.strip()
        reason = carrying.outcome().attempts[step.rung - 1].judgement.reason
        useful = reason in {Reason.LOW_CONFIDENCE, Reason.UNKNOWN_CONFIDENCE, Reason.TRUNCATED}
        assert bool(step.turns) is bool(whole_draft and useful)
        assert not step.turns or [turn.role for turn in step.turns] == ["assistant", "user"]


def decision_of(run: CascadeRun, **changes: bool) -> Decision:
    """As the run was begun: doubt about its last rung may have added one since."""
    added = run.gate is not None and run.gate.abstain is not None and run._abstention is None
    ladder = run._ladder[:-1] if added else run._ladder
    return Decision(
        policy="p", digest="", route="r", band=Band.CASCADE, ladder=ladder, gate=run.gate, degraded=("classifier_late",), **changes
    )


def plain(step: Any) -> Any:
    return replace(step, beside=None, turns=()) if isinstance(step, Ask) else step
