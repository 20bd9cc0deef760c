import asyncio
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_cascade.classifiers import build, registry
from litellm_cascade.classifiers.base import Classifier
from litellm_cascade.classifiers.features import VERSION, read_features
from litellm_cascade.classifiers.linear import SHIPPED, Linear, read_weights, softmax
from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import TASK_TYPES, UNCLASSIFIED, Endpoint, Envelope, Request, Turn

ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="default")
WEIGHTS = read_weights(SHIPPED)


def asking(*texts: str) -> Request:
    return Request(envelope=ENVELOPE, turns=tuple(Turn(role="user", text=text) for text in texts))


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_any_text_has_task_probabilities_that_sum_to_one(text):
    logits = WEIGHTS.logits(read_features(text))
    probabilities = softmax(logits[:-1])
    assert tuple(probabilities) == TASK_TYPES
    assert sum(probabilities.values()) == pytest.approx(1)
    assert (WEIGHTS.logits(read_features(text)) == logits).all()


@pytest.mark.parametrize(
    ("task", "prompt"),
    [
        ("Code Generation", "Write a Python function that merges two sorted lists."),
        ("Code Generation", 'def median(values):\n    """Return the median of the values."""\n'),
        (
            "Summarization",
            "Summarize the following article in three sentences:\nThe council met on Monday. Residents complained about noise.",
        ),
        ("Rewrite", "Rewrite this email so that it sounds more polite: send me the file now"),
        ("Chatbot", "Hello! How are you?"),
        ("Open QA", "What is the capital of France?"),
        ("Brainstorming", "Brainstorm ten names for a coffee shop."),
        ("Text Generation", "Write a short story about a dragon."),
        ("Classification", "Classify the sentiment of this tweet as positive or negative: I love this phone"),
        ("Closed QA", "Read the passage and answer the question. Passage: Tom has a red car. Question: What colour is the car?"),
        ("Other", "What is 17 times 23?"),
    ],
)
async def test_an_obvious_prompt_gets_its_obvious_task(task, prompt):
    assert (await Linear().classify(asking(prompt))).task == task


@pytest.mark.parametrize("text", ["What is a spider? " * 9, "\u2026", "a", "\U0001f600 \u4f60\u597d"])
def test_a_logit_is_the_mean_of_its_groups_weights_by_length(text):
    features = read_features(text)
    slowly = features.dense.astype(float) @ WEIGHTS.dense
    for group in features.groups:
        if len(group):
            slowly += sum(WEIGHTS.hashed[bucket].astype(float) for bucket in group) * WEIGHTS.scales / math.sqrt(len(group))
    np.testing.assert_allclose(WEIGHTS.logits(features), slowly, atol=1e-5)


async def test_the_first_prompt_is_read_like_the_next():
    """Before its weights are loaded the classifier is awaited, afterwards it is not."""
    classifier = Linear()
    assert classifier.at_once(asking("What is a spider?")) is None
    first = await classifier.classify(asking("What is a spider?"))
    assert replace(classifier.at_once(asking("What is a spider?")), took_ms=first.took_ms) == first


async def test_a_greeting_is_simpler_than_a_proof():
    greeting = await Linear().classify(asking("Hello! How are you?"))
    proof = await Linear().classify(
        asking("Derive the spectrum of the hydrogen atom from the Dirac equation and discuss the fine structure.")
    )
    assert 0 <= greeting.complexity < 0.2 < proof.complexity <= 1


async def test_a_classification_says_who_made_it():
    linear = Linear()
    assert linear.digest == ""
    answer = await linear.classify(asking("Who wrote Hamlet?"))
    assert (answer.classifier, answer.digest, answer.known, answer.truncated) == ("linear", linear.digest, True, False)
    assert len(answer.digest) == 16
    assert answer.task_probability == answer.task_probabilities[answer.task] == max(answer.task_probabilities.values())
    assert answer.took_ms > 0


async def test_the_last_question_decides():
    first, second = "Write a short story about a dragon.", "Write a Python function that merges two sorted lists."
    alone = await Linear().classify(asking(second))
    assert (await Linear().classify(asking(first, second))).task_probabilities == alone.task_probabilities


async def test_a_very_long_prompt_is_read_at_both_ends_and_says_so():
    middle = "lorem ipsum " * 50_000
    answer = await Linear().classify(asking(f"Summarize the following article:\n{middle}"))
    assert (answer.truncated, answer.task) == (True, "Summarization")


async def test_nothing_to_read_is_no_belief():
    answer = await Linear().classify(asking("  "))
    assert (answer.known, answer.task, answer.complexity, answer.degraded) == (False, "Unknown", 0.5, ("prompt_empty",))


