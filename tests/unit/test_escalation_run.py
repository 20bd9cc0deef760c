from dataclasses import replace

import pytest

from litellm_cascade.errors import AbstainedError
from litellm_cascade.escalation import Ask, CascadeRun, Consult, Expectation, Fail, Serve
from litellm_cascade.vocabulary import (
    Abstention,
    AnswerContract,
    Band,
    Completion,
    Confidence,
    Consultation,
    Consulting,
    Decision,
    Gate,
    Reason,
    TokenLogprob,
    Verdict,
)

GATE = Gate(name="gate", score="mean", accept_at=-0.5)
SURE = Completion(text="yes", tokens=(TokenLogprob("yes", -0.1),))
UNSURE = Completion(text="perhaps", tokens=(TokenLogprob("perhaps", -2.0),))
NOTHING = Completion(text="", tokens=(TokenLogprob("hm", -2.0),))


def decision(*ladder, gate=GATE):
    return Decision(policy="p", digest="", route="r", band=Band.CASCADE, ladder=ladder, gate=gate)


def test_a_run_that_was_not_started_has_tried_nothing():
    outcome = CascadeRun(decision("small", "large")).outcome()
    assert (outcome.alias, outcome.attempts, outcome.escalated) == (None, (), False)


def test_a_run_tells_which_rung_it_is_on():
    run = CascadeRun(decision("small", "large"))
    assert run.start() == Ask(0, "small")
    assert (run.rung, run.on_last_rung) == (0, False)
    assert run.answered(UNSURE) == Ask(1, "large")
    assert (run.rung, run.on_last_rung) == (1, True)


def test_the_last_rung_is_served_unjudged_and_the_reason_is_why_the_first_was_left():
    run = CascadeRun(decision("small", "large"))
    run.start()
    run.answered(UNSURE)
    assert run.answered(UNSURE) == Serve(1)
    outcome = run.outcome()
    assert (outcome.alias, outcome.reason, outcome.escalated) == ("large", Reason.LOW_CONFIDENCE, True)
    assert outcome.attempts[1].judgement.confidence is None
    assert [attempt.judgement.reason for attempt in outcome.attempts] == [Reason.LOW_CONFIDENCE, Reason.LAST_RUNG]


def test_a_ladder_of_one_serves_what_comes():
    run = CascadeRun(decision("large", gate=None))
    run.start()
    assert run.answered(UNSURE) == Serve(0)
    assert run.outcome().reason is Reason.LAST_RUNG


def test_a_confident_middle_rung_is_served_as_confident():
    run = CascadeRun(decision("small", "medium", "large"))
    run.start()
    run.answered(UNSURE)
    assert run.answered(SURE) == Serve(1)
    assert (run.outcome().alias, run.outcome().reason) == ("medium", Reason.CONFIDENT)


def test_an_empty_answer_is_not_gone_back_to_also_when_the_gate_does_not_list_it():
    run = CascadeRun(decision("small", "medium", "large"))
    run.start()
    run.answered(UNSURE)
    run.answered(NOTHING)
    assert run.fallback == 0
    assert run.failed(ConnectionError()) == Serve(0)
    assert run.outcome().reason is Reason.KEPT_EARLIER


def test_a_last_rung_that_says_nothing_is_not_served_where_another_spoke():
    run = CascadeRun(decision("small", "large"))
    run.start()
    run.answered(UNSURE)
    assert run.answered(NOTHING) == Serve(0)
    outcome = run.outcome()
    assert (outcome.alias, outcome.reason, outcome.degraded) == ("small", Reason.KEPT_EARLIER, ("large_empty",))
    large = outcome.attempts[1]
    assert (large.error, large.judgement.reason, large.served) == (None, Reason.EMPTY, False)


@pytest.mark.parametrize("withheld", [{"refused": True}, {"finish_reason": "content_filter"}])
def test_what_a_provider_withholds_is_not_replaced(withheld):
    run = CascadeRun(decision("small", "large"))
    run.start()
    run.answered(UNSURE)
    assert run.answered(replace(NOTHING, **withheld)) == Serve(1)


def test_nothing_is_served_where_nobody_said_more():
    run = CascadeRun(decision("small", "large"))
    run.start()
    run.answered(NOTHING)
    assert run.answered(NOTHING) == Serve(1)


