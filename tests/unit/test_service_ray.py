"""The same route by Ray Serve, on this machine, with two replicas."""

import asyncio
import importlib.util
import json

import httpx
import pytest
from pydantic import ValidationError

from litellm_cascade.classifiers.remote_client import RemoteClient
from litellm_cascade.service.ray_app import Deployed
from litellm_cascade.testing.logits import encode, logits_of
from litellm_cascade.testing.service import RayServiceProcess
from waiting import until

REPLICAS = {"min_replicas": 2, "max_replicas": 2, "cpus": 0.1}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed: pip install 'litellm-cascade[ray]'")
    with RayServiceProcess(tmp_path_factory.mktemp("ray"), arguments=REPLICAS) as running:
        yield running


def replica_that_answers(service):
    """The moment at which its metrics began."""
    text = httpx.get(f"{service.url}/metrics", trust_env=False).text
    return next(line for line in text.splitlines() if line.startswith("cascade_service_padding_tokens_created"))


def test_both_replicas_answer(service):
    """On a busy machine one is up long before the other."""
    heard = set()

    def all_were_heard():
        heard.add(replica_that_answers(service))
        return len(heard) == REPLICAS["min_replicas"]

    until(all_were_heard, within_s=60.0)


async def test_the_client_that_asks_uvicorn_asks_ray_as_well(service):
    client = RemoteClient(service.url, "classifier", connections=8)
    found = await asyncio.gather(*(client.logits(f"prompt {number}") for number in range(20)))
    await client.close()
    assert all((logits == logits_of(encode(f"prompt {number}").ids)).all() for number, (_, logits) in enumerate(found))
    assert client.described.digest == "fake"


def test_what_is_refused_is_refused_alike(service):
    infer = f"{service.url}/v2/models/classifier/infer"
    refused = httpx.post(infer, content="{", trust_env=False)
    unknown = httpx.get(f"{service.url}/v2/models/other", trust_env=False)
    too_long = httpx.post(infer, content=json.dumps({"inputs": ["x" * (1 << 20)]}), trust_env=False)
    assert (refused.status_code, refused.json()) == (400, {"error": "the body is no JSON"})
    assert (unknown.status_code, too_long.status_code) == (404, 413)


def test_an_argument_that_does_not_exist_is_refused():
    with pytest.raises(ValidationError, match="max_replica"):
        Deployed.model_validate({"max_replica": 3})
