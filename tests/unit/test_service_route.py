"""The service's route: what it takes, what it refuses and how it says so."""

import asyncio
import json
import threading
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import numpy as np
import pytest
from blockbuster import blockbuster_ctx

from litellm_cascade.classifiers.batching import Batcher
from litellm_cascade.classifiers.eight_heads import NVIDIA, read_heads
from litellm_cascade.classifiers.servable import Servable
from litellm_cascade.service.app import Limits, State, application
from litellm_cascade.testing.logits import LONGEST, VOCABULARY, FakeEngine, encode, logits_of
from litellm_cascade.testing.serving import ServerThread

INFER = "/v2/models/m/infer"
TEXT = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a prompt"]}
IDS = {"name": "input_ids", "datatype": "INT64", "shape": [2, 4], "data": [1, 5, 2, 0, 1, 7, 8, 2]}
BINARY = {"name": "logits", "parameters": {"binary_data": True}}
BEYOND = f"token ids lie between 0 and {VOCABULARY - 1}; is this the tokenizer of another model?"
MASK = {"name": "attention_mask", "datatype": "INT64", "shape": [2, 4], "data": [[1, 1, 1, 0], [1, 1, 1, 1]]}


def state_of(engine, **changes):
    served = Servable(name="m", digest="d1", engine=engine, encode=encode, vocabulary=VOCABULARY, longest=LONGEST)
    batcher = Batcher("m", engine, outstanding=8)
    return State(**({"model": "m", "served": served, "batcher": batcher, "compute": batcher.logits} | changes))


@asynccontextmanager
async def asked(state):
    transport = httpx.ASGITransport(application(state))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


@pytest.fixture
def engine():
    return FakeEngine()


