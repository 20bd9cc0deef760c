import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from litellm_cascade.classifiers import Surroundings, build, eight_heads, servable
from litellm_cascade.classifiers.embedded import (
    HEAD_TOKENS,
    LOGITS,
    MODEL,
    SHIPPED,
    TAIL_TOKENS,
    TOKENIZER,
    Embedded,
    load,
    token_ids,
)
from litellm_cascade.classifiers.guard import Guarded
from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import TASK_TYPES, Endpoint, Envelope, Request, Turn

ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="default")
MEND = "reinstall litellm-cascade, or train one: cascade train embedded --data DIR --out DIR"


def asking(*texts: str) -> Request:
    return Request(envelope=ENVELOPE, turns=tuple(Turn(role="user", text=text) for text in texts))


@pytest.fixture(scope="module")
def network():
    return load(SHIPPED)


@pytest.fixture(scope="module")
def embedded():
    return Embedded()


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
        ("Rewrite", "Translate this sentence into French: Where is the library?"),
        ("Chatbot", "Hello! How are you?"),
        ("Open QA", "What is the capital of France?"),
        ("Open QA", "How many legs has a spider?"),
        ("Brainstorming", "Brainstorm ten names for a coffee shop."),
        ("Text Generation", "Write a short story about a dragon."),
        ("Classification", "Classify the sentiment of this tweet as positive or negative: I love this phone"),
        ("Closed QA", "Read the passage and answer the question. Passage: Tom has a red car. Question: What colour is the car?"),
        ("Extraction", "Extract all names and dates from this text: Anna met Ben on 3 May 2021 in Oslo."),
    ],
)
async def test_an_obvious_prompt_gets_its_obvious_task(embedded, task, prompt):
    assert (await embedded.classify(asking(prompt))).task == task


async def test_a_classification_says_who_made_it_and_what_it_knows(embedded):
    answer = await embedded.classify(asking("Who wrote Hamlet?"))
    assert (answer.classifier, answer.digest, answer.known, answer.truncated) == ("embedded", embedded.digest, True, False)
    assert len(answer.digest) == 16
    assert answer.task_probability == max(answer.task_probabilities.values())
    assert set(answer.task_probabilities) == {*TASK_TYPES, "Unknown"}
    assert sum(answer.task_probabilities.values()) == pytest.approx(1)
    assert 0 <= answer.complexity <= 1
    assert 0 <= answer.small_copes <= 1
    assert answer.small_copes + answer.gain <= 1
    assert answer.took_ms > 0


async def test_a_greeting_is_simpler_than_a_proof(embedded):
    greeting = await embedded.classify(asking("Hello! How are you?"))
    proof = await embedded.classify(
        asking("Derive the spectrum of the hydrogen atom from the Dirac equation and discuss its fine structure.")
    )
    assert greeting.complexity < proof.complexity
    assert greeting.dimensions["reasoning"] < proof.dimensions["reasoning"]
    assert greeting.dimensions["domain_knowledge"] < proof.dimensions["domain_knowledge"]


async def test_worked_examples_are_seen(embedded):
    without = await embedded.classify(asking("Classify the review as positive or negative.\nText: I love it\nLabel:"))
    shots = "Text: It broke.\nLabel: negative\n\nText: Very good.\nLabel: positive\n\nText: Never again.\nLabel: negative\n\n"
    several = await embedded.classify(asking(f"Classify the review as positive or negative.\n{shots}Text: I love it\nLabel:"))
    assert without.dimensions["number_of_few_shots"] < several.dimensions["number_of_few_shots"]


async def test_a_very_long_prompt_is_read_at_both_ends_and_says_so(embedded):
    middle = "The harbour was full of ships from the north. " * 20_000
    answer = await embedded.classify(asking(f"{middle}\nSummarize the text above in three sentences."))
    assert (answer.truncated, answer.task) == (True, "Summarization")


def test_a_long_prompt_gives_its_first_and_its_last_tokens(network):
    words = [f"word{number}" for number in range(100)]
    ids, truncated = token_ids(network.tokenizer, " ".join(words))
    whole = network.tokenizer.encode(" ".join(words)).ids
    assert truncated
    assert ids == [*whole[:HEAD_TOKENS], *whole[-TAIL_TOKENS:]]


async def test_nothing_to_read_is_no_belief(embedded):
    answer = await embedded.classify(asking("  "))
    assert (answer.known, answer.task, answer.complexity, answer.degraded) == (False, "Unknown", 0.5, ("prompt_empty",))


async def test_the_last_question_decides(embedded):
    first, second = "Write a short story about a dragon.", "Write a Python function that merges two sorted lists."
    alone = await embedded.classify(asking(second))
    assert (await embedded.classify(asking(first, second))).task_probabilities == alone.task_probabilities


@pytest.mark.parametrize("text", ["\ud800", "\x00", "🦜" * 3000, "\uff37\uff29 " * 50, "a" * 5000, "\n\n.\n"])
async def test_any_text_is_classified(embedded, text):
    answer = await embedded.classify(asking(text))
    assert answer.known
    assert all(0 <= value <= 1 for value in answer.task_probabilities.values())


async def test_many_callers_at_once_get_the_answers_that_they_would_get_alone(embedded):
    prompts = [f"What is {number} and who wrote about it?" * (number % 5 + 1) for number in range(24)]
    alone = [await embedded.classify(asking(prompt)) for prompt in prompts]
    together = await asyncio.gather(*(embedded.classify(asking(prompt)) for prompt in prompts))
    assert [it.task_probabilities for it in together] == [it.task_probabilities for it in alone]


