"""Calibrated gates, by hand."""

import pytest

from litellm_cascade.escalation import CascadeRun, judge
from litellm_cascade.vocabulary import (
    Band,
    Calibration,
    Completion,
    Curves,
    Decision,
    Gate,
    Isotonic,
    Logistic,
    Reason,
    TokenLogprob,
    Verdict,
)

POOLED = Isotonic((-2.0, -1.0, 0.0), (0.2, 0.4, 0.9))
OF_QUESTIONS = Isotonic((-1.0,), (0.05,))


def gate(curves, prefix=None, **changes):
    calibration = Calibration(id="c0ffee", alias="small", whole=curves, prefix=prefix)
    return Gate(name="gate", score="mean", calibrations={"small": calibration}, **({"accept_at": 0.5} | changes))


def said(logprob, **changes):
    return Completion(text="x", tokens=(TokenLogprob("x", logprob, **changes),))


@pytest.mark.parametrize(("score", "probability"), [(-9.0, 0.2), (-2.0, 0.2), (-1.5, 0.3), (-1.0, 0.4), (-0.5, 0.65), (0.0, 0.9)])
def test_a_probability_by_hand(score, probability):
    confidence = judge(gate(Curves(pooled=POOLED)), said(score), complete=True, alias="small").confidence
    assert confidence.probability == pytest.approx(probability)
    assert (confidence.score, confidence.threshold) == (score, 0.5)


def test_the_task_type_chooses_the_curve():
    curves = Curves(pooled=POOLED, by_task={"Open QA": OF_QUESTIONS})
    run = CascadeRun(
        Decision(policy="p", digest="", route="r", band=Band.CASCADE, ladder=("small", "large"), gate=gate(curves)), task="Open QA"
    )
    run.start()
    assert run.answered(said(-0.1)).rung == 1
    assert run.outcome().attempts[0].judgement.confidence.probability == 0.05


def test_the_beginning_of_a_stream_has_a_curve_of_its_own_where_one_was_fitted():
    strict = gate(Curves(pooled=POOLED), prefix=Curves(pooled=OF_QUESTIONS))
    assert judge(strict, said(-0.1), complete=False, alias="small").verdict is Verdict.ESCALATE
    assert judge(strict, said(-0.1), complete=True, alias="small").verdict is Verdict.ACCEPT
    assert judge(gate(Curves(pooled=POOLED)), said(-0.1), complete=False, alias="small").verdict is Verdict.ACCEPT


def test_several_features_are_weighed():
    curve = Logistic(1.0, {"mean": 2.0, "log_tokens": 5.0})
    confidence = judge(gate(Curves(pooled=curve)), said(-0.5), complete=True, alias="small").confidence
    assert confidence.probability == 0.5  # 1 + 2 * -0.5 + 5 * log(1)


def test_what_the_provider_does_not_send_is_unknown():
    curve = Logistic(1.0, {"made_up": 2.0})
    judgement = judge(gate(Curves(pooled=curve)), said(-0.5), complete=True, alias="small")
    assert judgement.reason is Reason.UNKNOWN_CONFIDENCE
    assert judgement.confidence.band == "unknown"


def test_an_answer_without_log_probabilities_still_names_the_calibration():
    judgement = judge(gate(Curves(pooled=POOLED), unknown="escalate"), Completion(text="x"), complete=True, alias="small")
    assert judgement.reason is Reason.UNKNOWN_CONFIDENCE
    assert (judgement.confidence.probability, judgement.confidence.calibration) == (None, "c0ffee")


def test_without_a_calibration_the_score_decides():
    judgement = judge(Gate(name="gate", accept_at=-0.35), said(-0.3), complete=True, alias="small", task="Open QA")
    assert judgement.verdict is Verdict.ACCEPT
    assert (judgement.confidence.probability, judgement.confidence.calibration) == (None, None)
