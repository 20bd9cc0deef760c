"""The client of the service: the protocol's variations, and what happens when the service is late, busy, gone or another."""

import asyncio
import gc
import json
import logging
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from blockbuster import blockbuster_ctx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from litellm_cascade.breaker import Breaker, InARow
from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.classifiers.eight_heads import NVIDIA, read, shown
from litellm_cascade.classifiers.remote import Remote
from litellm_cascade.classifiers.remote_client import RemoteClient
from litellm_cascade.classifiers.servable import config_of
from litellm_cascade.errors import ClassifierError
from litellm_cascade.testing import FakeClassifier
from litellm_cascade.testing.logits import encode, logits_of
from litellm_cascade.testing.proxy import free_port
from litellm_cascade.testing.serving import ServerThread
from litellm_cascade.vocabulary import Classification, Endpoint, Envelope, Request, Turn

LOGITS = logits_of(encode("hello there").ids)
OUTPUTS = [{"name": "logits", "datatype": "FP32", "shape": [-1, 32]}]
TEXT = {"name": "text", "datatype": "BYTES", "shape": [-1]}
TOKENS = [{"name": name, "datatype": "INT64", "shape": [-1, -1]} for name in ("input_ids", "attention_mask")]
IDS = [1, 9, 8, 2]


def request_of(text):
    return Request(
        envelope=Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p"), turns=(Turn(role="user", text=text),)
    )


class Service:
    """A service whose metadata and answers are scripted. ``asked`` has the bodies, ``headers`` the last request's headers."""

    def __init__(self, metadata=None, answer=None):
        self.metadata = metadata or {"name": "m", "inputs": [TEXT], "outputs": OUTPUTS}
        self.answer = answer or (
            lambda: JSONResponse(
                {"model_name": "m", "outputs": [{"name": "logits", "datatype": "FP32", "shape": [1, 32], "data": LOGITS.tolist()}]}
            )
        )
        self.described = 0
        self.asked = []
        self.headers = {}
        app = Starlette(routes=[Route("/v2/models/m", self._metadata), Route("/v2/models/m/infer", self._infer, methods=["POST"])])
        self.server = ServerThread(app)

    async def _metadata(self, request):
        self.described += 1
        return self.metadata if isinstance(self.metadata, Response) else JSONResponse(self.metadata)

    async def _infer(self, request):
        self.headers = dict(request.headers)
        self.asked.append(await request.json())
        answer = self.answer()
        return await answer if asyncio.iscoroutine(answer) else answer


@pytest.fixture
def serve():
    started = []

    def run(*arguments, **named):
        service = Service(*arguments, **named)
        service.server.start()
        started.append(service.server)
        return service

    yield run
    for server in started:
        server.stop()


@pytest.fixture
async def remote_to():
    clients = []

    def made(url, *, clock=lambda: 0.0, timeout_ms=5_000, at_once=4, failures=2, fallback=None, start_within_s=5.0, **options):
        client = RemoteClient(url, "m", connections=at_once, **options)
        clients.append(client)
        breaker = Breaker(InARow(failures), cool_off_s=10, clock=clock)
        own = fallback or FakeClassifier(answer=Classification(task="Rewrite", classifier="fake"))
        return Remote(client, own, breaker=breaker, timeout_ms=timeout_ms, at_once=at_once, start_within_s=start_within_s)

    yield made
    for client in clients:
        await client.close()


