"""`cascade train sequence`, on a tiny checkpoint with random weights that the test makes itself."""

import asyncio
import json
import resource
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from litellm_cascade.classifiers import Surroundings, build, registry
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.training_sequence.examples import read_examples
from litellm_cascade.offline.training_sequence.figures import macro_f1, per_class, whole
from litellm_cascade.offline.training_sequence.training import STATE, Course, Trained, class_weights, train
from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn
from traffic_records import request_row, write_lines

WORDS = {"cook": ("soup", "bread", "stew"), "code": ("loop", "stack", "parse"), "sing": ("tune", "chorus", "verse")}
FILLER = ("the", "a", "some", "please", "make", "me", "one", "more")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A DistilBERT of two layers whose tokenizer knows the words of these tests."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast, set_seed

    set_seed(0)
    folder = tmp_path_factory.mktemp("tiny")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *FILLER, *(word for names in WORDS.values() for word in names)]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **special).save_pretrained(folder)
    shape = {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 2, "max_position_embeddings": 64}
    DistilBertForSequenceClassification(DistilBertConfig(vocab_size=len(words), **shape)).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "labelled.jsonl", rows(240))
    return tmp_path


def rows(count):
    """Prompts with a word of their label somewhere; `sing` is rare."""
    random = Random(1)
    for number in range(count):
        label = random.choices(list(WORDS), weights=(5, 4, 1.5))[0]
        words = [*random.choices(FILLER, k=random.randrange(3, 9)), random.choice(WORDS[label])]
        random.shuffle(words)
        yield {"id": str(number), "messages": [{"role": "user", "content": " ".join(words)}], "label": label}


def trained(checkpoint, *options, out="router", data="labelled.jsonl"):
    fast = ["--epochs", "12", "--learning-rate", "0.003", "--device", "cpu", "--max-tokens", "32"]
    return CliRunner().invoke(
        app, ["train", "sequence", "--data", str(data), "--model", str(checkpoint), "--out", str(out), *fast, *options]
    )


# --- end to end --------------------------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_trained_measured_and_loaded_again(folder, checkpoint):
    result = trained(checkpoint)
    assert result.exit_code == 0, result.output
    assert (folder / "router/model.safetensors").exists()
    assert not (folder / "router" / STATE).exists()
    report = json.loads((folder / "router/report.json").read_text())
    mine, *dull = report["methods"]
    assert mine["macro_f1"] > 0.9
    assert {one["method"] for one in dull} == {"most frequent label", "random, by frequency", "prompt length", "words, linear"}
    assert mine["macro_f1_low"] > dull[0]["macro_f1_high"]
    assert [one["label"] for one in report["classes"]] == ["code", "cook", "sing"]
    assert report["texts"].keys() == {"train", "validation", "test"}

    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder / "router")
    tokenizer = AutoTokenizer.from_pretrained(folder / "router")
    said = model(**tokenizer("please make some soup", return_tensors="pt")).logits.argmax().item()
    assert model.config.id2label[said] == "cook"


def test_the_card_names_data_and_figures_and_no_folder(folder, checkpoint):
    trained(checkpoint)
    card = (folder / "router/README.md").read_text()
    assert "data sha256:" in card
    assert "`cascade train sequence --data labelled.jsonl" in card
    assert str(checkpoint.parent) not in card + (folder / "router/report.json").read_text()


@pytest.mark.skipif("sequence" not in registry, reason="this release has no classifier `sequence`")
def test_the_proxys_classifier_loads_what_was_trained(folder, checkpoint):
    trained(checkpoint)
    classifier = build("sequence", {"model": "router", "device": "cpu"}, Surroundings(folder=folder))
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p")
    request = Request(envelope=envelope, turns=(Turn(role="user", text="please make some soup"),))
    belief = asyncio.run(classifier.classify(request))
    assert belief.label == "cook"


# --- going on and ending -----------------------------------------------------------------------------------------------------------


def course(checkpoint, **changes):
    known = {
        "model": str(checkpoint),
        "epochs": 4,
        "patience": 4,
        "batch": 16,
        "learning_rate": 3e-3,
        "max_tokens": 32,
        "seed": 0,
        "device": "cpu",
    }
    return Course(**(known | changes))


class StoppedError(Exception):
    """Somebody pressed a key."""


def test_an_interrupted_training_ends_as_if_nothing_had_been(folder, checkpoint):
    examples = read_examples(folder / "labelled.jsonl", None, "label", 0)
    (folder / "whole").mkdir(), (folder / "parts").mkdir()
    whole_run = train(examples, course(checkpoint), folder / "whole", lambda _: None)

    def stop_after_two(epoch):
        if epoch.number == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(examples, course(checkpoint), folder / "parts", stop_after_two)
    told = []
    rest = train(examples, course(checkpoint), folder / "parts", told.append)
    assert [epoch.number for epoch in told] == [3, 4]
    assert rest.epochs == whole_run.epochs
    for name, tensor in whole_run.model.state_dict().items():
        assert np.array_equal(tensor.numpy(), rest.model.state_dict()[name].numpy()), name


