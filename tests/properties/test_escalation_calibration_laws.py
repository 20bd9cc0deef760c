"""What holds of every calibration, whatever its curves."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.escalation import feature, features, judge, probability
from litellm_cascade.vocabulary import Calibration, Completion, Curves, Gate, Isotonic, Logistic, Reason, TokenLogprob, Verdict

SCORES = st.floats(-110, 0) | st.floats(-1e-6, 0)
SHARES = st.floats(0, 1)


@st.composite
def isotonic(draw):
    scores = sorted(draw(st.sets(SCORES, min_size=1, max_size=12)))
    shares = sorted(draw(st.lists(SHARES, min_size=len(scores), max_size=len(scores))))
    return Isotonic(tuple(scores), tuple(shares))


LOGISTIC = st.builds(
    Logistic,
    st.floats(-1e6, 1e6),
    st.dictionaries(st.sampled_from(["mean", "min", "sum", "tokens", "log_mean", "log_tokens"]), st.floats(-1e4, 1e4), min_size=1),
)
CURVES = isotonic() | LOGISTIC
TOKEN = st.builds(TokenLogprob, st.sampled_from(["a", " b"]), st.floats(-120, 0), st.just(()))
TOKENS = st.lists(TOKEN, min_size=1, max_size=12).map(tuple)
TASKS = st.sampled_from(["Open QA", "Rewrite", "Unknown", ""])


@st.composite
def calibrated_gates(draw):
    curves = st.builds(Curves, pooled=CURVES, by_task=st.dictionaries(TASKS, CURVES, max_size=2))
    calibration = draw(st.builds(Calibration, id=st.just("c0ffee"), alias=st.just("small"), whole=curves, prefix=st.none() | curves))
    return Gate(
        name="gate", score=draw(st.sampled_from(["mean", "min", "sum"])), accept_at=draw(SHARES), calibrations={"small": calibration}
    )


@given(isotonic(), SCORES, SCORES)
def test_a_higher_score_never_means_less(curve, one, other):
    low, high = sorted((one, other))
    assert probability(curve, low, {}) <= probability(curve, high, {})


@given(isotonic(), SCORES)
def test_an_isotonic_probability_lies_between_its_first_and_its_last(curve, score):
    assert curve.probabilities[0] <= probability(curve, score, {}) <= curve.probabilities[-1]


@given(isotonic())
def test_a_curve_goes_through_its_points(curve):
    assert tuple(probability(curve, score, {}) for score in curve.scores) == curve.probabilities


@given(LOGISTIC, TOKENS)
def test_a_logistic_probability_lies_between_0_and_1(curve, tokens):
    assert 0 <= probability(curve, 0.0, features(tokens, "all")) <= 1


@given(LOGISTIC, TOKENS)
def test_a_missing_feature_is_unknown_and_never_a_guess(curve, tokens):
    lost = min(curve.weights).removeprefix("log_")
    seen = {name: value for name, value in features(tokens, "all").items() if name != lost}
    assert probability(curve, 0.0, seen) is None


@given(st.floats(-110, 0), st.floats(-110, 0))
def test_a_logarithm_orders_by_size_and_is_finite(one, other):
    low, high = sorted((one, other))
    assert -30 < feature("log_mean", {"mean": high}) <= feature("log_mean", {"mean": low}) < 10


@given(calibrated_gates(), TOKENS, TASKS, st.booleans())
def test_a_judgement_compares_the_probability_and_names_the_calibration(gate, tokens, task, complete):
    judgement = judge(gate, Completion(text="x", tokens=tokens), complete=complete, alias="small", task=task)
    confidence = judgement.confidence
    assert confidence.calibration == "c0ffee"
    assert 0 <= confidence.probability <= 1
    assert (judgement.verdict is Verdict.ACCEPT) == (confidence.probability >= gate.accept_at)
    assert confidence.band == ("high" if confidence.probability >= gate.accept_at else "low")


@given(calibrated_gates(), TOKENS, TASKS, SHARES)
def test_a_stricter_threshold_never_accepts_more(gate, tokens, task, other):
    strict, lenient = sorted((gate.accept_at, other), reverse=True)
    said = Completion(text="x", tokens=tokens)
    if judge(replace(gate, accept_at=strict), said, complete=True, alias="small", task=task).verdict is Verdict.ACCEPT:
        assert judge(replace(gate, accept_at=lenient), said, complete=True, alias="small", task=task).verdict is Verdict.ACCEPT


@given(calibrated_gates(), TOKENS)
def test_a_task_type_without_a_curve_of_its_own_takes_the_pooled_one(gate, tokens):
    said = Completion(text="x", tokens=tokens)
    calibration = gate.calibrations["small"]
    pooled = replace(gate, calibrations={"small": replace(calibration, whole=Curves(pooled=calibration.whole.pooled))})
    assert judge(gate, said, complete=True, alias="small", task="Chatbot") == judge(
        pooled, said, complete=True, alias="small", task="Rewrite"
    )


@given(calibrated_gates(), TOKENS, st.sampled_from(["accept", "escalate"]))
def test_an_alias_without_a_calibration_is_unknown(gate, tokens, unknown):
    judgement = judge(replace(gate, unknown=unknown), Completion(text="x", tokens=tokens), complete=True, alias="other")
    assert (judgement.reason, judgement.verdict.value) == (Reason.UNKNOWN_CONFIDENCE, unknown)
    assert (judgement.confidence.probability, judgement.confidence.calibration) == (None, "missing")
