"""The classifier ``sequence`` on tiny checkpoints that are made here, compared with transformers' own forward pass."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from blockbuster import blockbuster_ctx
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import DistilBertConfig, DistilBertForSequenceClassification, DistilBertModel

from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.classifiers.guard import Guarded
from litellm_cascade.classifiers.sequence import named
from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "what", "prove", "that", "prime", "hello", "word")
LABELS = ("easy", "medium", "hard")
POSITIONS = 64


def asking(text):
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p")
    return Request(envelope=envelope, turns=(Turn(role="user", text=text),))


def config_of(labels=LABELS, **more):
    names = dict(enumerate(labels))
    sizes = {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4, "max_position_embeddings": POSITIONS, "vocab_size": len(WORDS)}
    return DistilBertConfig(**sizes, id2label=names, label2id={name: index for index, name in names.items()}, **more)


def save(folder, network, *, tokenizer=True):
    network.save_pretrained(folder)
    if tokenizer:
        made = Tokenizer(models.WordLevel(dict(zip(WORDS, range(len(WORDS)), strict=True)), unk_token="[UNK]"))
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        made.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint whose classes can be told apart: its weights are larger than a fresh network's."""
    torch.manual_seed(7)
    network = DistilBertForSequenceClassification(config_of())
    with torch.no_grad():
        network.classifier.weight.mul_(40)
    return save(tmp_path_factory.mktemp("trained"), network)


@pytest.fixture
def checkpoint(trained, tmp_path):
    """A copy that a test may break."""
    return Path(shutil.copytree(trained, tmp_path / "checkpoint"))


def sequence(folder, **options):
    return build("sequence", {"model": str(folder), **options})


async def loaded(folder, **options):
    classifier = sequence(folder, **options)
    await classifier.warm_up()
    return classifier


def reference(folder, words):
    """Class probabilities by transformers itself; ids by hand."""
    network = DistilBertForSequenceClassification.from_pretrained(folder).eval()
    known = dict(zip(WORDS, range(len(WORDS)), strict=True))
    ids = torch.tensor([[2, *(known.get(word, 1) for word in words), 3]])
    with torch.inference_mode():
        return torch.softmax(network(input_ids=ids).logits[0].double(), -1).tolist()


@pytest.mark.parametrize("text", ["what", "prove that prime word", "hello unheard word word word"])
async def test_its_probabilities_are_those_of_transformers(trained, text):
    belief = await (await loaded(trained)).classify(asking(text))
    assert list(belief.labels.values()) == pytest.approx(reference(trained, text.split()), abs=1e-6)
    assert tuple(belief.labels) == LABELS
    assert belief.label == max(belief.labels, key=belief.labels.get)
    assert (belief.known, belief.device, belief.task, belief.domain, belief.truncated) == (True, "cpu", "Unknown", "", False)


async def test_labels_become_aliases_and_add_up(trained):
    plain = await (await loaded(trained)).classify(asking("prove that"))
    names = {"easy": "small", "medium": "small", "hard": "large"}
    belief = await (await loaded(trained, labels=names, complexity={"small": 0.0, "large": 1.0})).classify(asking("prove that"))
    assert belief.labels == pytest.approx({"small": plain.labels["easy"] + plain.labels["medium"], "large": plain.labels["hard"]})
    assert belief.complexity == pytest.approx(plain.labels["hard"])


async def test_labels_may_be_task_types(trained):
    names = {"easy": "Open QA", "medium": "Rewrite", "hard": "Unknown"}
    belief = await (await loaded(trained, labels=names, means="task")).classify(asking("hello"))
    assert belief.task == belief.label
    assert belief.task_probability == belief.task_probabilities[belief.task]
    assert set(belief.task_probabilities) == set(names.values())


async def test_labels_may_be_domains(trained):
    belief = await (await loaded(trained, means="domain")).classify(asking("hello"))
    assert belief.domain == belief.label
    assert belief.domain in LABELS


async def test_independent_labels_have_probabilities_of_their_own(tmp_path):
    torch.manual_seed(7)
    folder = save(tmp_path, DistilBertForSequenceClassification(config_of(problem_type="multi_label_classification")))
    belief, shown = await (await loaded(folder)).show(asking("prove that"))
    logits = torch.tensor(list(shown["logits"].values()), dtype=torch.float64)
    assert list(belief.labels.values()) == pytest.approx(torch.sigmoid(logits).tolist())


async def test_a_long_prompt_is_cut_and_says_so(trained):
    classifier = await loaded(trained)
    belief, shown = await classifier.show(asking("word " * 5000))
    assert belief.truncated
    assert shown["tokens"] == POSITIONS
    assert not (await classifier.classify(asking("word " * (POSITIONS - 2)))).truncated


