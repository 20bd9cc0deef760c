import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from litellm_cascade.classifiers.eight_heads import LOGITS, NVIDIA, SIZES, read, read_heads, shown
from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import DIMENSIONS

CONFIG = {
    "target_sizes": dict(sorted(SIZES.items())),  # as a file whose keys were sorted
    "task_type_map": {str(index): name for index, name in enumerate(NVIDIA.task_names)},
    "weights_map": {head: list(NVIDIA.weights[head]) for head in sorted(NVIDIA.weights)},
    "divisor_map": {head: NVIDIA.divisors.get(head, 1) for head in sorted(NVIDIA.weights)},
}


def _log_odds(*probabilities: float) -> list[float]:
    return np.log(np.maximum(probabilities, 1e-12)).tolist()


def _published() -> np.ndarray:
    """Logits that give the dimensions of the model card's example, a script with a loop."""
    return np.array(
        [
            *_log_odds(0, 0, 0, 0, 0.767, 0, 0, 0, 0, 0, 0.233, 0),
            *_log_odds(0.0826, 0, 1 - 0.0826),
            *_log_odds(1 - 0.0632, 0.0632),
            *_log_odds(1 - 0.056, 0.056),
            *_log_odds(1, 0, 0, 0, 0, 0),
            *_log_odds(0.9803, 0, 0, 1 - 0.9803),
            0.0,
            *_log_odds(0.5578, 1 - 0.5578),
        ]
    )


def test_the_published_example_has_its_published_score():
    reading = read(_published())
    assert (reading.task, round(reading.task_probability, 3)) == ("Code Generation", 0.767)
    assert reading.score == pytest.approx(0.27822, abs=1.01e-5)  # its parts come to 0.278225, and which way that goes is the adder's
    assert reading.dimensions == {
        "creativity_scope": 0.0826,
        "reasoning": 0.0632,
        "contextual_knowledge": 0.056,
        "number_of_few_shots": 0.0,
        "domain_knowledge": 0.9803,
        "constraint_ct": 0.5578,
    }


@given(arrays(np.float32, LOGITS + 2, elements=st.floats(-50, 50, width=32)))
def test_what_is_shown_are_all_logits_in_their_order(logits):
    by_head = shown(logits, outcomes=("complexity", "small"))
    assert tuple(by_head) == (*SIZES, "complexity", "small")
    assert tuple(by_head["task_type"]) == NVIDIA.task_names
    heads = [[*part.values()] if isinstance(part, dict) else part for part in by_head.values()]
    assert np.hstack(heads).tolist() == logits.tolist()


@given(arrays(np.float32, LOGITS, elements=st.floats(-50, 50, width=32)), st.floats(-30, 30))
def test_a_reading_is_bounded_and_a_constant_added_to_a_head_changes_nothing(logits, constant):
    reading = read(logits)
    assert sum(reading.task_probabilities.values()) == pytest.approx(1)
    assert all(0 <= value <= (5 if head == "number_of_few_shots" else 1) for head, value in reading.dimensions.items())
    assert tuple(reading.dimensions) == DIMENSIONS
    assert 0 <= reading.score <= 1.2
    assert 0 <= reading.complexity <= 1
    moved = logits.astype(np.float64)
    moved[: SIZES["task_type"]] += constant
    assert read(moved).task_probability == pytest.approx(reading.task_probability)


def test_a_config_is_read_by_name_whatever_the_order_of_its_keys():
    assert read(_published(), read_heads(CONFIG, "config.json")) == read(_published())


def test_a_config_with_other_names_or_weights_is_followed():
    config = json.loads(json.dumps(CONFIG))
    config["task_type_map"]["4"] = "Programming"
    config["divisor_map"]["domain_knowledge"] = 6
    reading = read(_published(), read_heads(config, "config.json"))
    assert (reading.task, reading.dimensions["domain_knowledge"]) == ("Programming", pytest.approx(0.9803 / 2, abs=1e-4))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"task_type_map": {"0": "Chatbot"}}, "config.json: task_type_map must name the task types 0 to 11"),
        ({"weights_map": {}}, r"config.json: weights_map.creativity_scope must be a list of 3 numbers, and is None"),
        ({"weights_map": CONFIG["weights_map"] | {"reasoning": [0, 1, 2]}}, r"weights_map.reasoning must be a list of 2 numbers"),
        ({"weights_map": CONFIG["weights_map"] | {"reasoning": ["0", 1]}}, r"weights_map.reasoning must be a list of 2 numbers"),
        ({"divisor_map": {"creativity_scope": 0}}, "divisor_map.creativity_scope must be a number other than 0, and is 0"),
    ],
)
def test_a_config_that_does_not_fit_is_told_in_a_sentence(change, sentence):
    with pytest.raises(ClassifierError, match=sentence):
        read_heads(CONFIG | change, "config.json")


@pytest.mark.parametrize("logits", [np.zeros(31), np.zeros((1, 32)), np.full(32, np.nan)])
def test_what_is_no_32_finite_logits_is_refused(logits):
    with pytest.raises(ClassifierError, match="the eight heads need 32 finite logits"):
        read(logits)