async def test_the_services_logits_are_read_like_anyone_elses(serve, remote_to):
    service = serve(
        {"inputs": [TEXT], "outputs": OUTPUTS, "parameters": {"digest": "abc", "device": "cuda:0", "heads": json.dumps(config_of(NVIDIA))}}
    )
    remote = remote_to(service.server.url)
    believed = await remote.classify(request_of("hello there"))
    expected = read(LOGITS)
    assert (believed.task, believed.complexity, believed.dimensions) == (expected.task, expected.complexity, expected.dimensions)
    assert (believed.classifier, believed.digest, believed.device, believed.degraded) == ("remote", "abc", "cuda:0", ())
    assert remote.digest == "abc"
    assert (await remote.show(request_of("hello there")))[1] == {"logits": shown(LOGITS)}
    assert service.asked[:1] == [
        {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["hello there"]}], "outputs": [{"name": "logits"}]}
    ]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ([TEXT | {"shape": [-1, 1]}], [("text", [1, 1], ["hello"])]),  # Triton, with a batch dimension
        ([TEXT | {"name": "TEXT"}], [("TEXT", [1], ["hello"])]),
        ([TEXT, *TOKENS], [("text", [1], ["hello"])]),  # ours: the text where both are taken
        (TOKENS, [("input_ids", [1, 16], IDS + [0] * 12), ("attention_mask", [1, 16], [1] * 4 + [0] * 12)]),
        (
            [*TOKENS, {"name": "token_type_ids", "datatype": "INT64", "shape": [-1, -1]}],  # of BERT
            [
                ("input_ids", [1, 16], IDS + [0] * 12),
                ("attention_mask", [1, 16], [1] * 4 + [0] * 12),
                ("token_type_ids", [1, 16], [0] * 16),
            ],
        ),
    ],
)
async def test_a_service_is_asked_for_what_it_takes(serve, remote_to, inputs, expected):
    service = serve({"name": "m", "versions": ["1"], "platform": "onnxruntime_onnx", "inputs": inputs, "outputs": OUTPUTS})
    believed = await remote_to(service.server.url, encode=lambda _: IDS).classify(request_of("hello"))
    assert believed.degraded == ()
    assert [(one["name"], one["shape"], one["data"]) for one in service.asked[0]["inputs"]] == expected


@pytest.mark.parametrize(
    "outputs",
    [
        [{"name": "logits", "datatype": "FP32", "shape": [1, 32], "data": LOGITS.tolist()}],
        [{"name": "logits", "datatype": "FP32", "shape": [1, 32], "data": [LOGITS.tolist()]}],  # nested
        [{"name": "logits", "datatype": "FP32", "shape": [32], "data": LOGITS.tolist(), "parameters": {"content_type": "np"}}],  # MLServer
        [{"name": "other", "data": [1]}, {"name": "logits", "datatype": "FP64", "shape": [1, 32], "data": LOGITS.tolist()}],
    ],
)
async def test_an_answer_may_be_flat_or_nested(serve, remote_to, outputs):
    service = serve(answer=lambda: JSONResponse({"outputs": outputs}))
    believed = await remote_to(service.server.url).classify(request_of("hello"))
    assert (believed.task, believed.degraded) == (read(LOGITS).task, ())


@pytest.mark.parametrize(("logit", "complexity"), [(0.0, 0.5), (-1_000.0, 0.0), (1_000.0, 1.0)])
async def test_a_fitted_complexity_behind_the_heads_goes_before_their_score(serve, remote_to, logit, complexity):
    data = [*LOGITS.tolist(), 3.0, logit]
    metadata = {"inputs": [TEXT], "outputs": OUTPUTS, "parameters": {"outcomes": "small,complexity"}}
    service = serve(metadata, lambda: JSONResponse({"outputs": [{"name": "logits", "data": data}]}))
    believed = await remote_to(service.server.url).classify(request_of("hello"))
    assert (believed.task, believed.complexity) == (read(LOGITS).task, complexity)
    service.metadata = {"inputs": [TEXT], "outputs": OUTPUTS}
    assert (await remote_to(service.server.url).classify(request_of("hello"))).degraded == ("remote_failed",)  # two too many


