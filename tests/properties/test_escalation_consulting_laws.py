"""What holds of asking a model again, whatever it replies."""

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from litellm_cascade.escalation import agreement, p_true
from litellm_cascade.escalation.agreement import final_answer
from litellm_cascade.vocabulary import Completion

REPLIES = st.sampled_from(["True", " true", "False", "NO", "yes.", "Maybe", "", "Tr", "The", "42"]) | st.text(max_size=6)
ALTERNATIVES = st.lists(st.tuples(REPLIES, st.floats(-30, 0)), max_size=6)
SAID = st.sampled_from(["42", "The answer is 42.", "Answer: B", "(C)", "Oslo", "It is Oslo.", "yes", '{"a": 1}', "[1]", "", "\\boxed{7}"])
TEXTS = SAID | st.text(max_size=20)
ANSWERS = st.builds(Completion, text=TEXTS, tool_calls=st.sampled_from([(), (), ("search",)]))


@given(REPLIES, ALTERNATIVES)
def test_how_sure_a_model_says_it_is_lies_between_0_and_1_or_is_unknown(word, alternatives):
    said = p_true(word, alternatives)
    assert said is None or 0 <= said <= 1


@given(REPLIES, ALTERNATIVES, st.randoms(use_true_random=False))
def test_the_order_of_the_alternatives_does_not_matter(word, alternatives, random):
    assert p_true(word, random.sample(alternatives, len(alternatives))) == p_true(word, alternatives)


@given(true=st.floats(0.01, 1), false=st.floats(0.01, 1), more=st.floats(0, 0.5))
def test_a_likelier_true_is_never_less_sure(true, false, more):
    assume(true + false >= 0.5)
    before = p_true("", [("True", math.log(true)), ("False", math.log(false))])
    after = p_true("", [("True", min(0.0, math.log(true + more))), ("False", math.log(false))])
    assert after >= before - 1e-12


@given(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=5))
def test_agreement_is_a_share_of_the_samples(answer, samples):
    share = agreement(answer, samples)
    assert share in [count / len(samples) for count in range(len(samples) + 1)]


@given(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(answer, samples, random):
    assert agreement(answer, random.sample(samples, len(samples))) == agreement(answer, samples)


@given(ANSWERS, st.integers(1, 5))
def test_everybody_agrees_with_themselves(answer, count):
    assert agreement(answer, [answer] * count) == 1.0


@given(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=5))
def test_one_more_that_agrees_never_lowers_it_and_one_that_does_not_never_raises_it(answer, samples):
    share = agreement(answer, samples)
    for other in samples:
        changed = agreement(answer, [*samples, other])
        assert changed >= share if agreement(answer, [other]) == 1.0 else changed <= share


@given(TEXTS)
def test_a_final_answer_is_found_in_every_text_and_is_final(text):
    once = final_answer(text)
    assert isinstance(once, str)
    assert agreement(Completion(text=f"Answer: {once}"), [Completion(text=f"Answer: {once}")]) == 1.0