async def test_more_callers_than_may_wait_are_turned_away_as_busy_not_as_ill(embedded):
    guarded = Guarded(embedded, at_once=200, within_ms=60_000)
    answers = await asyncio.gather(*(guarded.classify(asking("Who wrote Hamlet?")) for _ in range(150)))
    assert {it.degraded for it in answers} == {(), ("classifier_busy",)}
    assert guarded.state == "closed"


async def test_missing_weights_say_what_and_where_and_how_to_mend_it(tmp_path):
    with pytest.raises(ClassifierError) as raised:
        await Embedded(folder=tmp_path).warm_up()
    assert str(raised.value) == f"classifier 'embedded': cannot read {tmp_path / MODEL} (No such file or directory): {MEND}"


@pytest.mark.parametrize("content", [b"", b"not a model", (SHIPPED / MODEL).read_bytes()[:100_000]])
async def test_a_corrupt_model_says_so(tmp_path, content):
    shutil.copy(SHIPPED / TOKENIZER, tmp_path)
    (tmp_path / MODEL).write_bytes(content)
    with pytest.raises(ClassifierError) as raised:
        await Embedded(folder=tmp_path).warm_up()
    assert str(raised.value) == f"classifier 'embedded': the model at {tmp_path / MODEL} is corrupt: {MEND}"


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe"])
async def test_a_corrupt_tokeniser_says_so(tmp_path, content):
    shutil.copy(SHIPPED / MODEL, tmp_path)
    (tmp_path / TOKENIZER).write_bytes(content)
    with pytest.raises(ClassifierError) as raised:
        await Embedded(folder=tmp_path).warm_up()
    assert str(raised.value) == f"classifier 'embedded': the tokeniser at {tmp_path / TOKENIZER} is corrupt: {MEND}"


async def test_a_tokeniser_with_more_tokens_than_the_model_has_rows_says_so(tmp_path):
    shutil.copy(SHIPPED / MODEL, tmp_path)
    (tmp_path / TOKENIZER).write_text((SHIPPED / TOKENIZER).read_text().replace('"python":18750', '"python":99999'))
    with pytest.raises(ClassifierError) as raised:
        await Embedded(folder=tmp_path).warm_up()
    assert str(raised.value) == f"classifier 'embedded': the model at {tmp_path / MODEL} does not fit the tokeniser beside it: {MEND}"


async def test_a_model_whose_logits_are_no_numbers_says_so(tmp_path):
    shutil.copy(SHIPPED / TOKENIZER, tmp_path)
    graph = onnx.load(SHIPPED / MODEL)
    scale = next(one for one in graph.graph.initializer if one.data_type == onnx.TensorProto.FLOAT)
    scale.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(scale) * np.float32("nan"), scale.name))
    onnx.save(graph, tmp_path / MODEL)
    with pytest.raises(ClassifierError) as raised:
        await Embedded(folder=tmp_path).warm_up()
    assert str(raised.value) == f"classifier 'embedded': the model at {tmp_path / MODEL} is corrupt: {MEND}"


async def test_weights_of_ones_own_are_found_beside_the_configuration(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "mine")
    classifier = build("embedded", {"weights": "mine", "threads": 1}, Surroundings(folder=tmp_path))
    assert (await classifier.classify(asking("Who wrote Hamlet?"))).known


@pytest.mark.parametrize("threads", [0, 65])
def test_threads_out_of_range_are_a_sentence(threads):
    with pytest.raises(ClassifierError, match=r"classifier 'embedded': options\.threads"):
        build("embedded", {"threads": threads})


def test_the_shipped_weights_are_small_and_described(network):
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 30_000_000
    assert network.digest in (SHIPPED / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert network.digest in (Path(__file__).parents[2] / "docs" / "classifiers.md").read_text(encoding="utf-8")


def test_every_length_has_finite_logits(network):
    for length in (0, 1, 2, 17, 96, 126):
        logits = network.logits([101, *([2054] * length), 102])
        assert logits.shape == (LOGITS,)
        assert np.isfinite(logits).all()


def test_it_loads_its_runtime_only_when_it_is_used_and_never_torch():
    code = """
import asyncio, sys
from litellm_cascade.classifiers import build
from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn
classifier = build("embedded")
print(sorted({"onnxruntime", "tokenizers", "torch", "transformers"} & set(sys.modules)))
request = Request(envelope=Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p"),
                  turns=(Turn(role="user", text="Who wrote Hamlet?"),))
asyncio.run(classifier.classify(request))
print(sorted({"torch", "transformers", "sklearn", "scipy", "polars", "pandas", "litellm"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


def test_classifying_128_tokens_is_quick(network, benchmark):
    ids = [101, *([2054] * 126), 102]
    benchmark(lambda: network.logits(ids))


async def test_a_service_gets_the_same_parts(embedded):
    parts = servable.load("embedded", {}, Surroundings())
    text = "Summarize the text: " + "the harbour was full of ships. " * 60
    encoded = parts.encode(text)
    answer = await embedded.classify(asking(text))
    (logits,) = parts.engine.logits([encoded.ids])
    assert eight_heads.read(logits[: eight_heads.LOGITS], parts.heads).task_probabilities == answer.task_probabilities
    assert (encoded.truncated, len(encoded.ids), parts.digest) == (True, parts.longest, answer.digest)
    assert parts.outcomes == ("complexity", "small", "strong")
    assert max(encoded.ids) < parts.vocabulary