async def test_half_a_surrogate_pair_is_read_as_a_question_mark(trained):
    classifier = await loaded(trained)
    assert (await classifier.classify(asking("prove \ud800"))).labels == (await classifier.classify(asking("prove ?"))).labels


async def test_a_prompt_without_text_is_not_read(trained):
    belief = await (await loaded(trained)).classify(asking("  "))
    assert (belief.known, belief.degraded) == (False, ("prompt_empty",))


async def test_its_digest_is_that_of_what_decides(trained, checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    weights["classifier.bias"] += 1
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    before, after = await loaded(trained), await loaded(checkpoint)
    assert len(before.digest) == 16
    assert before.digest != after.digest
    assert before.digest == (await loaded(trained, labels={"easy": "small"})).digest
    assert sequence(trained).digest == "", "nothing is loaded yet"


async def test_paths_begin_at_the_folder_around(trained):
    classifier = build("sequence", {"model": trained.name}, Surroundings(folder=trained.parent))
    await classifier.warm_up()
    assert classifier.digest


async def test_the_event_loop_is_not_blocked_by_it(trained):
    guarded = Guarded(sequence(trained), within_ms=60_000)
    with blockbuster_ctx("litellm_cascade"):
        await guarded.warm_up()
        assert (await guarded.classify(asking("prove that prime"))).known


async def test_the_first_request_loads_it_where_nothing_warmed_it_up(trained):
    assert (await sequence(trained).classify(asking("hello"))).known


def edit(folder, **changed):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({key: value for key, value in (config | changed).items() if value is not None}))


def pickled(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def headless(folder):
    (folder / "config.json").unlink()
    save(folder, DistilBertModel(config_of()), tokenizer=False)


def without_a_weight(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["distilbert.transformer.layer.1.attention.q_lin.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def single(folder):
    save(folder, DistilBertForSequenceClassification(config_of(labels=("score",))), tokenizer=False)


def another_vocabulary(folder):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["more"] = len(WORDS)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def filled(name, value, row=...):
    def fill(folder):
        weights = load_file(folder / "model.safetensors")
        weights[name][row] = value
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    return fill


BROKEN = {
    "no config": (
        lambda folder: (folder / "config.json").unlink(),
        r"cannot read config.json \(No such file or directory\)",
    ),
    "config is no JSON": (lambda folder: (folder / "config.json").write_text("{"), "config.json holds no JSON object"),
    "config is a list": (lambda folder: (folder / "config.json").write_text("[]"), "config.json holds no JSON object"),
    "no model type": (
        lambda folder: edit(folder, model_type=None),
        "the model_type None, which transformers does not know: it cannot be",
    ),
    "own code": (
        lambda folder: edit(folder, model_type="mine", auto_map={"AutoConfig": "mine.Config"}),
        "the model_type 'mine', which transformers does not know: it brings code of its own, which is never run",
    ),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), r"there is no tokenizer.json; write it with transformers: Auto"),
    "a corrupt tokenizer": (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer.json is corrupt"),
    "another tokenizer": (another_vocabulary, "tokenizer.json knows 11 tokens and the network 10; take both from one checkpoint"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), r"there is no model.safetensors; copy the whole"),
    "a pickle": (pickled, r"its weights are a pickle \(pytorch_model.bin\), which can run .*safe_serialization=True"),
    "cut weights": (
        lambda folder: (folder / "model.safetensors").write_bytes(b"\x08"),
        "cannot be loaded as a sequence class",
    ),
    "a missing weight": (without_a_weight, r"1 weights are missing or of another shape, such as distilbert.transformer.layer.1"),
    "a layer that the config does not know": (
        lambda folder: edit(folder, n_layers=1),
        r"16 weights are of layers that config.json does not have, such as distilbert.transformer.layer.1.attention.k_lin.bias; take both",
    ),
    "no head": (headless, r"4 weights are missing or of another shape, such as classifier.bias: it is no trained classifier"),
    "another shape": (lambda folder: edit(folder, dim=16), r"cannot be loaded|of another shape"),
    "one label": (single, "it has a single label, so it rates instead of telling classes apart"),
    "no numbers": (filled("classifier.bias", float("nan")), "the weight classifier.bias holds numbers that are not finite"),
    "no numbers in a single row": (
        filled("distilbert.embeddings.word_embeddings.weight", float("inf"), WORDS.index("prime")),
        "the weight distilbert.embeddings.word_embeddings.weight holds numbers that are not finite",
    ),
    "numbers beyond all numbers": (filled("classifier.weight", 3e38), "its logits are no numbers"),
    "labels that do not begin at 0": (
        lambda folder: edit(folder, id2label={"1": "easy", "2": "medium", "3": "hard"}),
        "id2label must name the labels 0 to 2",
    ),
    "labels that are no text": (lambda folder: edit(folder, id2label={"0": 1, "1": 2, "2": 3}), "id2label must name the labels 0 to 2"),
    "a model type that is no name": (
        lambda folder: edit(folder, model_type=["bert"]),
        r"the model_type \['bert'\], which transformers does",
    ),
    "config too deep": (lambda folder: (folder / "config.json").write_text("[" * 100_000), "config.json holds no JSON object"),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_what_does_not_fit_is_said_in_one_sentence_at_start_up(checkpoint, how):
    break_it, complaint = BROKEN[how]
    break_it(checkpoint)
    with pytest.raises(ClassifierError, match=complaint) as raised:
        await loaded(checkpoint)
    assert str(raised.value).startswith(f"classifier 'sequence': {checkpoint}: ")
    assert "\n" not in str(raised.value)


async def test_a_pickle_is_never_opened(checkpoint):
    """Reading this one would write a file."""
    proof = checkpoint / "opened"

    class Trap:
        def __reduce__(self):
            return (Path.touch, (proof,))

    (checkpoint / "model.safetensors").unlink()
    torch.save(Trap(), checkpoint / "pytorch_model.bin")
    with pytest.raises(ClassifierError, match="pickle"):
        await loaded(checkpoint)
    assert not proof.exists()


async def test_code_that_a_checkpoint_brings_is_never_run(checkpoint):
    """Its network is one of transformers' own, so it is loaded as that; the code beside it would write a file."""
    proof = checkpoint / "run"
    (checkpoint / "mine.py").write_text(f"open({str(proof)!r}, 'w')\n")
    edit(checkpoint, auto_map={"AutoConfig": "mine.Config", "AutoModelForSequenceClassification": "mine.Network"})
    assert (await (await loaded(checkpoint)).classify(asking("hello"))).known
    assert not proof.exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"labels": {"simple": "small"}}, "options.labels: 'simple' is no label of the checkpoint, which has easy, medium, hard"),
        ({"complexity": {"easy": 0.1, "medium": 0.5}}, "options.complexity: 'hard' has no number"),
        (
            {"complexity": dict.fromkeys((*LABELS, "huge"), 0.5)},
            "options.complexity: 'huge' is no name of a label; the names are",
        ),
        ({"means": "task", "labels": {"easy": "Open QA", "medium": "Rewrite"}}, "options.means is task, and 'hard' is no task type"),
    ],
)
async def test_names_that_do_not_fit_the_labels_are_said_at_start_up(trained, options, complaint):
    with pytest.raises(ClassifierError, match="classifier 'sequence': ") as raised:
        await loaded(trained, **options)
    assert complaint in str(raised.value)


