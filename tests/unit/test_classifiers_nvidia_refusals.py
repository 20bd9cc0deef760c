"""Whatever does not fit is said in one sentence before a request comes, and nothing is ever computed with random weights."""

import json
import struct
import sys

import numpy as np
import pytest

from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.errors import ClassifierError
from litellm_cascade.testing.checkpoints import TINY, config_of, random_tensors, write_checkpoint
from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn

pytest.importorskip("torch", reason="needs the extra torch")

REQUEST = Request(
    envelope=Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p"), turns=(Turn(role="user", text="SECRET"),)
)


async def refusal(folder, **options):
    """The sentence, from warming up and from the first request alike."""
    written = {"checkpoint": folder.name, "device": "cpu", **options}
    nvidia = build("nvidia", written, Surroundings(folder=folder.parent))
    with pytest.raises(ClassifierError) as warming:
        await nvidia.warm_up()
    with pytest.raises(ClassifierError) as asked:
        await nvidia.classify(REQUEST)
    sentence = str(warming.value)
    assert str(asked.value) == sentence
    assert sentence.startswith("classifier 'nvidia': ")
    assert "\n" not in sentence
    assert "SECRET" not in sentence
    return sentence


@pytest.fixture
def folder(tmp_path):
    return write_checkpoint(tmp_path / "tiny")


def edit_config(folder, **changes):
    (folder / "config.json").write_text(json.dumps({**config_of(), **changes}))


async def test_no_checkpoint_is_named(tmp_path):
    sentence = await refusal(tmp_path, checkpoint=None)
    assert "options.checkpoint: name the folder with config.json, model.safetensors and tokenizer.json of nvidia/prompt-task" in sentence


async def test_the_folder_is_not_there(tmp_path):
    assert f"there is no folder {tmp_path / 'a' / 'b' / 'c'}" in await refusal(tmp_path / "x", checkpoint="a/b/c", revision=None)


async def test_a_repository_of_the_hub_must_be_pinned(tmp_path):
    for revision in (None, "main"):
        sentence = await refusal(tmp_path / "x", checkpoint="nvidia/prompt-task-and-complexity-classifier", revision=revision)
        assert "its commit must be named (40 hex digits" in sentence