async def test_an_output_of_another_name_is_taken_when_it_is_the_only_one(serve, remote_to):
    data = [{"name": "output_0", "data": LOGITS.tolist()}]
    service = serve(
        {"inputs": [TEXT], "outputs": [{"name": "output_0", "datatype": "FP32", "shape": [-1, 32]}]},
        lambda: JSONResponse({"outputs": data}),
    )
    assert (await remote_to(service.server.url).classify(request_of("hello"))).degraded == ()
    assert service.asked[0]["outputs"] == [{"name": "output_0"}]


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda: JSONResponse({"error": "x"}, 500), "remote_unavailable"),
        (lambda: JSONResponse({"error": "x"}, 503), "remote_unavailable"),
        (lambda: JSONResponse({"error": "x"}, 503, {"Retry-After": "1"}), "remote_busy"),
        (lambda: JSONResponse({"error": "x"}, 429), "remote_busy"),
        (lambda: JSONResponse({"error": "x"}, 401), "remote_failed"),
        (lambda: JSONResponse({"error": "x"}, 400), "remote_failed"),
        (lambda: Response("not json"), "remote_failed"),
        (lambda: JSONResponse({"outputs": []}), "remote_failed"),
        (lambda: JSONResponse({"outputs": [{"name": "logits", "data": [1.0] * 31}]}), "remote_failed"),
        (lambda: Response('{"outputs": [{"name": "logits", "data": [' + ",".join(["NaN"] * 32) + "]}]}"), "remote_failed"),
        (lambda: JSONResponse({"outputs": [{"name": "logits", "data": ["x"] * 32}]}), "remote_failed"),
        (lambda: JSONResponse({"outputs": [{"name": "logits", "data": [10**400] * 32}]}), "remote_failed"),
        (lambda: Response("[" * 200_000), "remote_failed"),
    ],
    ids=["500", "503", "503, later", "429", "401", "400", "no JSON", "no output", "31 logits", "no numbers", "texts", "huge", "deep"],
)
async def test_whatever_goes_wrong_is_answered_here_and_named(serve, remote_to, answer, word):
    believed = await remote_to(serve(answer=answer).server.url).classify(request_of("hello"))
    assert (believed.task, believed.classifier, believed.degraded) == ("Rewrite", "fake", (word,))


async def test_a_prompt_goes_nowhere_but_where_it_was_sent(serve, remote_to):
    elsewhere = serve()
    target = f"{elsewhere.server.url}/v2/models/m/infer"
    service = serve(answer=lambda: Response(status_code=307, headers={"Location": target}))
    believed = await remote_to(service.server.url, token="secret").classify(request_of("hello"))
    assert (believed.degraded, elsewhere.asked) == (("remote_failed",), [])


async def test_neither_an_answer_nor_its_absence_blocks_the_event_loop(serve, remote_to):
    service = serve()
    remote = remote_to(service.server.url)
    with blockbuster_ctx("litellm_cascade"):
        answered = await remote.classify(request_of("hello " * 4_000))
        service.answer = lambda: JSONResponse({}, 500)
        shed = await remote.classify(request_of("hello"))
    assert (answered.degraded, shed.degraded) == ((), ("remote_unavailable",))


async def test_a_late_service_is_not_waited_for(serve, remote_to):
    service = serve(answer=lambda: asyncio.sleep(60))
    believed = await remote_to(service.server.url, timeout_ms=50).classify(request_of("hello"))
    assert (believed.classifier, believed.degraded) == ("fake", ("remote_late",))


async def test_a_service_that_is_gone_is_left_alone_and_tried_again(serve, remote_to):
    now = [0.0]
    service = serve(answer=lambda: JSONResponse({}, 500))
    remote = remote_to(service.server.url, clock=lambda: now[0], failures=2)
    for _ in range(5):
        assert (await remote.classify(request_of("hello"))).degraded == ("remote_unavailable",)
    assert len(service.asked) == 2  # then it was left alone
    service.answer = Service().answer
    assert (await remote.classify(request_of("hello"))).degraded == ("remote_unavailable",)
    now[0] = 11.0
    assert (await remote.classify(request_of("hello"))).classifier == "remote"
    assert (await remote.classify(request_of("hello"))).classifier == "remote"
    assert service.described == 3  # after a failure another model may stand there


async def test_what_raises_on_the_way_to_the_service_is_answered_here_and_the_next_may_try(serve, remote_to):
    now, failing = [0.0], [True]

    def encode(text):
        if failing[0]:
            raise RuntimeError(text)
        return [1, 2]

    remote = remote_to(serve({"inputs": TOKENS, "outputs": OUTPUTS}).server.url, clock=lambda: now[0], failures=1, encode=encode)
    assert (await remote.classify(request_of("hello"))).degraded == ("remote_failed",)
    now[0] = 11.0
    assert (await remote.classify(request_of("hello"))).degraded == ("remote_failed",)
    failing[0], now[0] = False, 22.0
    assert (await remote.classify(request_of("hello"))).degraded == ()


