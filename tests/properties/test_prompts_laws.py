from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_cascade.offline.prompts.grammar import Grammar, alternatives
from litellm_cascade.offline.prompts.making import LEVELS, Made, make
from litellm_cascade.offline.prompts.spoiling import spoil
from litellm_cascade.vocabulary import TASK_TYPES

PASSAGES = ["The museum opens at nine and closes at six.", "A given text about rivers."]


@pytest.fixture(scope="module")
def made():
    return list(make(Random(11), PASSAGES, each=120))


@given(st.integers(0, 2**32))
@settings(max_examples=5)
def test_the_same_seed_makes_the_same_prompts(seed):
    assert list(make(Random(seed), PASSAGES, each=4)) == list(make(Random(seed), PASSAGES, each=4))


def test_another_seed_makes_other_prompts(made):
    assert {it.prompt for it in made} != {it.prompt for it in make(Random(12), PASSAGES, each=120)}


def test_every_task_type_is_made_equally_often(made):
    assert {task: sum(it.task == task for it in made) for task in TASK_TYPES} == dict.fromkeys(TASK_TYPES, 120)


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ("creativity", range(3)),
        ("reasoning", range(2)),
        ("context", range(2)),
        ("shots", range(6)),
        ("level", range(LEVELS)),
        ("constraints", (0, 1, 2, 3, 5)),
    ],
)
def test_every_value_of_every_label_is_reached(made, label, values):
    assert {getattr(it, label) for it in made} == set(values)


def test_a_wording_is_in_one_part_only_and_no_part_is_without_a_task_type(made):
    parts = {}
    for it in made:
        parts.setdefault(it.wording, set()).add(it.part)
    assert all(len(found) == 1 for found in parts.values())
    assert {(it.part, it.task) for it in made} == {(part, task) for part in ("train", "tune", "test") for task in TASK_TYPES}


def test_complexity_is_a_share_that_grows_with_what_one_must_know(made):
    assert all(0 < it.complexity < 1 for it in made)
    easy = Made(prompt="", wording="", task="Open QA", creativity=0, reasoning=0, context=0, shots=0, level=0, constraints=0)
    hard = Made(prompt="", wording="", task="Open QA", creativity=0, reasoning=1, context=0, shots=0, level=3, constraints=2)
    assert easy.complexity < hard.complexity


def test_no_prompt_is_empty_and_no_choice_is_left_open(made):
    for it in made:
        assert it.prompt.strip()
        assert "¶" not in it.prompt
        assert "{passage}" not in it.prompt
        assert "{topic}" not in it.prompt


def test_a_prompt_that_brings_its_text_says_so_and_a_greeting_has_no_constraints(made):
    assert all(it.context == 1 for it in made if it.task in {"Summarization", "Closed QA", "Extraction"})
    assert all(it.constraints == it.shots == 0 for it in made if it.task == "Chatbot")


@given(st.text(max_size=40), st.integers(0, 100))
@settings(max_examples=60)
def test_a_grammar_says_any_text_and_leaves_plain_text_alone(text, seed):
    said = Grammar(Random(seed), {}, {}).say(text)
    assert isinstance(said, str)
    if not set(text) & set("[]|¶"):
        assert said == text


@given(st.lists(st.text(st.characters(exclude_characters="[]|¶{}"), max_size=8), min_size=2, max_size=5), st.integers(0, 100))
def test_a_choice_is_one_of_its_alternatives(options, seed):
    assert Grammar(Random(seed), {}, {}).say(f"<[{'|'.join(options)}]>")[1:-1] in options


def test_alternatives_end_at_their_own_bars():
    assert alternatives("a|b [c|d]|") == ("a", "b [c|d]", "")


@pytest.mark.parametrize("code", ["x[0]", "x = [1, 2]", "f({})", "{unknown}", "[[]", "a]b"])
def test_code_is_no_choice(code):
    assert Grammar(Random(1), {"known": ("k",)}, {}).say(code) == code


@given(st.text(max_size=80), st.integers(0, 1000))
@settings(max_examples=60)
def test_spoiling_is_decided_by_the_seed(text, seed):
    assert spoil(text, Random(seed)) == spoil(text, Random(seed))