async def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ClassifierError, match=rf"there is no folder {tmp_path}/nowhere/at/all; name one that holds config.json"):
        await build("sequence", {"model": "nowhere/at/all"}, Surroundings(folder=tmp_path)).warm_up()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
async def test_a_device_that_is_not_there_is_named(trained):
    with pytest.raises(ClassifierError, match=r"'sequence': options.device is 'cuda', and torch .* sees 0 GPUs here"):
        await loaded(trained, device="cuda")


FROM_THE_HUB = """
import asyncio, sys
from litellm_cascade.classifiers import build
from litellm_cascade.errors import ClassifierError
classifier = build("sequence", {"model": sys.argv[1]})
try:
    asyncio.run(classifier.warm_up())
    print(classifier.digest)
except ClassifierError as error:
    print(error)
"""


def from_the_hub(cache, model):
    environ = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache), "HF_HOME": str(cache)}
    done = subprocess.run([sys.executable, "-c", FROM_THE_HUB, model], capture_output=True, text=True, check=True, env=environ, cwd=cache)
    return done.stdout.strip()


async def test_a_checkpoint_of_the_hub_is_taken_from_its_cache(trained, tmp_path):
    commit = "0" * 40
    snapshot = tmp_path / "models--team--router" / "snapshots" / commit
    shutil.copytree(trained, snapshot)
    (tmp_path / "models--team--router" / "refs").mkdir()
    (tmp_path / "models--team--router" / "refs" / "main").write_text(commit)
    assert from_the_hub(tmp_path, "team/router") == (await loaded(trained)).digest


def test_one_that_cannot_be_fetched_is_said_in_one_sentence(tmp_path):
    said = from_the_hub(tmp_path, "team/elsewhere")
    assert "there is no folder team/elsewhere, and 'team/elsewhere' cannot be had from the hub (OSError)" in said
    assert said.endswith("fetch it elsewhere and name its folder")
    assert "\n" not in said


def test_probabilities_of_one_name_never_exceed_one():
    assert named(("a", "b"), (0.9, 0.8), {"a": "small", "b": "small"}) == {"small": 1.0}