async def test_more_than_at_once_are_answered_here(serve, remote_to):
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def held():
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(gate.wait(), loop))
        return Service().answer()

    service = serve(answer=held)
    remote = remote_to(service.server.url, at_once=2)
    within = [asyncio.create_task(remote.classify(request_of("hello"))) for _ in range(2)]
    await asyncio.sleep(0)
    assert (await remote.classify(request_of("hello"))).degraded == ("remote_busy",)
    gate.set()
    assert [(await one).degraded for one in within] == [(), ()]


async def test_what_the_fallback_suffers_from_is_named_as_well(remote_to):
    fallback = FakeClassifier(answer=Classification(known=False, degraded=("prompt_empty",)))
    believed = await remote_to(f"http://127.0.0.1:{free_port()}", fallback=fallback).classify(request_of("hello"))
    assert believed.degraded == ("remote_unavailable", "prompt_empty")


async def test_a_cancelled_question_frees_its_place_and_the_probe(serve, remote_to):
    now = [0.0]
    service = serve(answer=lambda: JSONResponse({}, 500))
    remote = remote_to(service.server.url, clock=lambda: now[0], failures=1, at_once=1)
    await remote.classify(request_of("hello"))
    now[0], service.answer = 11.0, lambda: asyncio.sleep(60)
    probing = asyncio.create_task(remote.classify(request_of("hello")))
    await asyncio.sleep(0)
    probing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probing
    service.answer = Service().answer
    assert (await remote.classify(request_of("hello"))).classifier == "remote"


async def test_a_prompt_without_text_asks_nobody(serve, remote_to):
    service = serve()
    assert (await remote_to(service.server.url).classify(request_of(" "))).degraded == ("prompt_empty",)
    assert service.described == 0


async def test_a_very_long_prompt_is_cut_before_it_is_sent(serve, remote_to):
    service = serve()
    believed = await remote_to(service.server.url).classify(request_of("a" * 50_000 + "z"))
    (text,) = service.asked[0]["inputs"][0]["data"]
    assert (believed.truncated, len(text), text[-1]) == (True, 20_001, "z")


async def test_a_token_is_sent_and_told_to_nobody_else(serve, monkeypatch, caplog):
    service = serve(answer=lambda: JSONResponse({}, 401))
    monkeypatch.setenv("SERVICE_TOKEN", "s3cret\n")  # as files end that secrets are kept in
    caplog.set_level(logging.DEBUG)
    remote = build(
        "remote",
        {
            "url": service.server.url,
            "model": "m",
            "token": "os.environ/SERVICE_TOKEN",
            "failures": 1,
            "fallback": "linear",
            "timeout_ms": 5000,
        },
    )
    await remote.classify(request_of("hello"))
    await remote._client.close()
    assert service.headers["authorization"] == "Bearer s3cret"
    assert "give a token it accepts" in caplog.text
    assert "s3cret" not in caplog.text
    assert "hello" not in caplog.text


def test_it_warms_up_in_one_loop_and_works_in_another(serve):
    service = serve()
    remote = build("remote", {"url": service.server.url, "model": "m", "fallback": "linear", "timeout_ms": 5000})
    asyncio.run(remote.warm_up())

    async def twice():
        believed = [await remote.classify(request_of("hello")) for _ in range(2)]
        await remote._client.close()
        return believed

    assert [one.classifier for one in asyncio.run(twice())] == ["remote", "remote"]
    assert [one.classifier for one in asyncio.run(twice())] == ["remote", "remote"]
    assert service.described == 1


@pytest.mark.parametrize("there", [True, False])
def test_its_connections_end_with_the_event_loop_and_nobody_is_told_of_them(serve, caplog, there):
    """As ``cascade classify`` uses it: one question, then the loop is over."""
    url = serve().server.url if there else f"http://127.0.0.1:{free_port()}"
    remote = build("remote", {"url": url, "model": "m", "fallback": "linear", "timeout_ms": 5000})
    believed = asyncio.run(remote.classify(request_of("hello")))
    del remote
    gc.collect()
    assert believed.degraded == (() if there else ("remote_unavailable",))
    assert "Unclosed" not in caplog.text


