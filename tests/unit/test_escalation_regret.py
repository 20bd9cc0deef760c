from litellm_cascade.escalation.regret import LateRegret
from litellm_cascade.vocabulary import Gate, StreamJudging, TokenLogprob

GATE = Gate(name="gate", score="mean", of="all", accept_at=-0.5, stream=StreamJudging(tokens=3))
SURE, UNSURE = TokenLogprob("yes", -0.1), TokenLogprob("hm", -2.0)


def lowest(*tokens, gate=GATE, judged=3):
    regret = LateRegret(gate, judged)
    for token in tokens:
        regret.passed([token])
    return regret.lowest


def test_a_stretch_below_the_threshold_is_regretted():
    assert lowest(*[SURE] * 3, *[UNSURE] * 3) == -2.0


def test_the_worst_stretch_is_told():
    assert lowest(*[SURE] * 3, SURE, SURE, UNSURE, *[UNSURE] * 3, SURE, UNSURE, UNSURE) == -2.0
    assert lowest(*[SURE] * 3, *[UNSURE] * 3, SURE, SURE, UNSURE) == -2.0


def test_what_was_judged_is_not_looked_at_again():
    assert lowest(*[UNSURE] * 3, *[SURE] * 3) is None
    assert lowest(*[UNSURE] * 3, judged=0) == -2.0


def test_a_rest_that_is_too_short_to_compare_is_left_out():
    assert lowest(*[SURE] * 3, UNSURE, UNSURE) is None


def test_a_piece_may_carry_many_tokens():
    regret = LateRegret(GATE, 3)
    regret.passed([SURE] * 5 + [UNSURE] * 4)
    assert regret.lowest is not None


def test_a_sum_is_compared_over_as_many_tokens_as_were_judged():
    gate = Gate(name="gate", score="sum", of="all", accept_at=-0.5, stream=StreamJudging(tokens=3))
    assert lowest(*[SURE] * 300, gate=gate) is None


def test_nothing_is_kept_but_one_stretch():
    regret = LateRegret(GATE, 0)
    for _ in range(10_000):
        regret.passed([UNSURE])
        assert len(regret._stretch) < GATE.stream.tokens


def test_tokens_without_text_say_nothing():
    assert lowest(*[TokenLogprob("", -9.0)] * 9, judged=0) is None
