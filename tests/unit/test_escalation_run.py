import pytest

from litellm_cascade.escalation import Ask, CascadeRun, Fail, Serve
from litellm_cascade.vocabulary import Band, Completion, Decision, Gate, Reason, TokenLogprob, Verdict

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
