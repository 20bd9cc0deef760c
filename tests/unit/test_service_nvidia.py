"""The checkpoint of a service decides as the same checkpoint in the proxy does."""

import pytest

from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.classifiers.batching import Batcher
from litellm_cascade.classifiers.servable import load
from litellm_cascade.errors import ClassifierError
from litellm_cascade.service.app import State, application
from litellm_cascade.service.triton import Batching, write_repository
from litellm_cascade.testing.serving import ServerThread
from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn

pytest.importorskip("torch")
PROMPTS = ["write python code", "explain the story " * 300, "what is this text for in a list"]


def request_of(text):
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p")
    return Request(envelope=envelope, turns=(Turn(role="user", text=text),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from litellm_cascade.testing.checkpoints import write_checkpoint

    folder = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(folder / "tiny")
    return folder


async def test_remote_decides_as_the_classifier_itself_does(folder):
    options = {"checkpoint": "tiny", "device": "cpu", "dtype": "fp32", "threads": 1}
    served = load("nvidia", options, Surroundings(folder=folder))
    batcher = Batcher("nvidia", served.engine, most_prompts=served.most_prompts)
    with ServerThread(application(State(model="classifier", served=served, batcher=batcher, compute=batcher.logits))) as server:
        remote = build("remote", {"url": server.url, "fallback": "linear", "timeout_ms": 20_000})
        here = build("nvidia", options, Surroundings(folder=folder))
        found = [(await remote.classify(request_of(text)), await here.classify(request_of(text))) for text in PROMPTS]
        await remote._client.close()
    for there, own in found:
        assert (there.classifier, there.degraded, there.digest) == ("remote", (), own.digest)
        assert (there.task, there.dimensions, there.complexity) == (own.task, own.dimensions, own.complexity)
        assert there.task_probabilities == pytest.approx(own.task_probabilities, abs=1e-6)


def test_its_onnx_export_becomes_a_repository_for_triton(folder, tmp_path):
    pytest.importorskip("onnx")
    options = {"checkpoint": "tiny", "engine": "onnx", "threads": 1, "cache": str(tmp_path / "cache")}
    served = load("nvidia", options, Surroundings(folder=folder))
    config, _ = write_repository(served.onnx, tmp_path, "classifier", Batching())
    assert 'name: "input_ids" data_type: TYPE_INT64' in config.read_text()


def test_several_windows_of_a_prompt_are_not_served(folder):
    with pytest.raises(ClassifierError, match="a service reads the beginning of long prompts: write head"):
        load("nvidia", {"checkpoint": "tiny", "long_prompts": "windows"}, Surroundings(folder=folder))