def test_thoughts_without_words_yet_are_worth_going_back_to():
    run = CascadeRun(decision("small", "large"))
    run.start()
    run.answered(NOTHING, complete=False)
    assert run.failed(TimeoutError()) == Serve(0)


@pytest.mark.parametrize(
    ("error", "reason", "degraded"), [(OSError(), Reason.ERROR, "small_failed"), (TimeoutError(), Reason.TIMEOUT, "small_late")]
)
def test_when_all_fail_the_outcome_says_how(error, reason, degraded):
    run = CascadeRun(decision("small"))
    run.start()
    assert run.failed(error) == Fail(error)
    outcome = run.outcome()
    assert (outcome.alias, outcome.reason, outcome.degraded) == (None, reason, (degraded,))
    assert (outcome.attempts[0].error, outcome.attempts[0].judgement.verdict) == (type(error).__name__, Verdict.ESCALATE)


# --- when even the last rung is in doubt ----------------------------------------------------------------------------------------------


def abstaining(then, *ladder, below=-0.5, large=None, **gate):
    run = CascadeRun(decision(*ladder, gate=replace(GATE, abstain=Abstention(below=below, then=then, large=large), **gate)))
    run.start()
    return run


@pytest.mark.parametrize(
    ("then", "abstained", "step"),
    [("flag", Reason.LOW_CONFIDENCE, Serve(0)), ("large", None, Ask(2, "huge")), ("error", Reason.LOW_CONFIDENCE, None)],
)
def test_doubt_in_the_earlier_answer_is_told_too_when_the_last_rung_says_nothing(then, abstained, step):
    run = abstaining(then, "small", "large", large="huge" if then == "large" else None)
    run.answered(UNSURE)
    said = run.answered(NOTHING)
    assert said == step if step is not None else isinstance(said.error, AbstainedError)
    assert run.outcome().abstained is abstained


def test_a_last_rung_is_judged_where_the_gate_says_what_comes_of_doubt():
    run = abstaining("flag", "small", "large")
    assert run.judges(run.rung)
    run.answered(UNSURE)
    assert (run.on_last_rung, run.judges(run.rung)) == (True, True)
    assert run.answered(SURE) == Serve(1)
    outcome = run.outcome()
    assert (outcome.alias, outcome.reason, outcome.verdict, outcome.abstained) == ("large", Reason.LOW_CONFIDENCE, Verdict.ACCEPT, None)
    assert outcome.attempts[1].judgement.reason is Reason.CONFIDENT


def test_without_a_word_about_doubt_a_last_rung_is_not_judged():
    run = CascadeRun(decision("small", "large"))
    run.start()
    run.answered(UNSURE)
    assert not run.judges(run.rung)


def test_a_doubtful_answer_is_served_and_flagged():
    run = abstaining("flag", "small", "large")
    run.answered(UNSURE)
    assert run.answered(UNSURE) == Serve(1)
    outcome = run.outcome()
    assert (outcome.alias, outcome.verdict, outcome.abstained) == ("large", Verdict.ABSTAIN, Reason.LOW_CONFIDENCE)
    assert [attempt.judgement.verdict for attempt in outcome.attempts] == [Verdict.ESCALATE, Verdict.ABSTAIN]
    assert not run.has_failed


def test_the_line_below_which_the_last_rung_is_in_doubt_is_its_own():
    run = abstaining("flag", "small", "large", below=-3.0)
    run.answered(UNSURE)
    assert run.answered(UNSURE) == Serve(1)
    assert run.outcome().verdict is Verdict.ACCEPT
    assert run.outcome().attempts[1].judgement.confidence.threshold == -3.0


def test_a_doubtful_answer_is_withheld():
    run = abstaining("error", "small", "large")
    run.answered(UNSURE)
    step = run.answered(UNSURE)
    assert isinstance(step.error, AbstainedError)
    outcome = run.outcome()
    assert (outcome.alias, outcome.reason, outcome.abstained) == (None, Reason.LOW_CONFIDENCE, Reason.LOW_CONFIDENCE)
    assert (outcome.verdict, run.has_failed) == (Verdict.ABSTAIN, True)