def test_it_ends_when_it_gets_no_better(folder, checkpoint):
    examples = read_examples(folder / "labelled.jsonl", None, "label", 0)
    (folder / "out").mkdir()
    run = train(examples, course(checkpoint, epochs=50, patience=2, learning_rate=1e-8), folder / "out", lambda _: None)
    assert isinstance(run, Trained)
    assert len(run.epochs) == 3  # the first, and two that were no better


def test_another_run_does_not_go_on_from_it(folder, checkpoint):
    examples = read_examples(folder / "labelled.jsonl", None, "label", 0)
    (folder / "out").mkdir()
    train(examples, course(checkpoint, epochs=1), folder / "out", lambda _: None)
    with pytest.raises(ConfigurationError, match="is of other data, another model or other options"):
        train(examples, course(checkpoint, epochs=2), folder / "out", lambda _: None)
    (folder / "out" / STATE).write_bytes(b"nothing")
    with pytest.raises(ConfigurationError, match="is no training that was interrupted"):
        train(examples, course(checkpoint, epochs=1), folder / "out", lambda _: None)


@contextmanager
def disk_of(size):
    """Files of at most so many bytes, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_costs_the_epoch_and_is_told_in_a_sentence(folder, checkpoint):
    with disk_of(50_000):
        result = trained(checkpoint, "--epochs", "1")
    assert result.exit_code == 1, result.output
    assert result.stderr.splitlines()[-1].startswith("router/training.pt: cannot be written (")
    assert list((folder / "router").iterdir()) == [], "what was begun is not left to fill the disk"
    assert trained(checkpoint, "--epochs", "1").exit_code == 0


def test_what_could_not_be_written_is_written_by_the_same_command(folder, checkpoint):
    """The state goes last: everything but the report is there, and the training need not be done again."""
    (folder / "router").mkdir()
    (folder / "router/training.part").touch()  # killed before the first epoch was kept
    assert trained(checkpoint, "--epochs", "2", out="whole").exit_code == 0
    examples = read_examples(folder / "labelled.jsonl", None, "label", 0)
    train(examples, course("whole", model=str(checkpoint), epochs=2, patience=2), folder / "router", lambda _: None)
    (folder / "router/report.json").mkdir()
    stopped = trained(checkpoint, "--epochs", "2")
    assert (stopped.exit_code, stopped.stderr) == (1, "router/report.json: cannot be written (is a directory)\n")
    (folder / "router/report.json").rmdir()
    done = trained(checkpoint, "--epochs", "2")
    assert (done.exit_code, done.stderr) == (0, ""), "no epoch once more"
    whole = (folder / "whole/model.safetensors").read_bytes()
    assert (folder / "router/model.safetensors").read_bytes() == whole
    assert not (folder / "router" / STATE).exists()


def test_weights_that_cannot_be_written_are_told_in_a_sentence(folder, checkpoint):
    examples = read_examples(folder / "labelled.jsonl", None, "label", 0)
    (folder / "out").mkdir()
    run = train(examples, course(checkpoint, epochs=1), folder / "out", lambda _: None)
    with disk_of(50_000), pytest.raises(ConfigurationError, match=r"out: cannot be written \(SafetensorError\)"):
        run.save(folder / "out")
    assert (folder / "out" / STATE).exists()


def test_who_may_read_the_folder_may_read_the_weights(folder, checkpoint):
    trained(checkpoint, "--epochs", "1")
    modes = {file.stat().st_mode for file in (folder / "router").iterdir()}
    assert len(modes) == 1, modes


# --- figures and parts -------------------------------------------------------------------------------------------------------------

PLACES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@given(PLACES)
def test_the_figures_are_scikit_learns(pairs):
    from sklearn.metrics import f1_score, precision_recall_fscore_support

    said, right = np.array(pairs).T
    labels = sorted(set(right.tolist()))
    assert macro_f1(said, right, 4) == pytest.approx(f1_score(right, said, labels=labels, average="macro", zero_division=0))
    expected = precision_recall_fscore_support(right, said, labels=range(4), zero_division=0)
    found = per_class(said, right, "abcd")
    assert [(one.precision, one.recall, one.f1, one.n) for one in found] == [pytest.approx(row) for row in zip(*expected, strict=True)]


def test_an_interval_holds_its_value():
    random = np.random.default_rng(0)
    right = random.integers(0, 3, 200)
    said = np.where(random.random(200) < 0.7, right, 0)
    one = whole("m", said, right, 3, 0)
    assert one.accuracy_low < one.accuracy < one.accuracy_high
    assert one.macro_f1_low < one.macro_f1 < one.macro_f1_high


@given(st.lists(st.integers(0, 3), min_size=4, max_size=50))
def test_every_class_weighs_alike(targets):
    weights, counts = class_weights(np.array(targets), 4), np.bincount(targets, minlength=4)
    shares = [weight * count for weight, count in zip(weights, counts, strict=True) if count]
    assert shares == pytest.approx([len(targets) / 4] * len(shares))


@given(seed=st.integers(0, 50))
def test_equal_texts_stand_in_one_part_and_labels_in_all(tmp_path_factory, seed):
    file = tmp_path_factory.mktemp("parts") / "rows.jsonl"
    texts = [f"{label} {number % 12}{' ' * (number // 12)}" for label in "ab" for number in range(24)]
    write_lines(file, [{"prompt": text, "label": text[0]} for text in texts])
    examples = read_examples(file, None, "label", seed)
    part_of = {}
    for text, part in zip(examples.texts, examples.parts, strict=True):
        assert part_of.setdefault(" ".join(text.split()), part) == part
    for part in ("train", "validation", "test"):
        assert set(examples.of(part)[1]) == {0, 1}


# --- what cannot be used -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "labelled.jsonl: holds no requests"),
        ([request_row(number, label="x") for number in range(30)], "all 30 labelled rows have the label 'x'; it takes two labels or more"),
        ([request_row(number) for number in range(3)], "no row has a 'label'; name the column with --label"),
        ([{"text": "hello", "label": "a"}], "labelled.jsonl:1: has no text in 'prompt'; name the column with --text"),
        ([{"prompt": "hello", "label": "\x1b[31mred"}], "cannot be printed in 'label'; leave them out"),
        ([{"prompt": "hello", "label": "half \ud800"}], "labelled.jsonl:1: has characters that cannot be printed in 'label'"),
        ([{"prompt": "hello", "label": 0.5}], "labelled.jsonl:1: has 0.5 for 'label'; write the label as text"),
        ([{"prompt": f"{number}", "label": "rare" if number < 3 else "often"} for number in range(60)],
         "the label 'rare' has 3 different texts, and it takes at least 10 of each"),
        ([{"prompt": f"{number}", "label": f"{number}"} for number in range(300)], "has 300 labels, and more than 200 are hardly labels"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_used_is_told(folder, checkpoint, content, message):
    write_lines(folder / "labelled.jsonl", content)
    result = trained(checkpoint)
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1), result.stderr
    assert message in result.stderr


def test_half_a_surrogate_pair_is_read_as_a_tokenizer_takes_it(folder):
    write_lines(folder / "some.jsonl", [*rows(240), {"prompt": "soup \ud800", "label": "cook"}])
    assert read_examples(folder / "some.jsonl", None, "label", 0).texts[-1] == "soup ?"


def test_nothing_but_epochs_is_told_while_it_trains(folder, checkpoint, capfd):
    """No bars and no colours of transformers' in a pipe."""
    result = trained(checkpoint, "--epochs", "1")
    assert result.exit_code == 0, result.output
    told = result.stderr + capfd.readouterr().err
    assert [line.partition(":")[0] for line in told.strip().splitlines()] == ["epoch 1"]


