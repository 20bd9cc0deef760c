"""The ways to compute the same network: torch on a CPU, what surrounds CUDA graphs, ONNX Runtime; and whether they decide alike."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.classifiers.eight_heads import NVIDIA
from litellm_cascade.classifiers.nvidia import loading
from litellm_cascade.classifiers.nvidia.buckets import LENGTHS, MOST_TOKENS, PROMPTS, Bucket, bucket_of, recorded, unrecorded
from litellm_cascade.classifiers.nvidia.checkpoint import read_checkpoint
from litellm_cascade.classifiers.nvidia.loading import load, on_cpu, on_cuda
from litellm_cascade.classifiers.nvidia.network import build, logits
from litellm_cascade.classifiers.nvidia.onnx_engine import OnnxEngine, exported, kept, quantised
from litellm_cascade.classifiers.nvidia.options import Options
from litellm_cascade.classifiers.nvidia.parity import SAMPLES, disagreement
from litellm_cascade.classifiers.nvidia.torch_engine import CpuEngine, CudaEngine, Recorded, padded
from litellm_cascade.errors import ClassifierError
from litellm_cascade.testing.checkpoints import TINY, config_of, random_tensors, write_checkpoint

torch = pytest.importorskip("torch", reason="needs the extra torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("nvidia") / "tiny")


@pytest.fixture(scope="module")
def network(folder):
    return build(read_checkpoint(folder))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def prompts_of(*lengths, seed=0):
    draw = np.random.default_rng(seed)
    return [draw.integers(4, TINY.vocabulary, length).tolist() for length in lengths]


def alone(engine, prompts):
    return np.concatenate([engine.logits([ids]) for ids in prompts])


LENGTH = st.integers(1, 512)


@given(st.integers(1, 300), LENGTH)
def test_a_bucket_holds_its_batch_and_the_next_smaller_one_does_not(prompts, longest):
    found = bucket_of(prompts, longest)
    if found is None:
        rows = [rows for rows in PROMPTS if rows >= prompts]
        assert not rows or rows[0] * min(length for length in LENGTHS if length >= longest) > MOST_TOKENS
        return
    assert found in recorded(512)
    assert found.prompts >= prompts
    assert found.length >= longest
    assert not any(rows >= prompts for rows in PROMPTS if rows < found.prompts)
    assert not any(length >= longest for length in LENGTHS if length < found.length)


@given(st.integers(1, 300), LENGTH)
def test_what_has_no_bucket_gets_no_row_too_many_and_fewer_than_16_columns(prompts, longest):
    shape = unrecorded(prompts, longest, 512)
    assert shape.prompts == prompts
    assert longest <= shape.length <= min(512, longest + 15)


@given(st.lists(LENGTH, min_size=1, max_size=6), st.integers(0, 3), st.integers(0, 40))
def test_padding_keeps_every_token_and_leaves_no_row_without_one(lengths, rows, columns):
    prompts = prompts_of(*lengths)
    ids, counts = padded(prompts, Bucket(len(prompts) + rows, max(lengths) + columns))
    assert [ids[row, :count].tolist() for row, count in enumerate(lengths)] == prompts
    assert counts.tolist() == [*lengths, *[1] * rows]
    assert int(ids.sum()) == sum(map(sum, prompts))


def test_prompts_of_unlike_lengths_come_out_of_a_batch_as_they_do_alone(network):
    engine = CpuEngine(network)
    prompts = prompts_of(2, 40, 7, 200)
    np.testing.assert_allclose(engine.logits(prompts), alone(engine, prompts), atol=1e-4)


def record_nothing_but_the_calls(network, bucket, stream):
    """What a CUDA graph does, on the CPU: fixed memory in, fixed memory out, computed when it is replayed."""
    ids, lengths = torch.zeros((bucket.prompts, bucket.length), dtype=torch.int64), torch.ones(bucket.prompts, dtype=torch.int64)
    found = torch.full((bucket.prompts, 32), float("nan"))
    return Recorded(ids=ids, lengths=lengths, logits=found, replay=lambda: found.copy_(logits(network, ids, lengths)))


@pytest.fixture(scope="module")
def graphs(network):
    engine = CudaEngine(network, record_nothing_but_the_calls)
    engine.warm_up()
    return engine


@pytest.mark.parametrize("lengths", [(5,), (16,), (17, 3), (40, 2, 512), (9,) * 65, (512,) * 17])
def test_a_batch_through_a_graph_or_beside_it_has_the_logits_of_its_prompts(graphs, network, lengths):
    prompts = prompts_of(*lengths)
    np.testing.assert_allclose(graphs.logits(prompts), alone(CpuEngine(network), prompts), atol=1e-4)


def test_a_batch_launched_later_does_not_overwrite_one_that_is_not_collected_yet(graphs, network):
    first, second = prompts_of(12, seed=1), prompts_of(9, seed=2)
    waits = [graphs.launch(first), graphs.launch(second)]
    answers = [wait() for wait in waits]
    np.testing.assert_allclose(answers[0], alone(CpuEngine(network), first), atol=1e-4)
    np.testing.assert_allclose(answers[1], alone(CpuEngine(network), second), atol=1e-4)


def test_a_driver_that_records_nothing_costs_speed_and_not_the_answer(network, caplog):
    def refuse(*_):
        raise RuntimeError("operation not permitted when stream is capturing")

    engine = CudaEngine(network, refuse)
    engine.warm_up()
    prompts = prompts_of(12)
    np.testing.assert_allclose(engine.logits(prompts), alone(CpuEngine(network), prompts), atol=1e-4)
    assert "no CUDA graphs (RuntimeError)" in caplog.text


TRIAL = [[1, 5, 9, 2], [1, 7, 7, 7, 30, 2]]


def test_graphs_that_compute_something_else_are_not_used(network, caplog):
    def record_garbage(network, bucket, stream):
        made = record_nothing_but_the_calls(network, bucket, stream)
        return replace(made, replay=lambda: made.logits.copy_(torch.arange(32.0)))

    found = on_cuda(network, network, TRIAL, NVIDIA, CudaEngine(network, record_garbage))
    np.testing.assert_allclose(found.logits(TRIAL), CpuEngine(network).logits(TRIAL), atol=1e-4)
    assert "computes in float32, because in float32" in caplog.text


def test_graphs_that_compute_the_same_are_used(network):
    engine = CudaEngine(network, record_nothing_but_the_calls)
    assert on_cuda(network, network, TRIAL, NVIDIA, engine) is engine


@pytest.mark.parametrize("chosen", [True, False])
def test_a_dtype_that_decides_otherwise_is_not_used(network, caplog, chosen):
    other = replace(network.to(dtype=torch.bfloat16), heads=tuple(-part for part in network.heads))
    found = on_cpu(network, other, TRIAL, NVIDIA, chosen=chosen)
    assert found.precision == "float32"
    assert ("computes in float32, because in bfloat16" in caplog.text) or not chosen  # unchosen, it may also have been slower


@pytest.mark.parametrize(("there", "precision"), [(False, "float32"), (True, "bfloat16")])
def test_bfloat16_is_not_even_tried_on_processors_without(monkeypatch, there, precision):
    """torch then takes fifty times as long, minutes for the trial of a network of full size."""
    monkeypatch.setattr(loading, "has_bfloat16", lambda: there)
    assert str(loading._dtype(Options(), torch.device("cpu"))) == f"torch.{precision}"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("lengths", [(5,), (17, 3), (40, 2, 512), (9,) * 65, (512,) * 17])
def test_on_a_gpu_graphs_have_the_logits_of_the_cpu(network, lengths):
    engine = CudaEngine(network.to(device="cuda"))
    engine.warm_up()
    assert len(engine._graphs) == len(recorded(512))
    prompts = prompts_of(*lengths)
    waits = [engine.launch(prompts) for _ in range(3)]
    for wait in waits:
        np.testing.assert_allclose(wait(), alone(CpuEngine(network), prompts), atol=1e-3)


def test_the_onnx_graph_computes_what_torch_computes_at_every_length_with_padding(network, cache):
    engine = OnnxEngine(exported(lambda: network, "some-digest", cache), threads=1)
    reference = CpuEngine(network)
    for lengths in [(1,), (2,), (3, 1), (16, 15, 17), (128, 2), (511, 512)]:
        prompts = prompts_of(*lengths)
        np.testing.assert_allclose(engine.logits(prompts), alone(reference, prompts), atol=1e-4)


def test_an_onnx_graph_is_made_once_for_the_same_weights(network, cache):
    path = exported(lambda: network, "some-digest", cache)
    written = path.stat().st_mtime_ns

    def again():
        raise AssertionError("made again")

    assert exported(again, "some-digest", cache) == path
    assert path.stat().st_mtime_ns == written


def test_what_breaks_while_it_is_made_leaves_nothing_behind(tmp_path):
    def half(path):
        path.write_text("half")
        raise ClassifierError("broken")

    with pytest.raises(ClassifierError, match="broken"):
        kept(tmp_path / "graph.onnx", half)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said_with_the_option_that_mends_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ClassifierError, match=r"cannot keep .*graph.onnx .*name a folder that can be written to in options.cache"):
        kept(tmp_path / "file" / "graph.onnx", Path.touch)


def test_int8_is_near_enough_to_be_asked_whether_it_decides_alike(network, cache):
    small = OnnxEngine(quantised(exported(lambda: network, "some-digest", cache)), threads=1)
    prompts = prompts_of(9, 33)
    apart = np.abs(small.logits(prompts) - alone(CpuEngine(network), prompts)).max()
    assert 0 < apart < 0.5


def test_in_int8_no_prompt_changes_the_answer_of_another(network, cache):
    """Its activations are quantised over all that is computed together."""
    small = OnnxEngine(quantised(exported(lambda: network, "some-digest", cache)), threads=1, precision="int8")
    prompts = prompts_of(3, 60, 9, 250)
    np.testing.assert_allclose(small.logits(prompts), alone(small, prompts), atol=1e-4)


def options(folder, cache, **more):
    return Options.model_validate({"checkpoint": str(folder), "device": "cpu", "cache": str(cache), **more})


@pytest.mark.parametrize("engine", ["onnx", "onnx-int8"])
def test_an_onnx_engine_is_loaded_from_a_checkpoint_and_again_from_the_cache(folder, cache, network, engine):
    for _ in range(2):
        loaded = load(options(folder, cache, engine=engine, threads=1), folder)
        prompts = prompts_of(20)
        np.testing.assert_allclose(loaded.engine.logits(prompts), alone(CpuEngine(network), prompts), atol=0.5)
    assert loaded.device == "cpu"


def test_a_graph_that_was_made_for_other_attention_heads_is_not_used(folder, cache, tmp_path):
    """The weights are the same to the byte; the number of heads stands in config.json alone."""
    load(options(folder, cache, engine="onnx", threads=1), folder)
    other = write_checkpoint(tmp_path / "other", tensors=random_tensors())
    (other / "config.json").write_text(json.dumps(config_of(replace(TINY, heads=4))))
    prompts = prompts_of(20)
    expected = alone(CpuEngine(build(read_checkpoint(other))), prompts)
    loaded = load(options(other, cache, engine="onnx", threads=1), other)
    np.testing.assert_allclose(loaded.engine.logits(prompts), expected, atol=1e-4)


@pytest.mark.parametrize("content", [b"", b"no graph"])
def test_a_kept_graph_that_is_corrupt_is_named(tmp_path, content):
    path = tmp_path / "graph.onnx"
    path.write_bytes(content)
    with pytest.raises(ClassifierError, match=r"^classifier 'nvidia': .*graph.onnx is corrupt; delete it, and it is made again$"):
        OnnxEngine(path)


def test_int8_that_decides_otherwise_is_not_used(tmp_path, cache, caplog):
    """Weights with outliers are what int8 does badly on: one column of a thousand times the rest takes the whole range."""
    from litellm_cascade.testing.checkpoints import random_tensors

    tensors = random_tensors(seed=3, spread=0.4)
    for name, values in tensors.items():
        if name.endswith("output.LayerNorm.weight"):
            values[::16] *= 300
    wild = write_checkpoint(tmp_path / "wild", tensors=tensors)
    for _ in range(2):  # the second time from what was kept
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            loaded = load(options(wild, cache, engine="onnx-int8", threads=1), tmp_path)
        assert "computes in float32, because in int8" in caplog.text
    prompts = prompts_of(20)
    exact = CpuEngine(build(read_checkpoint(wild)))
    np.testing.assert_allclose(loaded.engine.logits(prompts), exact.logits(prompts), atol=1e-2)


class Fixed:
    def __init__(self, row):
        self.row = row

    def logits(self, prompts):
        return np.array([self.row for _ in prompts], np.float32)


def row(task=0.0, creativity=0.0):
    return [task, 0.0, *[-9.0] * 10, creativity, *[0.0] * 19]


def test_engines_disagree_when_a_clear_task_type_changes_or_the_score_moves_and_not_over_a_tie():
    def apart(first, second):
        return disagreement(Fixed(first), Fixed(second), [[1]], NVIDIA)

    assert apart(row(task=2), row(task=2)) is None
    assert apart(row(task=0.01), row(task=-0.01)) is None
    assert apart(row(task=2), row(task=-2)) == "1 of 1 task types change, and the complexity score by up to 0.000"
    assert "0 of 1 task types change" in apart(row(creativity=2), row(creativity=0))


def test_the_samples_are_of_every_kind_and_none_is_there_twice():
    assert len(set(SAMPLES)) == len(SAMPLES) == 24