async def test_missing_weights_say_what_and_where_and_how_to_mend_it(tmp_path):
    path = tmp_path / "none.npz"
    with pytest.raises(ClassifierError) as raised:
        await Linear(weights=path).warm_up()
    assert str(raised.value) == (
        f"classifier 'linear': cannot read the weights at {path} (No such file or directory): "
        "reinstall litellm-cascade, or train one: python -m litellm_cascade.offline.train_linear --data DIR --out FILE"
    )


@pytest.mark.parametrize("content", [b"", b"not a zip", SHIPPED.read_bytes()[:20_000]])
async def test_corrupt_weights_say_what_and_where_and_how_to_mend_it(tmp_path, content):
    path = tmp_path / "linear.npz"
    path.write_bytes(content)
    with pytest.raises(ClassifierError) as raised:
        await Linear(weights=path).classify(asking("Hi"))
    assert str(raised.value) == (
        f"classifier 'linear': the weights at {path} are corrupt: "
        "reinstall litellm-cascade, or train one: python -m litellm_cascade.offline.train_linear --data DIR --out FILE"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"dense": WEIGHTS.dense * float("nan")},
        {"scales": WEIGHTS.scales / 0.0},
        {"hashed": WEIGHTS.hashed.astype(str)},
        {"scales": WEIGHTS.scales.astype(str)},
        {"version": "one"},
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_weights_that_are_no_numbers_are_refused(tmp_path, changed):
    import numpy as np

    path = tmp_path / "linear.npz"
    arrays = {"hashed": WEIGHTS.hashed, "scales": WEIGHTS.scales, "dense": WEIGHTS.dense, "version": np.int64(VERSION)}
    np.savez(path, **(arrays | changed))
    with pytest.raises(ClassifierError, match=r"linear.npz are corrupt"):
        read_weights(path)


def test_weights_of_another_version_are_refused(tmp_path):
    import numpy as np

    path = tmp_path / "linear.npz"
    np.savez(path, hashed=WEIGHTS.hashed, scales=WEIGHTS.scales, dense=WEIGHTS.dense, version=np.int64(999))
    with pytest.raises(ClassifierError, match="another version"):
        read_weights(path)


def test_the_shipped_weights_are_small_and_described():
    assert SHIPPED.stat().st_size < 1_000_000
    assert WEIGHTS.digest in (SHIPPED.parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert WEIGHTS.digest in (Path(__file__).parents[2] / "docs" / "classifiers.md").read_text(encoding="utf-8")


def test_classifying_loads_numpy_and_nothing_heavier():
    code = """
import asyncio, sys
from litellm_cascade.classifiers import build
heavy = {"torch", "transformers", "sklearn", "scipy", "polars", "pandas", "onnxruntime", "litellm"}
assert "numpy" not in sys.modules, "importing the package is enough to load numpy"
from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn
request = Request(envelope=Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p"),
                  turns=(Turn(role="user", text="word " * 128),))
asyncio.run(build("linear").classify(request))
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["linear", "embedded"])
def test_once_it_is_warm_the_first_request_waits_for_no_import(name):
    code = f"""
import asyncio, sys
from litellm_cascade.classifiers import build
from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn
request = Request(envelope=Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p"),
                  turns=(Turn(role="user", text="Hi"),))
classifier = build("{name}")
asyncio.run(classifier.warm_up())
warm = set(sys.modules)
asyncio.run(classifier.classify(request))
print(sorted(set(sys.modules) - warm))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_weights_of_another_shape_are_refused(tmp_path):
    import numpy as np

    path = tmp_path / "linear.npz"
    np.savez(path, hashed=WEIGHTS.hashed, scales=WEIGHTS.scales, dense=WEIGHTS.dense[:-1], version=np.int64(VERSION))
    with pytest.raises(ClassifierError, match="another version"):
        asyncio.run(Linear(weights=path).warm_up())


async def test_every_classifier_that_needs_nothing_can_be_built():
    for name in ("embedded", "linear", "none"):
        made: Classifier = build(name)
        assert (await made.classify(asking("Hi"))).classifier == made.name


async def test_none_knows_nothing_and_degrades_nothing():
    assert await build("none").classify(asking("Hi")) == UNCLASSIFIED


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ClassifierError, match=f"no such classifier; choose one of {', '.join(sorted(registry))}"):
        build("oracle")


def test_classifying_128_tokens_is_quick(benchmark):
    text = "Explain how the new tariff changes what a small importer of coffee has to declare, and which forms are due when. " * 5
    benchmark(lambda: WEIGHTS.logits(read_features(text)))


async def test_a_plain_question_is_not_taken_for_code():
    """The public task types know "How many ..." only behind "Write a SQLite query": the bare question must not follow it there."""
    for question in ("How many legs has a spider?", "How many people live in Berlin?", "List the names of all singers ordered by age."):
        asked = Request(
            envelope=Envelope(request_id="1", endpoint=Endpoint.CHAT, requested_model="auto", policy="p"),
            turns=(Turn(role="user", text=question),),
        )
        assert (await Linear().classify(asked)).task == "Open QA"