def test_unlabelled_rows_are_left_out(folder):
    write_lines(folder / "some.jsonl", [*rows(240), {"prompt": "hello", "label": None}, {"prompt": "hello"}])
    assert read_examples(folder / "some.jsonl", None, "label", 0).unlabelled == 2


def test_what_is_no_model_is_told(folder):
    (folder / "empty").mkdir()
    result = trained(folder / "empty")
    assert result.exit_code == 1
    assert "cannot be opened as a model" in result.stderr


def test_a_classifier_is_not_written_over(folder, checkpoint):
    Path("router").mkdir()
    Path("router/report.json").write_text("{}")
    result = trained(checkpoint)
    assert (result.exit_code, "holds a classifier already" in result.stderr) == (1, True)


def test_neither_the_model_itself_nor_files_of_others_are_written_over(folder, checkpoint):
    """Its folder has a README.md and a config.json, as many have."""
    before = {file.name: file.read_bytes() for file in checkpoint.iterdir()}
    result = trained(checkpoint, out=checkpoint)
    assert (result.exit_code, result.stderr) == (1, f"{checkpoint}: is not empty; name another folder with --out\n")
    assert {file.name: file.read_bytes() for file in checkpoint.iterdir()} == before


def test_of_longer_texts_is_read_what_the_model_takes(folder, checkpoint):
    write_lines(folder / "long.jsonl", [row | {"prompt": "some " * 500 + f"{row['id']} {row['label']}"} for row in rows(120)])
    result = trained(checkpoint, "--epochs", "1", "--max-tokens", "1024", "--text", "prompt", data="long.jsonl")
    assert result.exit_code == 0, result.output
    assert json.loads((folder / "router/report.json").read_text())["course"]["max_tokens"] == 64
