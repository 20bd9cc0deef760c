"""The classifier as a whole, and what it computes against transformers' own DeBERTa-v2."""

import asyncio
import json
import os
from pathlib import Path

import numpy as np
import pytest
from blockbuster import blockbuster_ctx

from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.classifiers.base import ShowsItsWork
from litellm_cascade.classifiers.batching import Batcher
from litellm_cascade.classifiers.eight_heads import SIZES, read
from litellm_cascade.classifiers.nvidia.checkpoint import read_checkpoint
from litellm_cascade.classifiers.nvidia.network import build as build_network
from litellm_cascade.classifiers.nvidia.network import logits
from litellm_cascade.classifiers.nvidia.torch_engine import CpuEngine
from litellm_cascade.testing.checkpoints import FULL, TINY, expected, write_checkpoint
from litellm_cascade.vocabulary import DIMENSIONS, Endpoint, Envelope, Request, Turn

torch = pytest.importorskip("torch", reason="needs the extra torch")


ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p")


def request_of(text):
    return Request(envelope=ENVELOPE, turns=(Turn(role="user", text=text),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("nvidia") / "tiny")


@pytest.fixture(scope="module")
def network(folder):
    return build_network(read_checkpoint(folder))


@pytest.fixture(scope="module")
def theirs(folder):
    """transformers' encoder and plain heads: ids [B, L], mask [B, L] -> logits [B, 32]."""
    from safetensors.torch import load_file
    from transformers import DebertaV2Config, DebertaV2Model

    config = DebertaV2Config(
        vocab_size=TINY.vocabulary,
        hidden_size=TINY.hidden,
        num_hidden_layers=TINY.layers,
        num_attention_heads=TINY.heads,
        intermediate_size=TINY.feed_forward,
        hidden_act="gelu",
        layer_norm_eps=1e-7,
        max_position_embeddings=512,
        relative_attention=True,
        position_buckets=TINY.buckets,
        pos_att_type=["c2p", "p2c"],
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        type_vocab_size=0,
        pad_token_id=0,
    )
    tensors = load_file(folder / "model.safetensors")
    backbone = DebertaV2Model(config).eval()
    inside = {name.removeprefix("backbone."): value for name, value in tensors.items() if name.startswith("backbone.")}
    backbone.load_state_dict(inside, strict=True)
    heads = [(tensors[f"head_{index}.fc.weight"], tensors[f"head_{index}.fc.bias"]) for index in range(len(SIZES))]

    def compute(ids, mask):
        hidden = backbone(input_ids=ids, attention_mask=mask).last_hidden_state
        pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return torch.cat([torch.nn.functional.linear(pooled, *head) for head in heads], dim=1)

    return compute


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 16, 17, 31, 64, 100, 127, 128, 129, 255, 256, 257, 400, 511, 512])
def test_it_computes_what_transformers_computes_at_every_length_with_and_without_padding(network, theirs, length):
    draw = torch.Generator().manual_seed(length)
    ids = torch.randint(4, TINY.vocabulary, (3, length), generator=draw)
    lengths = torch.tensor([length, max(1, length // 2), max(1, length - 1)])
    mask = (torch.arange(length) < lengths[:, None]).long()
    with torch.inference_mode():
        reference = theirs(ids, mask)
        torch.testing.assert_close(logits(network, ids * mask, lengths), reference, atol=1e-4, rtol=0)
        torch.testing.assert_close(logits(network, ids[:1], None), reference[:1], atol=1e-4, rtol=0)
    assert reference.std() > 0.1  # so that 1e-4 says something


def test_the_published_size_has_the_published_number_of_tensors_and_parameters():
    shapes = expected(FULL)
    assert len(shapes) == 214
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 183_856_160


def test_distances_fall_into_the_buckets_of_transformers():
    from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

    from litellm_cascade.classifiers.nvidia.network import bucket_rows

    distances = torch.arange(511, -513, -1)
    for dimensions in (TINY, FULL):
        reference = make_log_bucket_position(distances, dimensions.buckets, 512).long() + dimensions.buckets
        assert bucket_rows(dimensions).tolist() == reference.clamp(0, 2 * dimensions.buckets - 1).tolist()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_the_digest_is_of_all_that_decides(tmp_path, name):
    one, other = (write_checkpoint(tmp_path / which) for which in ("one", "other"))
    (one / "README.md").write_text("says nothing of what is computed")
    assert read_checkpoint(one).digest == read_checkpoint(other).digest
    file = other / name
    file.write_bytes(file.read_bytes() + b" " if file.suffix == ".json" else file.read_bytes()[:-1] + b"\x00")
    assert read_checkpoint(one).digest != read_checkpoint(other).digest


def classifier(folder, **options):
    return build("nvidia", {"checkpoint": folder.name, "device": "cpu", "dtype": "fp32", **options}, Surroundings(folder=folder.parent))


async def test_a_prompt_is_classified_by_the_weights_in_the_folder(folder, network):
    nvidia = classifier(folder)
    assert nvidia.digest == ""
    await nvidia.warm_up()
    answer = await nvidia.classify(request_of("write a python story"))
    tokeniser = nvidia._model.loaded.tokeniser
    reading = read(CpuEngine(network).logits(tokeniser("write a python story").windows)[0])
    assert answer.known
    assert (answer.classifier, answer.device, answer.digest) == ("nvidia", "cpu", nvidia.digest)
    assert len(nvidia.digest) == 16
    assert (answer.task, answer.complexity) == (reading.task, reading.complexity)
    assert answer.dimensions == reading.dimensions
    assert answer.task_probability == max(answer.task_probabilities.values())
    assert set(answer.dimensions) == set(DIMENSIONS)
    assert len(answer.task_probabilities) == 12
    assert 0 <= answer.complexity <= 1
    assert not answer.truncated


async def test_it_shows_the_logits_of_every_window_that_it_read(folder, network):
    nvidia = classifier(folder, long_prompts="windows")
    assert isinstance(nvidia, ShowsItsWork)
    for text in ("write a python story", "what is this " * 300):
        answer, shown = await nvidia.show(request_of(text))
        windows = nvidia._model.loaded.tokeniser(text).windows
        expected_rows = np.concatenate([CpuEngine(network).logits([window]) for window in windows])
        np.testing.assert_allclose(shown["logits"], expected_rows, atol=1e-4)
        assert answer.task == read(np.array(shown["logits"][-1])).task
    assert len(shown["logits"]) > 1
    assert (await nvidia.show(request_of(" ")))[1] == {}


async def test_prompts_that_come_together_are_answered_as_they_are_alone(folder):
    nvidia = classifier(folder, most_prompts=8)
    texts = ["write a story", "what is this", "list the code in python " * 9, "a"]
    alone = [await nvidia.classify(request_of(text)) for text in texts]
    crowd = await asyncio.gather(*(nvidia.classify(request_of(text)) for text in texts))
    assert [answer.task for answer in crowd] == [answer.task for answer in alone]
    assert [answer.complexity for answer in crowd] == pytest.approx([answer.complexity for answer in alone], abs=1e-3)


async def test_nothing_blocks_the_event_loop_once_it_is_loaded(folder):
    nvidia = classifier(folder)
    await nvidia.warm_up()
    with blockbuster_ctx("litellm_cascade"):
        answer = await nvidia.classify(request_of("write a python story " * 400))
    assert answer.known


async def test_a_prompt_without_text_is_not_guessed_at(folder):
    answer = await classifier(folder).classify(request_of("  "))
    assert (answer.known, answer.degraded, answer.classifier) == (False, ("prompt_empty",), "nvidia")


async def test_of_a_long_prompt_the_beginning_is_read_or_three_windows_whose_hardest_counts(folder):
    long = "write code " * 600 + "explain this story"
    head = await classifier(folder).classify(request_of(long))
    windows = await classifier(folder, long_prompts="windows").classify(request_of(long))
    assert head.truncated
    assert windows.truncated
    _, work = await classifier(folder, long_prompts="windows").show(request_of(long))
    assert work["tokens"] == [512, 512, 512]
    assert all(windows.dimensions[name] >= head.dimensions[name] for name in DIMENSIONS)
    assert (await classifier(folder).classify(request_of("write code"))).truncated is False


async def test_keys_in_another_order_and_names_of_another_save_change_nothing(folder, tmp_path):
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text())
    for part in ("target_sizes", "weights_map", "divisor_map"):
        config[part] = dict(sorted(config[part].items()))
    tensors = load_file(folder / "model.safetensors")
    renamed = {name.replace("head_", "heads.") if name.startswith("head_") else name: value for name, value in tensors.items()}
    resaved = write_checkpoint(
        tmp_path / "resaved", tensors={**renamed, "backbone.embeddings.position_ids": np.arange(512, dtype=np.int64)[None]}
    )
    (resaved / "config.json").write_text(json.dumps(config, sort_keys=True))
    request = request_of("explain the python code")
    first, second = await classifier(folder).classify(request), await classifier(resaved).classify(request)
    assert (first.task_probabilities, first.dimensions) == (second.task_probabilities, second.dimensions)


@pytest.mark.parametrize("dtype", ["bf16", "fp16", "auto"])
async def test_a_smaller_dtype_is_used_where_it_decides_alike(folder, dtype, caplog):
    exact = await classifier(folder).classify(request_of("explain the python code"))
    other = await classifier(folder, dtype=dtype).classify(request_of("explain the python code"))
    assert other.complexity == pytest.approx(exact.complexity, abs=0.02)


GOLDEN = os.environ.get("CASCADE_NVIDIA_CHECKPOINT")


@pytest.mark.skipif(not GOLDEN, reason="CASCADE_NVIDIA_CHECKPOINT names no folder with the published checkpoint, which may not be shipped")
async def test_the_example_of_the_model_card_comes_out_as_the_model_card_has_it():
    nvidia = build("nvidia", {"checkpoint": GOLDEN, "device": "cpu", "dtype": "fp32"}, Surroundings(folder=Path.cwd()))
    answer = await nvidia.classify(request_of("Prompt: Write a Python script that uses a for loop."))
    first, second = sorted(answer.task_probabilities, key=answer.task_probabilities.__getitem__, reverse=True)[:2]
    assert (first, second, round(answer.task_probability, 3)) == ("Code Generation", "Text Generation", 0.767)
    assert answer.complexity == pytest.approx(0.27822, abs=2e-4)
    published = {
        "creativity_scope": 0.0826,
        "reasoning": 0.0632,
        "contextual_knowledge": 0.056,
        "number_of_few_shots": 0,
        "domain_knowledge": 0.9803,
        "constraint_ct": 0.5578,
    }
    assert answer.dimensions == pytest.approx(published, abs=2e-4)


def test_the_batcher_of_a_cpu_computes_prompts_one_by_one_unless_told_otherwise(folder):
    async def batchers():
        ready = []
        for options in ({}, {"most_prompts": 4}):
            nvidia = classifier(folder, **options)
            await nvidia.warm_up()
            ready.append(nvidia._model.batcher)
        return ready

    alone, together = asyncio.run(batchers())
    assert isinstance(alone, Batcher)
    assert (alone._most_prompts, together._most_prompts) == (1, 4)


async def test_without_being_told_it_computes_on_a_gpu_where_there_is_one_and_else_on_the_cpu(folder):
    answer = await classifier(folder, device="auto", dtype="auto").classify(request_of("write a story"))
    assert answer.device == ("cuda:0" if torch.cuda.is_available() else "cpu")