async def test_a_text_is_answered_with_its_logits(engine):
    async with asked(state_of(engine)) as client:
        answer = (await client.post(INFER, json={"id": "7", "inputs": [TEXT], "outputs": [{"name": "logits"}]})).json()
    assert (answer["model_name"], answer["id"]) == ("m", "7")
    (output,) = answer["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("logits", "FP32", [1, 32])
    assert output["data"] == logits_of(encode("a prompt").ids).tolist()


async def test_several_texts_in_one_request_are_answered_in_their_order(engine):
    texts = ["one", "two three", "four " * 900]  # the last is long enough for a thread
    body = {"inputs": [TEXT | {"shape": [3, 1], "data": [[text] for text in texts]}]}
    async with asked(state_of(engine)) as client:
        with blockbuster_ctx("litellm_cascade.service"):
            (output,) = (await client.post(INFER, json=body)).json()["outputs"]
    rows = np.reshape(output["data"], output["shape"])
    assert (rows == np.stack([logits_of(encode(text).ids) for text in texts])).all()


async def test_ids_are_taken_without_their_padding(engine):
    async with asked(state_of(engine)) as client:
        (output,) = (await client.post(INFER, json={"inputs": [IDS, MASK]})).json()["outputs"]
    assert (np.reshape(output["data"], (2, 32)) == np.stack([logits_of([1, 5, 2]), logits_of([1, 7, 8, 2])])).all()


async def test_the_metadata_say_whose_weights_these_are_and_how_they_are_read(engine):
    async with asked(state_of(engine)) as client:
        told = (await client.get("/v2/models/m")).json()
        server = (await client.get("/v2")).json()
    assert [one["datatype"] for one in told["inputs"]] == ["BYTES", "INT64", "INT64"]
    assert told["outputs"] == [{"name": "logits", "datatype": "FP32", "shape": [-1, 32]}]
    assert told["parameters"]["digest"] == "d1"
    heads = read_heads(json.loads(told["parameters"]["heads"]), "here")
    assert heads.task_names == NVIDIA.task_names
    assert all(heads.weights[head] == tuple(NVIDIA.weights[head]) for head in NVIDIA.weights)
    assert all(heads.divisors[head] == NVIDIA.divisors.get(head, 1) for head in heads.divisors)
    assert server["name"] == "litellm-cascade"


async def test_logits_behind_those_of_the_heads_are_named_in_the_metadata(engine):
    state = state_of(engine)
    state.served = replace(state.served, outcomes=("complexity", "small"))
    async with asked(state) as client:
        told = (await client.get("/v2/models/m")).json()
    assert (told["outputs"][0]["shape"], told["parameters"]["outcomes"]) == ([-1, 34], "complexity,small")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "the body is no JSON"),
        ("[" * 100_000, "the body is no JSON"),
        ("[]", "the body is no JSON object"),
        ({}, "'inputs' must be a list of objects"),
        ({"inputs": [1]}, "'inputs' must be a list of objects"),
        ({"inputs": []}, "the inputs must be 'text', or 'input_ids' and 'attention_mask'"),
        ({"inputs": [IDS]}, "the inputs must be 'text', or 'input_ids' and 'attention_mask'"),
        ({"inputs": [TEXT | {"name": ["text"]}]}, "the inputs must be 'text', or 'input_ids' and 'attention_mask'"),
        ({"inputs": [TEXT, TEXT | {"data": ["another"]}]}, "the inputs must be 'text', or 'input_ids' and 'attention_mask'"),
        ({"inputs": [TEXT | {"datatype": "FP32"}]}, "'text' must have the datatype BYTES"),
        ({"inputs": [TEXT | {"shape": [2]}]}, "'text' has 1 entries, and its shape [2] says otherwise"),
        ({"inputs": [TEXT | {"shape": "x"}]}, "'text' must have a shape"),
        ({"inputs": [TEXT | {"data": [3]}]}, "'text' must hold strings"),
        ({"inputs": [TEXT | {"data": "a"}]}, "every input must have its data as a list"),
        ({"inputs": [TEXT | {"shape": [0], "data": []}]}, "a request has 1 to 64 prompts, and this one has 0"),
        ({"inputs": [TEXT | {"shape": [65], "data": ["x"] * 65}]}, "a request has 1 to 64 prompts, and this one has 65"),
        ({"inputs": [TEXT], "outputs": [{"name": "x"}]}, "the one output is 'logits'"),
        ({"inputs": [TEXT], "outputs": [BINARY]}, "binary data is not supported: ask for JSON"),
        ({"inputs": [IDS | {"shape": [2, 3]}, MASK]}, "'input_ids' has 8 entries, and its shape [2, 3] says otherwise"),
        ({"inputs": [IDS | {"data": [1.5] * 8}, MASK]}, "'input_ids' must hold whole numbers"),
        ({"inputs": [IDS | {"data": [True] * 8}, MASK]}, "'input_ids' must hold whole numbers"),
        ({"inputs": [IDS | {"data": [2**70] * 8}, MASK]}, "'input_ids' holds a number beyond 64 bits"),
        (
            {"inputs": [IDS | {"shape": [0, 2**62], "data": []}, MASK]},
            "'input_ids' has the shape [0, 4611686018427387904], and there must be a prompt and a token",
        ),
        (
            {"inputs": [IDS | {"shape": [0, 2**90], "data": []}, MASK]},
            f"'input_ids' has the shape [0, {2**90}], and there must be a prompt and a token",
        ),
        ({"inputs": [IDS | {"data": [VOCABULARY] * 8}, MASK]}, BEYOND),
        ({"inputs": [IDS | {"data": [-1] * 8}, MASK]}, BEYOND),
        ({"inputs": [IDS, MASK | {"data": [2] * 8}]}, "'attention_mask' must have the shape of 'input_ids' and hold 0 and 1"),
        ({"inputs": [IDS, MASK | {"data": [0] * 8}]}, f"a prompt has 1 to {LONGEST} tokens"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_a_sentence(engine, body, sentence):
    async with asked(state_of(engine)) as client:
        answer = await client.post(INFER, content=body if isinstance(body, str) else json.dumps(body))
    assert (answer.status_code, answer.json()) == (400, {"error": sentence})
    assert engine.batches == []


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_long_is_refused_before_it_is_read_whole(engine, declared):
    async def parts():
        for _ in range(3):
            yield b"x" * 600

    async with asked(state_of(engine, limits=Limits(most_bytes=1_000))) as client:
        answer = await client.post(INFER, content=b"x" * 1_800 if declared else parts())
    assert (answer.status_code, answer.json()["error"]) == (413, "a request has at most 1000 bytes")


async def test_the_version_may_be_named(engine):
    body = {"inputs": [TEXT]}
    async with asked(state_of(engine)) as client:
        for what in ("", "/ready"):
            assert (await client.get(f"/v2/models/m/versions/1{what}")).json() == (await client.get(f"/v2/models/m{what}")).json()
        answers = [(await client.post(path, json=body)).json()["outputs"] for path in (INFER, "/v2/models/m/versions/1/infer")]
        other = await client.post("/v2/models/m/versions/2/infer", json=body)
    assert answers[0] == answers[1]
    assert (other.status_code, other.json()) == (404, {"error": "there is no such version; the one that is served is '1'"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v2/models/x", 404), ("POST", "/v2/models/x/infer", 404), ("GET", "/x", 404), ("GET", INFER, 405)],
)
async def test_what_is_not_there_is_said_in_the_protocols_form(engine, method, path, status):
    async with asked(state_of(engine)) as client:
        answer = await client.request(method, path)
    assert (answer.status_code, set(answer.json())) == (status, {"error"})


async def test_until_the_model_is_loaded_it_is_alive_and_not_ready():
    async with asked(State(model="m")) as client:
        paths = ("/v2/health/live", "/v2/health/ready", "/v2/models/m/ready", "/v2/models/m")
        statuses = [(await client.get(path)).status_code for path in paths]
        asked_early = await client.post(INFER, json={"inputs": [TEXT]})
    assert statuses == [200, 503, 503, 503]
    assert asked_early.status_code == 503
    assert "retry-after" not in asked_early.headers  # a full queue has that: it says something else


async def test_a_service_that_drains_answers_and_closes_the_connection_behind_it(engine):
    async with asked(state_of(engine, draining=True)) as client:
        ready = await client.get("/v2/health/ready")
        answer = await client.post(INFER, json={"inputs": [TEXT]})
    assert ready.status_code == 503
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


class HeldEngine:
    """Computes nothing before it is let go."""

    def __init__(self):
        self.go = threading.Event()
        self.batches = []

    def logits(self, prompts):
        self.batches.append([list(ids) for ids in prompts])
        self.go.wait(10)
        return np.stack([logits_of(ids) for ids in prompts])


async def test_a_full_queue_is_503_with_retry_after_and_those_within_are_answered():
    engine = HeldEngine()
    state = state_of(engine)
    async with asked(state) as client:
        within = [asyncio.create_task(client.post(INFER, json={"inputs": [TEXT]})) for _ in range(8)]
        while state.waiting() < len(within):  # noqa: ASYNC110 - the batcher has nothing to wait for
            await asyncio.sleep(0)
        answer = await client.post(INFER, json={"inputs": [TEXT | {"shape": [2], "data": ["a", "b"]}]})
        engine.go.set()
        statuses = [(await one).status_code for one in within]
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert statuses == [200] * 8


async def test_a_prompt_whose_client_has_hung_up_is_not_computed():
    """Else a service that is late once computes for nobody from then on: callers that ask again come behind those who left."""
    engine = HeldEngine()
    state = state_of(engine)

    def asks(text):
        return asyncio.create_task(client.post(INFER, json={"inputs": [TEXT | {"data": [text]}]}))

    async def until(holds):
        async with asyncio.timeout(10):
            while not await holds():  # noqa: ASYNC110 - the service has nothing to wait for
                await asyncio.sleep(0.01)

    async def waiting(number):
        return state.waiting() == number

    async def told():
        return 'cascade_service_requests_total{status="499"} 1.0' in (await client.get("/metrics")).text

    with ServerThread(application(state)) as server:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            answered = asks("one")
            await until(lambda: waiting(1))
            left = asks("two")
            await until(lambda: waiting(2))
            left.cancel()
            await until(told)
            engine.go.set()
            assert (await answered).status_code == 200
            assert (await asks("three")).status_code == 200
    assert engine.batches == [[list(encode(text).ids)] for text in ("one", "three")]
    assert state.waiting() == 0


async def test_a_client_that_leaves_before_it_has_asked_is_no_error_of_the_service(engine):
    """A client whose deadline comes while it writes; uvicorn would print a traceback for each."""
    parts = [{"type": "http.request", "body": b'{"inp', "more_body": True}, {"type": "http.disconnect"}]
    sent = []

    async def receive():
        return parts.pop(0)

    async def send(message):
        sent.append(message)

    state = state_of(engine)
    scope = {"type": "http", "method": "POST", "path": INFER, "query_string": b"", "headers": [], "http_version": "1.1"}
    await application(state)(scope, receive, send)
    assert sent[0]["status"] == 499
    assert state.metrics.registry.get_sample_value("cascade_service_requests_total", {"status": "499"}) == 1


async def test_logits_that_are_no_numbers_are_no_answer():
    """JSON has no NaN: a client could not read it."""

    async def compute(ids):
        return np.full(32, np.nan, np.float32)

    async with asked(state_of(FakeEngine(), compute=compute)) as client:
        answer = await client.post(INFER, json={"inputs": [TEXT]})
    assert (answer.status_code, answer.json()) == (500, {"error": "the logits could not be computed; the service's log says why"})


async def test_an_engine_that_fails_costs_its_batch_and_no_more():
    engine = FakeEngine(fails_on=encode("poison").ids[1])
    async with asked(state_of(engine)) as client:
        failed = await client.post(INFER, json={"inputs": [TEXT | {"data": ["poison"]}]})
        fine = await client.post(INFER, json={"inputs": [TEXT]})
        both = await client.post(INFER, json={"inputs": [TEXT | {"shape": [2], "data": ["poison", "b"]}]})
    assert (failed.status_code, fine.status_code, both.status_code) == (500, 200, 500)
    assert failed.json()["error"] == "the logits could not be computed; the service's log says why"


async def test_the_metrics_count_requests_prompts_tokens_and_padding():
    engine = FakeEngine()
    state = state_of(engine)
    batcher = Batcher("m", engine, on_batch=state.metrics.computed)
    state.batcher, state.compute = batcher, batcher.logits
    async with asked(state) as client:
        await client.post(INFER, json={"inputs": [TEXT]})
        await client.post(INFER, content="{")
        text = (await client.get("/metrics")).text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['cascade_service_requests_total{status="200"}'] == "1.0"
    assert lines['cascade_service_requests_total{status="400"}'] == "1.0"
    assert lines["cascade_service_batch_prompts_sum"] == "1.0"
    assert lines["cascade_service_batch_tokens_sum"] == "4.0"
    assert lines["cascade_service_padding_tokens_total"] == "0.0"
    assert lines["cascade_service_queue_seconds_count"] == "1.0"
    assert lines["cascade_service_outstanding_prompts"] == "0.0"