async def test_a_service_that_is_not_there_yet_does_not_keep_the_proxy_from_starting(remote_to, caplog):
    remote = remote_to(f"http://127.0.0.1:{free_port()}")
    await remote.warm_up()
    assert "does not answer" in caplog.text
    assert "until it answers, classifier 'fake' does" in caplog.text


async def test_a_service_that_takes_the_connection_and_says_nothing_does_not_either(remote_to, caplog):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        await remote_to(f"http://127.0.0.1:{mute.getsockname()[1]}", start_within_s=0.05).warm_up()
    assert "it does not answer within 0.05 s; is the service running?; until it answers, classifier 'fake' does" in caplog.text


@pytest.fixture
def certificate(tmp_path):
    """Of 127.0.0.1, signed by itself: a file with certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "service")])
    today = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, today - timedelta(days=1), today + timedelta(days=1))
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = made.add_extension(host, critical=False).sign(key, hashes.SHA256())
    file = tmp_path / "service.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(signed.public_bytes(Encoding.PEM) + secret)
    return file


async def test_a_certificate_that_nobody_trusts_is_called_so(certificate, remote_to, caplog):
    """Not "is the service running?", which it is."""
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(certificate)
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=ours) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await remote_to(url).warm_up()
        assert (
            "its certificate is not trusted, or is another host's; name a file with the certificates to trust under options.ca"
            in caplog.text
        )
        caplog.clear()
        await remote_to(url, trust=ssl.create_default_context(cafile=certificate)).warm_up()
        assert "it does not answer (ServerDisconnectedError)" in caplog.text


async def test_a_service_without_https_is_called_so(serve, remote_to, caplog):
    await remote_to(serve().server.url.replace("http:", "https:")).warm_up()
    assert "it does not answer as https; is it a service that speaks http?" in caplog.text


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        (JSONResponse({"error": "x"}, 404), "it has no such model; name one that it serves under options.model"),
        (JSONResponse({"error": "x"}, 403), "it answered 403; give a token it accepts"),
        (
            Response(status_code=302, headers={"Location": "http://127.0.0.1:9/"}),
            "it answered 302, which points elsewhere",
        ),
        (JSONResponse([]), "its metadata is no JSON object"),
        (Response("<html>"), "its metadata is no JSON;"),
        (Response("[" * 200_000), "its metadata is no JSON;"),
        ({"inputs": [], "outputs": OUTPUTS}, "its inputs must be a text .*, and are: none"),
        ({"inputs": [{"name": "image", "datatype": "FP32", "shape": [-1]}], "outputs": OUTPUTS}, "and are: image FP32"),
        ({"inputs": [{"name": "text"}], "outputs": OUTPUTS}, "an input in its metadata has no name, datatype and shape"),
        ({"inputs": [*TOKENS, {"name": "more", "datatype": "INT64", "shape": [-1]}], "outputs": OUTPUTS}, "and are: input_ids INT64"),
        ({"inputs": TOKENS, "outputs": OUTPUTS}, "it takes token ids; name the checkpoint's tokenizer.json under options.tokenizer"),
        ({"inputs": [TEXT], "outputs": [{"name": n, "datatype": "FP32", "shape": [1]} for n in "ab"]}, "its outputs are: a, b"),
        ({"inputs": [TEXT], "outputs": OUTPUTS, "parameters": {"heads": "{"}}, "the parameter 'heads' of its metadata is no JSON"),
        ({"inputs": [TEXT], "outputs": OUTPUTS, "parameters": {"heads": "{}"}}, "task_type_map must name"),
        ({"inputs": [TEXT], "outputs": OUTPUTS, "parameters": {"heads": "[]"}}, "the map of the heads must be a JSON object"),
    ],
    ids=[
        "404",
        "403",
        "302",
        "list",
        "html",
        "deep",
        "no inputs",
        "image",
        "no shape",
        "one more",
        "ids",
        "two outputs",
        "no JSON",
        "no heads",
        "a list",
    ],
)
async def test_a_service_that_does_not_fit_is_told_at_start_up(serve, remote_to, metadata, sentence):
    with pytest.raises(ClassifierError, match=sentence):
        await remote_to(serve(metadata).server.url).warm_up()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "options.url: field required"),
        ({"url": "localhost:8600"}, "options.url: value error, write http://HOST:PORT"),
        ({"url": "http://"}, "options.url: value error, write http://HOST:PORT"),
        ({"url": "http://::1:8600"}, r"options.url: value error, write .*http://\[::1\]:8600"),
        ({"url": "http://x:99999"}, "options.url: value error, write http://HOST:PORT"),
        ({"url": "http://a b"}, "options.url: value error, write http://HOST:PORT"),
        ({"url": "http://x:8600/v2/"}, "options.url: value error, leave out /v2 at its end, which is added"),
        ({"url": "http://x", "token": "a\nX-Other: b"}, "options.token: has characters that a header cannot hold"),
        ({"url": "http://x", "token": "gehe\u00efm"}, "options.token: has characters that a header cannot hold"),
        ({"url": "http://x", "model": "a/b"}, "options.model: string should match"),
        ({"url": "http://x", "token": "os.environ/NOT_SET_ANYWHERE"}, "the environment variable NOT_SET_ANYWHERE is not set"),
        ({"url": "http://x", "ca": "missing.pem"}, "options.ca: cannot read certificates from .*missing.pem"),
        ({"url": "http://x", "config": "missing.json"}, "options.config: cannot read .*missing.json"),
        ({"url": "http://x", "tokenizer": "missing.json"}, "options.tokenizer: cannot read .*missing.json"),
        ({"url": "http://x", "fallback": "nothing"}, "classifier 'nothing': no such classifier"),
        (
            {"url": "http://x", "fallback": "linear", "fallback_options": {"x": 1}},
            "classifier 'linear': options.x: there is no such option",
        ),
    ],
)
def test_options_that_cannot_be_used_are_told_in_a_sentence(tmp_path, options, sentence):
    with pytest.raises(ClassifierError, match=sentence):
        build("remote", options, Surroundings(folder=tmp_path))


async def test_a_checkpoints_own_files_are_read(serve, tmp_path):
    write_tokenizer(tmp_path / "tokenizer.json")
    config = config_of(NVIDIA)
    config["task_type_map"] = {index: f"task {index}" for index in config["task_type_map"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    service = serve({"inputs": TOKENS, "outputs": OUTPUTS})
    options = {
        "url": service.server.url,
        "model": "m",
        "tokenizer": "tokenizer.json",
        "config": "config.json",
        "most_tokens": 3,
        "timeout_ms": 5000,
        "fallback": "linear",
    }
    remote = build("remote", options, Surroundings(folder=tmp_path))
    believed = await remote.classify(request_of("hello there hello there"))
    await remote._client.close()
    assert service.asked[0]["inputs"][0]["data"][:4] == [5, 6, 5, 0]
    assert believed.task.startswith("task ")


async def test_both_ends_of_a_text_are_read_where_the_model_does_and_its_outcomes_are_named(serve, tmp_path):
    write_tokenizer(tmp_path / "tokenizer.json")
    data = [{"name": "logits", "data": [*LOGITS.tolist(), 0.0]}]
    service = serve({"inputs": TOKENS, "outputs": OUTPUTS}, lambda: JSONResponse({"outputs": data}))
    told = {"tokenizer": "tokenizer.json", "most_tokens": 4, "tail_tokens": 2, "outcomes": ["complexity"]}
    remote = build(
        "remote", {"url": service.server.url, "model": "m", "timeout_ms": 5000, "fallback": "linear", **told}, Surroundings(folder=tmp_path)
    )
    believed = await remote.classify(request_of("there there " + "hello " * 50 + "hello there"))
    await remote._client.close()
    assert service.asked[0]["inputs"][0]["data"][:5] == [6, 6, 5, 6, 0]
    assert (believed.complexity, believed.degraded) == (0.5, ())


def write_tokenizer(path):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({"hello": 5, "there": 6, "[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(path))
