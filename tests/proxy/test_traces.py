"""Our spans as a collector gets them: beside LiteLLM's first and second telemetry and without either, over HTTP and over gRPC."""

import time
from contextlib import ExitStack, suppress

import httpx
import pytest
from harness.configs import shapes_config
from harness.dialects import DIALECTS
from harness.looking import attempts
from harness.workers import at_once

from litellm_cascade.audit.ledger.reading import requests_in
from litellm_cascade.testing.upstream import Reply
from waiting import until

CHAT = "/v1/chat/completions"
SURE, UNSURE = -0.01, -2.0
OURS = ("cascade.route", "cascade.classify", "cascade.attempt small", "cascade.attempt large")
ABOVE = {
    "otel": ["Received Proxy Server Request"],
    "otel-v2": ["fastapi.endpoint", "POST /v1/chat/completions"],
    "alone": [],
    "alone-grpc": [],
}
"""What LiteLLM has between our route span and the client's, from below."""
CLIENT_LEAVES_AFTER_S = 1.0


@pytest.fixture(scope="module")
def proxies(start_proxy, upstream_server, collector_server):
    """A proxy for each kind of telemetry, started when it is first asked for."""
    grpc = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": collector_server.grpc_endpoint}
    env = {"otel": {}, "otel-v2": {"LITELLM_OTEL_V2": "true"}, "alone": {}, "alone-grpc": grpc | {"OTEL_SERVICE_NAME": "front door"}}
    running = {}

    def started(telemetry):
        if telemetry not in running:
            config = shapes_config(upstream_server.url)
            config["callback_settings"]["cascade"]["record"] = {"folder": "record", "fsync_ms": 50}
            config["litellm_settings"]["callbacks"].append("prometheus")
            if telemetry.startswith("alone"):
                config["litellm_settings"]["callbacks"].remove("otel")
            running[telemetry] = start_proxy(config, env=env[telemetry])
            with running[telemetry].client() as client:
                DIALECTS["chat"].ask(client, "hello")  # the first request is slow, and times are looked at here
        return running[telemetry]

    return started


@pytest.fixture(params=ABOVE)
def telemetry(request):
    return request.param


@pytest.fixture
def proxy(proxies, telemetry):
    return proxies(telemetry)


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def stream(request):
    return request.param


def ancestors(collector, span):
    """From its parent upwards."""
    while (span := collector.parent(span)) is not None:
        yield span


def test_an_escalated_request_as_its_collector_has_it(proxy, telemetry, upstream, collector, trace, client, stream):
    upstream.script("small", Reply("not quite sure about that one", logprob=UNSURE))
    assert DIALECTS["chat"].ask(client, "hello", stream=stream, headers=trace.headers).status == 200
    spans = collector.wait_for_trace(trace.trace_id, *OURS, *ABOVE[telemetry])
    route, classify, small, large = (next(span for span in spans if span.name == name) for name in OURS)

    above = list(ancestors(collector, route))
    assert [span.name for span in above] == ABOVE[telemetry]
    assert (above[-1] if above else route).parent_id == trace.span_id
    assert all(span.end_ns >= route.start_ns for span in above[:1]), "it lasts when the request gets there"
    assert collector.children(route) == [classify, small, large]
    assert [(span.kind, span.status, span.scope) for span in (route, classify, small, large)] == [
        ("INTERNAL", "UNSET", "litellm_cascade"),
        ("INTERNAL", "UNSET", "litellm_cascade"),
        ("CLIENT", "UNSET", "litellm_cascade"),
        ("CLIENT", "UNSET", "litellm_cascade"),
    ]
    assert {span.resource["service.name"] for span in (route, small)} == {"front door" if telemetry == "alone-grpc" else "litellm"}
    assert [(link.trace_id, link.span_id) for link in large.links] == [(trace.trace_id, small.span_id)]
    assert [span.links for span in (route, classify, small)] == [(), (), ()]
    assert route.start_ns <= classify.start_ns <= small.start_ns <= small.end_ns <= large.end_ns <= route.end_ns

    searched = {"cascade.band": "cascade", "cascade.reason": "low_confidence", "cascade.verdict": "accept", "cascade.escalated": True}
    assert {name: route.attributes[name] for name in searched} == searched
    told = {"cascade.confidence.score": UNSURE, "cascade.confidence.band": "low", "cascade.confidence.score_name": "mean"}
    assert {name: route.attributes[name] for name in told} == told
    actual, least, most = (route.attributes[f"cascade.cost.{which}_usd"] for which in ("actual", "all_small", "all_large"))
    assert actual == pytest.approx(small.attributes["cascade.cost_usd"] + large.attributes["cascade.cost_usd"])
    assert 0 < least < most < actual
    assert route.attributes["cascade.discarded_tokens"] == small.attributes["gen_ai.usage.output_tokens"]
    searched = {"cascade.decision": "escalate", "cascade.reason": "low_confidence", "cascade.confidence.band": "low"}
    assert {name: small.attributes[name] for name in searched} == searched
    assert (large.attributes["cascade.decision"], large.attributes["cascade.reason"]) == ("accept", "last_rung")
    assert small.attributes["gen_ai.provider.name"] == "hosted_vllm"
    assert small.attributes.get("gen_ai.response.model") == (None if stream else "small")
    (evaluation,) = small.events
    assert (evaluation.name, evaluation.at_ns, large.events) == ("gen_ai.evaluation.result", small.end_ns, ())
    assert dict(evaluation.attributes) == {
        "gen_ai.evaluation.name": "mean",
        "gen_ai.evaluation.score.value": UNSURE,
        "gen_ai.evaluation.score.label": "low",
    }