async def test_the_hub_cannot_be_reached(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    sentence = await refusal(tmp_path / "x", checkpoint="nvidia/prompt-task-and-complexity-classifier", revision="0" * 40)
    assert "cannot fetch nvidia/prompt-task-and-complexity-classifier at 0000" in sentence
    assert "name its folder in options.checkpoint" in sentence


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
async def test_a_file_is_missing(folder, name):
    (folder / name).unlink()
    assert f"{folder} has no {name}; take" in await refusal(folder)


@pytest.mark.parametrize("name", ["backbone.encoder.layer.1.output.dense.bias", "head_7.fc.weight", "backbone.encoder.LayerNorm.weight"])
async def test_a_tensor_is_missing(folder, name):
    write_checkpoint(folder, tensors={key: value for key, value in random_tensors().items() if key != name})
    assert f"the tensor {name} is missing; take" in await refusal(folder)


async def test_a_tensor_is_unexpected(folder):
    write_checkpoint(folder, tensors={**random_tensors(), "head_8.fc.weight": np.zeros((3, 64), np.float32)})
    assert "the tensor head_8.fc.weight is unexpected" in await refusal(folder)


async def test_a_head_under_both_of_its_names_is_not_guessed_at(folder):
    write_checkpoint(folder, tensors={**random_tensors(), "heads.0.fc.weight": np.zeros((12, 64), np.float32)})
    assert "the tensor heads.0.fc.weight is unexpected" in await refusal(folder)


@pytest.mark.parametrize("number", ["7", "9" * 30, "9" * 5_000])
async def test_a_layer_far_from_the_others_is_one_tensor_too_many(folder, number):
    name = f"backbone.encoder.layer.{number}.output.dense.bias"
    write_checkpoint(folder, tensors={**random_tensors(), name: np.zeros(64, np.float32)})
    assert "(and 16 more such differences)" in await refusal(folder)


async def test_a_tensor_has_another_shape(folder):
    write_checkpoint(folder, tensors={**random_tensors(), "head_1.fc.bias": np.zeros(2, np.float32)})
    assert "the tensor head_1.fc.bias has the shape [2] instead of [3]" in await refusal(folder)


@pytest.mark.parametrize("name", ["backbone.embeddings.word_embeddings.weight", "backbone.encoder.rel_embeddings.weight"])
async def test_a_tensor_that_is_no_table(folder, name):
    write_checkpoint(folder, tensors={**random_tensors(), name: np.zeros((), np.float32)})
    assert f"the tensor {name} has the shape [] instead of two dimensions" in await refusal(folder)


async def test_a_tensor_has_another_type(folder):
    write_checkpoint(folder, tensors={**random_tensors(), "head_1.fc.bias": np.zeros(3, np.int8)})
    assert "head_1.fc.bias has the type I8, and weights must be F32, F16, BF16" in await refusal(folder)


async def test_another_architecture(folder):
    write_checkpoint(folder, tensors={"bert.embeddings.word_embeddings.weight": np.zeros((9, 64), np.float32)})
    sentence = await refusal(folder)
    assert "holds another architecture: it has no backbone.embeddings.word_embeddings.weight" in sentence
    assert "its first tensor is bert.embeddings.word_embeddings.weight" in sentence


def cut_short(content):
    return content[: len(content) // 2]


def lied_about(content):
    return struct.pack("<Q", 1 << 60) + content[8:]


def empty(content):
    return b""


@pytest.mark.parametrize("damage", [cut_short, lied_about, empty, bytes.upper])
async def test_a_corrupt_file(folder, damage):
    weights = folder / "model.safetensors"
    weights.write_bytes(damage(weights.read_bytes()))
    assert f"{weights} is corrupt or cut short" in await refusal(folder)


async def test_gits_pointer_instead_of_the_weights(folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 735\n")
    assert "is git's pointer to the weights, not the weights; run 'git lfs pull' there" in await refusal(folder)


async def test_weights_that_are_no_numbers(folder):
    tensors = random_tensors()
    tensors["head_0.fc.bias"][3] = np.nan
    write_checkpoint(folder, tensors=tensors)
    assert "the tensor head_0.fc.bias holds numbers that are not finite" in await refusal(folder, dtype="fp32")


async def test_a_row_that_is_no_number_is_found_before_a_prompt_has_its_token(folder):
    tensors = random_tensors()
    tensors["backbone.embeddings.word_embeddings.weight"][390] = np.inf
    write_checkpoint(folder, tensors=tensors)
    assert "the tensor backbone.embeddings.word_embeddings.weight holds numbers that are not finite" in await refusal(folder)


async def test_weights_whose_logits_are_beyond_all_numbers(folder):
    tensors = random_tensors()
    tensors["head_0.fc.weight"] = np.full((12, 64), 3e38, np.float32)
    write_checkpoint(folder, tensors=tensors)
    assert "gives no usable logits" in await refusal(folder, dtype="fp32")


@pytest.mark.parametrize("written", ["{", "[]", "[" * 100_000])
async def test_a_config_that_is_no_object(folder, written):
    (folder / "config.json").write_text(written)
    assert str(folder / "config.json") in await refusal(folder)


async def test_a_config_of_another_model(folder):
    edit_config(folder, base_model="answerdotai/ModernBERT-base")
    assert "base_model is 'answerdotai/ModernBERT-base', and only microsoft/DeBERTa-v3-base is known" in await refusal(folder)


@pytest.mark.parametrize(("key", "value"), [("pooling", "cls"), ("schema_version", 2), ("windows", None)])
async def test_a_config_with_an_entry_that_is_not_known_may_mean_something_else_by_its_weights(folder, key, value):
    edit_config(folder, **{key: value})
    sentence = await refusal(folder)
    assert f"{folder / 'config.json'} has the entry {key!r}, which this version does not know" in sentence
    assert "a litellm-cascade that knows it" in sentence


async def test_a_config_of_another_architecture(folder):
    edit_config(folder, model_type="dia")
    assert "model_type is 'dia', and only deberta-v2 is known" in await refusal(folder)


async def test_what_savers_add_to_a_config_does_not_matter(folder):
    added = {
        "model_type": "deberta-v2",
        "architectures": ["CustomModel"],
        "transformers_version": "9.0.0",
        "dtype": "float32",
        "_commit": "x",
    }
    edit_config(folder, model_output_type="x", **added)
    nvidia = build("nvidia", {"checkpoint": folder.name, "device": "cpu", "dtype": "fp32"}, Surroundings(folder=folder.parent))
    assert (await nvidia.classify(REQUEST)).known


@pytest.mark.parametrize("sizes", [None, {**config_of()["target_sizes"], "humour": 3}, {**config_of()["target_sizes"], "reasoning": 3}])
async def test_a_config_with_heads_that_are_not_known(folder, sizes):
    edit_config(folder, target_sizes=sizes)
    assert "target_sizes must be {'task_type': 12" in await refusal(folder)


@pytest.mark.parametrize(
    ("section", "value", "said"),
    [
        ("task_type_map", {"0": "Rewrite"}, "task_type_map must name the task types 0 to 11"),
        ("task_type_map", {str(index): index for index in range(12)}, "task_type_map must name the task types 0 to 11"),
        ("task_type_map", dict.fromkeys(map(str, range(12)), "Chatbot"), "task_type_map must name the task types 0 to 11"),
        ("weights_map", {}, "weights_map.creativity_scope must be a list of 3 numbers"),
        ("weights_map", [1], "weights_map must be an object"),
        ("weights_map", {"creativity_scope": [0, 1, float("nan")]}, "weights_map.creativity_scope must be a list of 3 numbers"),
        ("divisor_map", "2", "divisor_map must be an object"),
        ("divisor_map", {"creativity_scope": float("inf")}, "divisor_map.creativity_scope must be a number other than 0"),
        ("divisor_map", {}, "divisor_map.creativity_scope must be a number other than 0, and is None"),
        ("divisor_map", {"creativity_scope": 0}, "divisor_map.creativity_scope must be a number other than 0"),
    ],
)
async def test_a_config_whose_maps_do_not_fit(folder, section, value, said):
    edit_config(folder, **{section: value})
    assert said in await refusal(folder)


@pytest.mark.parametrize(
    ("backbone", "said"),
    [
        ({"position_biased_input": True}, "backbone_config.position_biased_input is True, which this version does not know"),
        ({"conv_kernel_size": 3}, "backbone_config.conv_kernel_size is 3, which this version does not know"),
        ({"num_attention_heads": 0}, "backbone_config.num_attention_heads is 0"),
        ({"num_attention_heads": 2.5}, "backbone_config.num_attention_heads is 2.5"),
        ({"num_attention_heads": True}, "backbone_config.num_attention_heads is True"),
        ({"max_position_embeddings": 1_000_000_000}, "backbone_config.max_position_embeddings is 1000000000"),
        ({"max_position_embeddings": 2}, "backbone_config.max_position_embeddings is 2"),  # [CLS] and [SEP], and no word
        ("deberta", "backbone_config must be an object"),
        ({"num_attention_heads": 3}, "backbone_config.num_attention_heads must divide 64"),
        ({"num_hidden_layers": 3}, "backbone_config.num_hidden_layers is 3, but the weights say 2"),
        ({"position_buckets": 32}, "backbone_config.position_buckets is 32, but the weights say 16"),
    ],
)
async def test_an_encoder_that_is_not_known(folder, backbone, said):
    edit_config(folder, backbone_config=backbone)
    assert said in await refusal(folder)


async def test_a_tokenizer_that_is_none(folder):
    (folder / "tokenizer.json").write_text("{}")
    assert f"{folder / 'tokenizer.json'} is no tokenizer" in await refusal(folder)


async def test_a_tokenizer_with_other_special_tokens(folder):
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
    assert "its special tokens are {'[PAD]': None, '[CLS]': 1, '[SEP]': None, '[UNK]': 0}, and must be" in await refusal(folder)


async def test_a_tokenizer_with_more_tokens_than_the_weights_have_rows(folder):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_tokens([f"token{number}" for number in range(TINY.vocabulary)])
    tokenizer.save(str(folder / "tokenizer.json"))
    assert f"tokens, and the weights {TINY.vocabulary} rows" in await refusal(folder)


async def test_a_device_that_is_not_there(folder):
    import torch

    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    assert f"options.device is 'cuda:{there}', and torch {torch.__version__} sees {there} GPUs here" in await refusal(
        folder, device=f"cuda:{there}"
    )


async def test_an_engine_that_does_not_fit_the_device(folder):
    assert "options.engine: 'onnx' computes on the CPU; for 'cuda' take torch" in await refusal(folder, device="cuda", engine="onnx")


@pytest.mark.parametrize("module", ["torch", "safetensors"])
async def test_an_install_without_the_extra(folder, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    assert "pip install 'litellm-cascade[torch]'" in await refusal(folder)


def test_an_option_that_is_not_known():
    with pytest.raises(ClassifierError, match=r"options\.devise: there is no such option; the options are cache, checkpoint"):
        build("nvidia", {"devise": "cpu"})


async def test_what_the_hub_fetched_before_is_used_without_a_network(tmp_path, monkeypatch):
    """Here because only what is asked for wrongly is refused: a pinned commit in the hub's cache is a checkpoint like any other."""
    import huggingface_hub.constants

    commit = "0123456789abcdef" * 2 + "01234567"
    repository = tmp_path / "models--nvidia--prompt-task-and-complexity-classifier"
    write_checkpoint(repository / "snapshots" / commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    written = {"checkpoint": "nvidia/prompt-task-and-complexity-classifier", "revision": commit, "device": "cpu", "dtype": "fp32"}
    assert (await build("nvidia", written, Surroundings(folder=tmp_path)).classify(REQUEST)).known
