"""A whole training on a tiny network of MiniLM's layout: it exports, loads and classifies."""

import json
import re
from random import Random

import numpy as np
import pytest
from typer.testing import CliRunner

from litellm_cascade.classifiers import Surroundings, build, servable
from litellm_cascade.classifiers.eight_heads import LOGITS, SHARES, SIZES, read
from litellm_cascade.classifiers.embedded import LOGITS as ALL_LOGITS
from litellm_cascade.classifiers.embedded import load
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.prompts.making import make
from litellm_cascade.offline.training_embedded import training
from litellm_cascade.offline.training_embedded.averaging import average
from litellm_cascade.offline.training_embedded.distilling import agreement, lessons, read_labels
from litellm_cascade.offline.training_embedded.examples import Example, constructed, read_examples, training_rows
from litellm_cascade.offline.training_embedded.fitting import padded, targets
from litellm_cascade.testing.checkpoints import write_checkpoint
from litellm_cascade.vocabulary import TASK_TYPES, Endpoint, Envelope, Request, Turn

pytest.importorskip("torch")
pl = pytest.importorskip("polars")
ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "a", "write", "what", "is", "summarize", "python", "?", ".", ":", "hello", "text"]


def a_tiny_checkpoint(folder):
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    torch.manual_seed(1)
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


def test_several_networks_begin_alike_and_their_mean_is_kept():
    import torch

    network = torch.nn.BatchNorm1d(2)  # it counts, too, and a count has no mean
    begun = []

    def fit(to):
        begun.append(network.weight.tolist())
        torch.nn.init.constant_(network.weight, to)

    average(network, [lambda to=to: fit(to) for to in (1.0, 2.0, 6.0)])
    assert begun == [[1, 1]] * 3
    assert network.weight.tolist() == [3, 3]
    assert network.num_batches_tracked == 0


def test_each_network_has_prompts_of_its_own(tmp_path, monkeypatch):
    tiny_data(tmp_path)
    (tmp_path / "start").mkdir()
    a_tiny_checkpoint(tmp_path / "start")
    seen = []
    monkeypatch.setattr(training, "fit", lambda _, rows, ids, *, seed: seen.append((seed, len(ids), {it.prompt for it in rows})))
    training.train(tmp_path, tmp_path / "out", start=tmp_path / "start", seed=5, each=8, threads=1, networks=2)
    assert [(seed, many) for seed, many, _ in seen] == [(5, 245), (6, 245)]
    assert seen[0][2] != seen[1][2]


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


# --- learning from a teacher -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """What the classifier nvidia, with a tiny checkpoint of the genuine layout, says of 150 prompts, and one that cannot be classified."""
    folder = tmp_path_factory.mktemp("teaching")
    write_checkpoint(folder / "teacher")
    words = Random(1)
    prompts = [" ".join(words.choices([*WORDS[4:], "of", "code", "list", "story"], k=words.randint(2, 12))) for _ in range(150)]
    lines = [json.dumps({"prompt": prompt}) for prompt in (*prompts, "")]
    (folder / "prompts.jsonl").write_text("\n".join([*lines, json.dumps({"text": "no prompt"})]), encoding="utf-8")
    asked = ["classify", "--input", folder / "prompts.jsonl", "--output", folder / "labelled.jsonl", "--classifier", "nvidia", "--debug"]
    options = ["--option", f"checkpoint={folder / 'teacher'}", "--option", "device=cpu"]
    done = CliRunner().invoke(app, [*map(str, asked), *options])
    assert done.exit_code == 1, done.output
    assert "there is no `prompt`" in done.output
    return folder / "labelled.jsonl"