@pytest.mark.parametrize("telemetry", ["alone", "alone-grpc"], indirect=True)
def test_an_error_is_an_error_and_names_its_kind_alone(client, upstream, collector, trace):
    for alias in ("small", "large"):
        upstream.script(alias, Reply(status=500, error="OVERHEARD"))
    assert DIALECTS["chat"].ask(client, "hello", headers=trace.headers).status == 500
    route, tried = attempts(collector, trace)
    assert (route.status, route.status_message) == ("ERROR", "error")
    assert {(span.status, span.status_message) for span in tried.values()} == {("ERROR", "InternalServerError")}
    assert b"OVERHEARD" not in collector.wire


def test_the_spans_of_a_stream_end_with_it(client, upstream, collector, trace):
    upstream.script("small", Reply("a b c d e f g h i j", logprob=SURE, per_token_delay_s=0.1))
    with client.stream("POST", CHAT, json=body(stream=True), headers=trace.headers) as response:
        chunks = response.iter_raw()
        next(chunks)
        first_ns = time.time_ns()
        assert b"[DONE]" in b"".join(chunks)
    route, tried = attempts(collector, trace)
    assert route.end_ns >= tried["small"].end_ns > first_ns + 100e6, "more than half of the answer came after the first that was shown"


def test_a_client_that_leaves_ends_them(client, upstream, collector, trace):
    upstream.script("small", Reply("a b c d e f g h", logprob=SURE, hang_after=6))
    with (
        suppress(httpx.TimeoutException),
        client.stream(
            "POST", "/v1/chat/completions", json=body(stream=True), headers=trace.headers, timeout=CLIENT_LEAVES_AFTER_S
        ) as heard,
    ):
        for _ in heard.iter_raw():
            heard_ns = time.time_ns()
    route, tried = attempts(collector, trace)
    assert heard_ns < tried["small"].end_ns <= route.end_ns
    assert tried["small"].end_ns - heard_ns >= CLIENT_LEAVES_AFTER_S * 0.9e9, "while it listened, it might have gone on"
    assert (route.attributes["cascade.reason"], tried["small"].attributes["cascade.served"]) == ("client_gone", True)


def test_an_attempt_ends_when_it_is_given_up(client, upstream, collector, trace):
    upstream.script("small", Reply("a b c d e f g h", logprob=UNSURE, hang_after=5))
    upstream.script("large", Reply("p q r s t u v w", per_token_delay_s=0.1))
    assert DIALECTS["chat"].ask(client, "hello", stream=True, headers=trace.headers).status == 200
    _, tried = attempts(collector, trace)
    assert tried["small"].end_ns < tried["large"].end_ns - 0.2e9, "as soon as the large one spoke, not when it had finished"