def test_doubt_asks_the_largest_which_is_not_judged():
    run = abstaining("large", "small", "sql", large="large")
    run.answered(UNSURE)
    assert run.answered(UNSURE) == Ask(2, "large")
    assert not run.judges(run.rung)
    assert run.answered(UNSURE) == Serve(2)
    outcome = run.outcome()
    assert (outcome.alias, outcome.reason, outcome.verdict) == ("large", Reason.LOW_CONFIDENCE, Verdict.ACCEPT)


@pytest.mark.parametrize("large", ["large", None], ids=["it is the last rung", "it may not be asked"])
def test_where_no_larger_one_can_be_asked_the_doubtful_answer_is_flagged(large):
    run = abstaining("large", "small", "large", large=large)
    run.answered(UNSURE)
    assert run.answered(UNSURE) == Serve(1)
    assert run.outcome().abstained is Reason.LOW_CONFIDENCE


def test_a_kept_answer_below_the_line_is_flagged_or_withheld():
    error = ConnectionError()
    flagging, withholding = abstaining("flag", "small", "large"), abstaining("error", "small", "large")
    for run in (flagging, withholding):
        run.answered(UNSURE)
    assert flagging.failed(error) == Serve(0)
    assert (flagging.outcome().reason, flagging.outcome().abstained) == (Reason.KEPT_EARLIER, Reason.LOW_CONFIDENCE)
    assert withholding.failed(error) == Fail(error)
    assert (withholding.outcome().reason, withholding.outcome().abstained) == (Reason.ERROR, Reason.LOW_CONFIDENCE)


def test_when_the_last_rung_fails_doubt_asks_the_largest_as_well():
    doubtful, silent, lenient = (abstaining("large", "small", "sql", large="large", below=below) for below in (-0.5, -0.5, -3.0))
    for run in (doubtful, lenient):
        run.answered(UNSURE)
    silent.failed(ConnectionError())
    assert doubtful.failed(ConnectionError()) == silent.failed(ConnectionError()) == Ask(2, "large")
    assert lenient.failed(ConnectionError()) == Serve(0), "above the line of abstention"
    assert doubtful.answered(UNSURE) == Serve(2)
    error = ConnectionError()
    assert silent.failed(error) == Fail(error)
    assert [attempt.alias for attempt in silent.outcome().attempts] == ["small", "sql", "large"]


def test_a_kept_answer_above_the_line_is_served_as_it_is():
    run = abstaining("error", "small", "large", below=-3.0)
    run.answered(UNSURE)
    assert run.failed(ConnectionError()) == Serve(0)
    assert run.outcome().verdict is Verdict.ACCEPT


def test_an_unknown_confidence_is_doubtful_where_it_escalates():
    unknown = Completion(text="yes")
    for behaviour, verdict in (("escalate", Verdict.ABSTAIN), ("accept", Verdict.ACCEPT)):
        run = abstaining("flag", "small", "large", unknown=behaviour)
        run.answered(UNSURE)
        run.answered(unknown)
        assert run.outcome().verdict is verdict


# --- what the request demands ---------------------------------------------------------------------------------------------------------


def test_every_rung_is_held_against_what_the_request_demands():
    gate = replace(GATE, also_escalate=frozenset({"invalid_json"}), abstain=Abstention(below=-9.0, then="flag"))
    run = CascadeRun(decision("small", "large", gate=gate), Expectation(contract=AnswerContract(json="json_object")))
    run.start()
    assert run.answered(SURE) == Ask(1, "large")
    assert run.answered(SURE) == Serve(1)
    assert run.outcome().abstained is Reason.INVALID_JSON


def test_what_could_not_be_checked_is_a_degradation_told_once():
    gate = replace(GATE, also_escalate=frozenset({"invalid_json"}))
    contract = AnswerContract(json="json_schema", schema={"$ref": "#"})
    run = CascadeRun(decision("small", "medium", "large", gate=gate), Expectation(contract=contract))
    run.start()
    run.answered(replace(UNSURE, text="{}"))
    run.answered(replace(SURE, text="{}"))
    assert (run.outcome().alias, run.outcome().degraded) == ("medium", ("unchecked:invalid_json",))