def learning(labels, folder, *more):
    start = folder / "start"
    start.mkdir()
    a_tiny_checkpoint(start)
    arguments = ["train", "embedded", "--labels", labels, "--out", folder / "out", "--start", start, "--threads", "1", *more]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def taught_two_kinds(folder):
    """A teacher that takes half of the words for code, and the other half for open questions."""
    words, lines = Random(2), []
    for number in range(400):
        code = words.random() < 0.5
        said = words.choices(WORDS[4:10] if code else WORDS[10:], k=words.randint(3, 8))
        logits = np.full(LOGITS, -3.0)
        logits[TASK_TYPES.index("Code Generation" if code else "Open QA")] = 3.0
        reading = read(logits)
        told = {"task_probabilities": dict(reading.task_probabilities), "dimensions": dict(reading.dimensions)}
        line = {"prompt": " ".join([*said, str(number)]), **told, "debug": {"model": {"logits": [logits.tolist()]}}}
        lines.append(json.dumps(line))
    (folder / "labels.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder / "labels.jsonl"


def agreed(output):
    """The pupil's share of the teacher's task types, and the share of the commonest."""
    return tuple(map(float, re.search(r"task type as the teacher's: ([\d.]+) \(its commonest: ([\d.]+)\)", output).groups()))


def test_a_pupil_learns_what_its_teacher_says(tmp_path):
    done = learning(taught_two_kinds(tmp_path), tmp_path, "--passes", "40")
    assert done.exit_code == 0, done.output
    task, most = agreed(done.output)
    assert most < 0.8
    assert task > 0.9


async def test_what_a_checkpoint_of_nvidias_layout_has_taught_knows_the_heads_and_no_outcomes(labelled, tmp_path):
    done = learning(labelled, tmp_path)
    assert done.exit_code == 0, done.output
    classifier = build("embedded", {"weights": "out"}, Surroundings(folder=tmp_path))
    answer = await classifier.classify(Request(envelope=ENVELOPE, turns=(Turn(role="user", text="What is the text ?"),)))
    assert (answer.known, answer.small_copes, answer.gain) == (True, None, None)
    read_of_heads = sum(SHARES[name] * value for name, value in answer.dimensions.items())
    assert answer.complexity == pytest.approx(min(1.0, read_of_heads), abs=1e-4)
    assert load(tmp_path / "out").logits([2, 7, 3]).shape == (LOGITS,)
    parts = servable.load("embedded", {"weights": "out"}, Surroundings(folder=tmp_path))
    assert (parts.outcomes, np.shape(parts.engine.logits([[2, 7, 3]]))) == ((), (1, LOGITS))
    tiny_data(tmp_path)
    measured = CliRunner().invoke(app, ["bench", "embedded", "--data", str(tmp_path), "--weights", str(tmp_path / "out")])
    assert measured.exit_code == 1
    assert "knows no outcomes" in " ".join(measured.output.split())


def test_what_is_kept_apart_is_not_learnt_from_and_the_rest_is_shown_as_often_as_asked(labelled):
    taught = read_labels(labelled)
    rows = lessons(taught, passes=3, seed=1)
    apart = {it.example.key for it in taught if it.example.part == "test"}
    assert apart
    assert not apart & {row.key for row in rows}
    assert len(rows) == 3 * sum(it.example.key not in apart for it in taught)


def test_a_lesson_is_the_teachers_probabilities(labelled):
    it = read_labels(labelled)[0]
    wanted, weights = targets([it.example])
    said = json.loads(labelled.read_text(encoding="utf-8").splitlines()[0])
    assert wanted[0, : SIZES["task_type"]].tolist() == pytest.approx(list(said["task_probabilities"].values()), abs=1e-5)
    assert wanted[0, SIZES["task_type"] : LOGITS].sum() == pytest.approx(len(SIZES) - 2)
    assert (weights[0, LOGITS:] == 0).all()


def test_agreement_is_whole_with_oneself_and_no_better_than_the_commonest_with_who_says_always_the_same():
    draw = np.random.default_rng(1)
    teacher = draw.normal(size=(50, LOGITS))
    whole, dull = agreement(teacher, teacher), agreement(teacher, np.repeat(teacher[:1], 50, axis=0))
    assert (whole.task, whole.score) == (1.0, 0.0)
    assert dull.task <= dull.task_of_most == whole.task_of_most
    assert dull.score > 0


def spoilt(labelled, folder, change):
    lines = [json.loads(line) for line in labelled.read_text(encoding="utf-8").splitlines()]
    change(lines)
    file = folder / "spoilt.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return file


SPOILT = {
    "no logits": (lambda lines: lines[2].pop("debug"), "spoilt.jsonl:3: there are no logits of a teacher; label prompts with `cascade"),
    "too few logits": (lambda lines: lines[2]["debug"]["model"]["logits"][0].pop(), "spoilt.jsonl:3: its teacher has not 32 finite logits"),
    "windows": (
        lambda lines: lines[2]["debug"]["model"]["logits"].append([0] * 32),
        "spoilt.jsonl:3: the teacher has read this prompt",
    ),
    "another order": (
        lambda lines: lines[2]["task_probabilities"].update({"Rewrite": 0.99, "Open QA": 0.0}),
        "spoilt.jsonl:3: its teacher reads its logits otherwise",
    ),
    "another map": (lambda lines: lines[2]["dimensions"].update(reasoning=2), "spoilt.jsonl:3: its teacher reads its logits otherwise"),
    "no prompt": (lambda lines: lines[2].pop("prompt"), "spoilt.jsonl:3: there is no `prompt`"),
    "few": (lambda lines: lines.__delitem__(slice(20, None)), "20 different prompts are too few to learn from, 100 are the least"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_labels_that_cannot_be_learnt_from_are_refused(labelled, tmp_path, how):
    change, sentence = SPOILT[how]
    done = learning(spoilt(labelled, tmp_path, change), tmp_path)
    assert done.exit_code == 1
    assert sentence in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()
