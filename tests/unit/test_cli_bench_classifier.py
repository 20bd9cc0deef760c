"""`cascade bench classifier`, on a small checkpoint of the published layout."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from litellm_cascade.classifiers.nvidia.checkpoint import read_checkpoint
from litellm_cascade.classifiers.nvidia.network import build
from litellm_cascade.classifiers.nvidia.torch_engine import CpuEngine
from litellm_cascade.offline.bench_classifier.limits import prompt_flops
from litellm_cascade.offline.bench_classifier.open_loop import waits_of
from litellm_cascade.offline.bench_classifier.plain import PlainEngine
from litellm_cascade.offline.bench_classifier.speed import drawn_prompts
from litellm_cascade.offline.cli import app
from litellm_cascade.testing.checkpoints import FULL, write_checkpoint

pytest.importorskip("torch", reason="needs the extra torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("nvidia") / "tiny")


def run(*arguments):
    return CliRunner().invoke(app, ["bench", "classifier", *map(str, arguments)])


def test_every_way_is_measured_at_every_length_and_batch_and_written_down(folder, tmp_path):
    out, page = tmp_path / "out.json", tmp_path / "page.html"
    sizes = ["--lengths", "8,16", "--batches", "1,3", "--rates", "200", "--rate-length", "8"]
    result = run("--checkpoint", folder, *sizes, "--seconds", 0.02, "--device", "cpu", "--threads", 1, "--json", out, "--html", page)
    assert result.exit_code == 0, result.output
    written = json.loads(out.read_text())
    cells = {(speed["way"], speed["length"], speed["batch"]) for speed in written["speeds"]}
    ways = {"transformers", "torch", "onnx", "onnx-int8"}
    assert cells == {(way, length, batch) for way in ways for length in (8, 16) for batch in (1, 3)}
    assert {waits["way"] for waits in written["waits"]} == ways
    for speed in written["speeds"]:
        assert 0 < speed["p50_low_ms"] <= speed["p50_ms"] <= speed["p50_high_ms"]
        assert (speed["share"] is None) == (speed["precision"] == "int8")
    assert written["checkpoint"] == read_checkpoint(folder).digest
    assert written["random_weights"] is False
    assert "| transformers, float32 | 8 | 1 |" in result.output
    assert "limit in float32" in page.read_text()


def test_the_plain_way_and_ours_compute_the_same(folder):
    checkpoint = read_checkpoint(folder)
    prompts = drawn_prompts([3, 20, 64], rows=checkpoint.dimensions.vocabulary, seed=1)
    np.testing.assert_allclose(PlainEngine(checkpoint, "cpu").logits(prompts), CpuEngine(build(checkpoint)).logits(prompts), atol=1e-4)


@pytest.mark.parametrize("length", [16, 128, 512])
def test_the_arithmetic_of_a_prompt_is_counted_by_the_formula_of_its_layers(length):
    by_hand = length * (169.9e6 + 0.0369e6 * length + 0.0369e6 * min(2 * length - 1, 512))
    assert prompt_flops(FULL, length) == pytest.approx(by_hand, rel=1e-3)


class Instant:
    precision = "none"

    def logits(self, prompts):
        return np.zeros((len(prompts), 32))


def test_in_the_open_loop_every_prompt_that_came_is_accounted_for():
    waits = waits_of(Instant(), way="w", precision="none", length=9, asked_per_s=2_000, seconds=0.05, most_prompts=8, seed=3, rows=50)
    assert (waits.prompts, waits.refused) == (100, 0)
    assert 0 <= waits.p50_ms <= waits.p95_ms <= waits.p99_ms
    assert 1 <= waits.batch <= 8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--ways", "tensorrt"), "there is no 'tensorrt'; choose of transformers, torch, onnx, onnx-int8"),
        (("--lengths", "1,x"), "is no list of numbers"),
        (("--lengths", "513"), "must be above 0 and at most 512"),
        (("--batches", "0"), "must be above 0"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is_written(arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())


def test_a_checkpoint_that_does_not_fit_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("--checkpoint", tmp_path / "empty")
    assert result.exit_code == 1
    assert "has no config.json and no model.safetensors and no tokenizer.json" in result.output