def test_a_run_that_has_forgotten_demands_nothing():
    gate = replace(GATE, also_escalate=frozenset({"invalid_json"}))
    run = CascadeRun(decision("small", "large", gate=gate), Expectation(contract=AnswerContract(json="json_object")))
    run.start()
    run.forget()
    assert run.answered(SURE) == Serve(0)


# --- consulting ----------------------------------------------------------------------------------------------------------------------

SILENT = Completion(text="yes")


def consulting(score="mean", *kinds, accept_at=-0.5, unknown="accept"):
    gate = Gate(name="gate", score=score, accept_at=accept_at, unknown=unknown, consulting=Consulting(kinds=kinds, accept_at=0.6))
    run = CascadeRun(decision("small", "large", gate=gate))
    run.start()
    return run


def test_a_model_whose_tokens_say_nothing_is_asked_again():
    run = consulting("mean", "self_check")
    asked = run.answered(SILENT, complete=False)
    assert (asked.rung, asked.alias, asked.kind, asked.completion, asked.complete) == (0, "small", "self_check", SILENT, False)
    assert run.consulted(0.6) == Serve(0)
    outcome = run.outcome()
    assert (outcome.reason, outcome.degraded) == (Reason.CONFIDENT, ())
    assert outcome.attempts[0].judgement.confidence == Confidence(name="self_check", score=0.6, threshold=0.6)


@pytest.mark.parametrize("completion", [SURE, UNSURE])
def test_a_model_whose_tokens_tell_is_not(completion):
    assert not isinstance(consulting("mean", "self_check").answered(completion), Consult)


def test_a_score_that_takes_asking_is_held_against_the_gates_own_threshold():
    run = consulting("agreement", "agreement", accept_at=0.9)
    run.answered(SURE)
    assert run.consulted(0.8) == Ask(1, "large")
    assert run.answered(UNSURE) == Serve(1)
    assert run.outcome().reason is Reason.LOW_CONFIDENCE


@pytest.mark.parametrize(
    ("error", "degraded"),
    [(None, "small_self_check_unclear"), (TimeoutError(), "small_self_check_late"), (OSError(), "small_self_check_failed")],
)
@pytest.mark.parametrize(("unknown", "step"), [("accept", Serve(0)), ("escalate", Ask(1, "large"))])
def test_when_it_cannot_be_told_the_gate_says_what_unknown_comes_to(error, degraded, unknown, step):
    run = consulting("mean", "self_check", unknown=unknown)
    run.answered(SILENT)
    assert run.consulted(None, error) == step
    outcome = run.outcome()
    assert (outcome.degraded, outcome.attempts[0].judgement.reason) == ((degraded,), Reason.UNKNOWN_CONFIDENCE)


def test_kinds_are_tried_in_turn():
    run = consulting("self_check", "self_check", "agreement", accept_at=0.9)
    assert run.answered(SILENT).kind == "self_check"
    assert run.consulted(None).kind == "agreement"
    assert run.consulted(0.7) == Serve(0)
    assert run.outcome().attempts[0].judgement.confidence == Confidence(name="agreement", score=0.7, threshold=0.6)


def test_a_defect_needs_no_asking_and_neither_does_the_last_rung():
    gate = Gate(name="gate", score="self_check", also_escalate=frozenset({"truncated"}), consulting=Consulting(kinds=("self_check",)))
    run = CascadeRun(decision("small", "large", gate=gate))
    run.start()
    assert run.answered(Completion(text="ye", finish_reason="length")) == Ask(1, "large")
    assert run.answered(SILENT) == Serve(1)


def test_of_nothing_nobody_is_asked_how_sure_they_are():
    assert consulting("self_check", "self_check").answered(Completion(text=" ")) == Serve(0)
    assert isinstance(consulting("self_check", "self_check").answered(Completion(reasoning="hm"), complete=False), Consult)


def test_what_asking_came_to_is_kept():
    run, said = consulting("self_check", "self_check"), Consultation(kind="self_check", score=0.9, calls=1, cost_usd=0.25)
    run.answered(SILENT)
    run.noted(0, said)
    run.consulted(0.9)
    assert run.outcome().attempts[0].consultations == (said,)
