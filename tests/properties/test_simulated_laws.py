"""What holds of every simulated answer, whatever is asked."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.simulated.answers import Ask, answer
from litellm_cascade.simulated.deployment import Deployment, Faults, parse_deployment
from litellm_cascade.simulated.difficulty import difficulty_of
from litellm_cascade.simulated.profiles import PROFILES

ROLES = st.sampled_from(sorted(PROFILES))
CHANCES = st.floats(0, 1)
ASKS = st.builds(
    Ask,
    max_tokens=st.none() | st.integers(1, 80),
    top=st.integers(1, 20),
    as_json=st.booleans(),
    difficulty=st.none() | st.sampled_from(["simple", "medium", "complex"]),
)
CALLS = st.fixed_dictionaries(
    {
        "prompt": st.text(max_size=300),
        "role": ROLES,
        "seed": st.integers(0, 2**32),
        "choice": st.integers(0, 127),
        "ask": ASKS,
        "faults": st.builds(Faults, fail=CHANCES, hang=CHANCES, refuse=CHANCES, truncate=CHANCES),
    }
)


@given(CALLS)
def test_the_same_call_is_the_same_answer(call: dict[str, Any]) -> None:
    assert answer(**call) == answer(**call)


@given(CALLS)
def test_log_probabilities_are_below_zero_and_alternatives_fall(call: dict[str, Any]) -> None:
    for token in answer(**call).tokens:
        logprobs = [logprob for _, logprob in token.top]
        assert token.logprob == logprobs[0] < 0
        assert logprobs == sorted(logprobs, reverse=True)
        assert len({text for text, _ in token.top}) == len(token.top) == call["ask"].top


@given(CALLS)
def test_tokens_joined_are_the_text_and_no_longer_than_asked(call: dict[str, Any]) -> None:
    told = answer(**call)
    assert "".join(token.text for token in told.tokens) == told.text
    assert told.usage.output_tokens == len(told.tokens) <= (call["ask"].max_tokens or 60)


@given(CALLS)
def test_a_right_answer_is_never_refused_or_cut_off(call: dict[str, Any]) -> None:
    told = answer(**call)
    assert not told.correct or (told.finish_reason == "stop" and told.fault not in {"refuse", "truncate"})


@given(st.text())
def test_every_prompt_has_a_difficulty(prompt: str) -> None:
    assert difficulty_of(prompt) in {"simple", "medium", "complex"}


@given(st.text(max_size=60) | st.from_regex(r"\A(small|sql|large)\?[a-z_]{0,12}=?[0-9.]{0,4}(&[a-z_]{0,12}=[0-9.]{0,4})?\Z"))
def test_a_name_is_a_deployment_or_a_sentence(name: str) -> None:
    try:
        assert isinstance(parse_deployment(name), Deployment)
    except ConfigurationError as error:
        assert all(problem.startswith(f"simulated/{name}: ") and problem.endswith(".") for problem in error.problems)  # noqa: PT017
