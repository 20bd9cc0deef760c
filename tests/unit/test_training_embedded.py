"""A whole training on a tiny network of MiniLM's layout: it exports, loads and classifies."""

import json
from random import Random

import numpy as np
import pytest
from typer.testing import CliRunner

from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.classifiers.eight_heads import LOGITS, SIZES
from litellm_cascade.classifiers.embedded import LOGITS as ALL_LOGITS
from litellm_cascade.classifiers.embedded import load
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.prompts.making import make
from litellm_cascade.offline.training_embedded.examples import Example, constructed, read_examples, training_rows
from litellm_cascade.offline.training_embedded.fitting import padded, targets
from litellm_cascade.vocabulary import TASK_TYPES, Endpoint, Envelope, Request, Turn

pytest.importorskip("torch")
pl = pytest.importorskip("polars")
ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "a", "write", "what", "is", "summarize", "python", "?", ".", ":", "hello", "text"]


def a_tiny_checkpoint(folder):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 256}
    BertModel(BertConfig(vocab_size=len(WORDS), **sizes), add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


def tiny_data(folder):
    (folder / "shareable").mkdir(parents=True)
    at = folder / "shareable"
    questions = [f"What is the {number} of the text ? " + "word " * 30 for number in range(120)]
    table = {"prompt": questions[:40], "task_type": ["Open QA", "Rewrite"] * 20, "group": [f"g{n}" for n in range(40)], "lang": ["en"] * 40}
    pl.DataFrame(table).write_parquet(at / "task_type.parquet")
    pids = [f"p{number}" for number in range(120)]
    pl.DataFrame(
        {"pid": pids, "prompt": questions, "benchmark": ["mmlu"] * 120, "group": pids, "subject": ["law"] * 120, "flag": [None] * 120},
        schema_overrides={"flag": pl.String},
    ).write_parquet(at / "routing_prompts.parquet")
    pl.DataFrame({"pid": pids, "score": [0.0, 1.0] * 60}).write_parquet(at / "routing_scores.parquet")
    sides = {"pid": pids, "score_weak": [0.0, 1.0] * 60, "score_strong": [1.0, 1.0] * 60}
    pl.DataFrame(sides).write_parquet(at / "routing_pairs.parquet")
    sql = {
        "question": ["How many?"] * 4,
        "evidence": [None] * 4,
        "hardness": ["easy"] * 4,
        "source": ["spider_dev"] * 4,
        "group": list("abcd"),
    }
    pl.DataFrame(sql, schema_overrides={"evidence": pl.String}).write_parquet(at / "sql_hardness.parquet")
    (at / "prompt_stream.jsonl").write_text(json.dumps({"id": "x", "prompt": "Hi"}) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    start = folder / "start"
    start.mkdir()
    a_tiny_checkpoint(start)
    tiny_data(folder)
    arguments = ["train", "embedded", "--data", str(folder), "--out", str(folder / "out"), "--start", str(start), "--each", "8"]
    done = CliRunner().invoke(app, [*arguments, "--threads", "1"])
    assert done.exit_code == 0, done.output
    return folder / "out"


def test_a_training_writes_what_the_classifier_loads(trained):
    network = load(trained)
    assert network.logits([2, 7, 3]).shape == (ALL_LOGITS,)
    assert len(network.digest) == 16


def test_rounding_the_weights_changes_the_logits_little(trained):
    whole, rounded = load(trained, model="fp32.onnx"), load(trained)
    for length in (1, 5, 60, 128):
        ids = [2, *[4 + number % 12 for number in range(length)], 3]
        assert np.abs(whole.logits(ids) - rounded.logits(ids)).max() < 0.2


async def test_and_it_classifies(trained):
    classifier = build("embedded", {"weights": "out"}, Surroundings(folder=trained.parent))
    answer = await classifier.classify(Request(envelope=ENVELOPE, turns=(Turn(role="user", text="What is the text ?"),)))
    assert answer.known
    assert answer.classifier == "embedded"
    assert set(answer.task_probabilities) == {*TASK_TYPES, "Unknown"}
    assert sum(answer.task_probabilities.values()) == pytest.approx(1)
    assert -1 <= answer.gain <= 1
    assert 0 <= answer.small_copes <= 1


def test_what_is_trained_on_is_decided_by_the_seed(tmp_path):
    tiny_data(tmp_path)
    first, again, other = (read_examples(tmp_path / "shareable", seed, each=4) for seed in (1, 1, 2))
    assert first == again
    assert training_rows(first, Random(1)) == training_rows(again, Random(1))
    assert first != other


def test_without_data_the_command_says_what_is_missing(tmp_path):
    done = CliRunner().invoke(app, ["train", "embedded", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "there is no shareable/task_type.parquet" in done.output


def test_what_a_source_does_not_know_weighs_nothing():
    wanted, weights = targets([Example(prompt="x", source="task_type", key="k", part="train", task="Rewrite")])
    assert wanted.shape == weights.shape == (1, ALL_LOGITS)
    assert (weights[0, : SIZES["task_type"]] == 1).all()
    assert (weights[0, SIZES["task_type"] :] == 0).all()
    assert wanted[0, TASK_TYPES.index("Rewrite")] == wanted.sum() == 1


def test_a_constructed_prompt_labels_all_heads_but_the_one_that_nobody_reads():
    made = next(iter(make(Random(1), ["A text."], each=1)))
    wanted, weights = targets([constructed(made)])
    begin = 0
    for head, size in SIZES.items():
        known = head != "no_label_reason"
        assert (weights[0, begin : begin + size] > 0).all() == known
        assert wanted[0, begin : begin + size].sum() == pytest.approx(float(known))
        begin += size
    assert weights[0, LOGITS] > 0
    assert (weights[0, LOGITS + 1 :] == 0).all()


def test_nothing_but_the_train_part_is_trained_on():
    rows = [Example(prompt=part, source="task_type", key=part, part=part, task="Rewrite") for part in ("train", "tune", "test")]
    assert {it.part for it in training_rows(rows, Random(1))} == {"train"}


def test_padding_is_masked():
    tokens, mask = padded([[2, 5, 3], [2, 3]])
    assert tokens.tolist() == [[2, 5, 3], [2, 3, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]