def test_a_hedge_that_was_not_needed_ends_before_the_answer_does(client, upstream, collector, trace):
    upstream.script("small", Reply("a b c d e f g h i j", logprob=SURE, per_token_delay_s=0.1))
    upstream.script("large", Reply("x y z", hang=True))
    assert DIALECTS["chat"].ask(client, "hello", model="hedged", stream=True, headers=trace.headers).status == 200
    _, tried = attempts(collector, trace)
    assert tried["large"].end_ns < tried["small"].end_ns
    assert (tried["large"].attributes["cascade.spare"], tried["large"].links, tried["large"].status) == (True, (), "UNSET")


@pytest.mark.parametrize("telemetry", ["alone"], indirect=True)
@pytest.mark.parametrize("model", ["auto", "hedged", "drafted", "voted", "judged"])
def test_no_byte_that_we_write_is_of_the_conversation(proxy, client, upstream, collector, trace, model, stream):
    upstream.script("small", Reply("CANARYANSWER and some more words", logprob=UNSURE))
    upstream.script("sql", Reply(status=500, error="out of memory"))
    upstream.script("large", Reply("CANARYANSWER again"))
    heard = DIALECTS["chat"].ask(client, "CANARYPROMPT please", model=model, stream=stream, headers=trace.headers)
    assert (heard.status, "CANARYANSWER" in heard.raw) == (200, True)
    DIALECTS["chat"].ask(client, "```sql\nSELECT CANARYPROMPT FROM t\n```", model=model, stream=stream, headers=trace.headers)
    collector.wait_until(lambda spans: sum(span.name == "cascade.route" and span.trace_id == trace.trace_id for span in spans) == 2)
    until(lambda: len(recorded(proxy, trace.trace_id)) == 2)
    written = {file.name: file.read_bytes() for file in (proxy.folder / "record").glob("*.jsonl")}
    written |= {"log": proxy.log().encode(), "metrics": client.get("/metrics", follow_redirects=True).content, "spans": collector.wire}
    assert [name for name, said in written.items() if b"CANARY" in said] == []
    assert b"cascade_requests_total" in written["metrics"]
    assert trace.trace_id.encode() in b"".join(written.values())
    assert bytes.fromhex(trace.trace_id) in written["spans"]


@pytest.mark.parametrize("starts", [("--timeout_worker_healthcheck", "90"), ("--run_gunicorn",)], ids=["spawned", "forked"])
def test_each_worker_exports_by_itself(prepare_proxy, upstream_server, upstream, collector, starts):
    """A record's chain belongs to one of them."""
    config = shapes_config(upstream_server.url)
    config["litellm_settings"]["callbacks"].remove("otel")
    config["callback_settings"]["cascade"]["record"] = {"folder": "record", "fsync_ms": 50}
    proxy = prepare_proxy(config, arguments=["--num_workers", "2", *starts], ready_within_s=120.0)
    with proxy, ExitStack() as connections:
        asked = 0

        def both_answered():
            nonlocal asked
            answers = at_once(proxy, lambda client: DIALECTS["chat"].ask(client, "hello"), connections)
            asked += sum(answer.status == 200 for answer in answers)
            return len(list((proxy.folder / "record").glob("*.jsonl"))) == 2

        until(both_answered, within_s=60.0)
        until(lambda: len(lines(proxy)) == asked)
        hashes = {line["hash"] for line in lines(proxy)}
        routes = collector.wait_until(
            lambda spans: {span.attributes["cascade.record.hash"] for span in spans if span.name == "cascade.route"} >= hashes
        )
    assert asked == len(hashes) <= len(routes)


def body(**more):
    return DIALECTS["chat"].body("hello", **more)


def lines(proxy):
    return list(requests_in([proxy.folder / "record"]))


def recorded(proxy, trace_id):
    return [line for line in lines(proxy) if line["record"]["trace_id"] == trace_id]
