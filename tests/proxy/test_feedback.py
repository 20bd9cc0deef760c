"""Feedback through a real proxy: with the caller's own key, on its own answers, into record, metrics and traces, without a word of text."""

from uuid import uuid4

import pytest
from harness.configs import cascade_config
from harness.dialects import ALL, DIALECTS
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from litellm_cascade.audit.ledger.reading import feedback_in
from litellm_cascade.offline.cli import app
from litellm_cascade.testing.upstream import Reply
from waiting import until

OWN, OTHER = ({"Authorization": f"Bearer sk-team-7{which}"} for which in ("a", "b"))
PATH = "/cascade/feedback"


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server):
    config = cascade_config(
        upstream_server.url,
        general_settings={"custom_auth": "custom_auth.user_api_key_auth"},
        callback_settings={"cascade": {"debug_headers": True, "record": {"folder": "record", "fsync_ms": 50}}},
    )
    config["litellm_settings"]["callbacks"].append("prometheus")
    config["litellm_settings"]["turn_off_message_logging"] = True
    return start_proxy(config)


@pytest.fixture(autouse=True)
def scripted(upstream):
    upstream.script("small", Reply("CANARYANSWER", logprob=-0.01))


def asked(client, trace, name="chat", **options):
    return DIALECTS[name].ask(client, "CANARYPROMPT please", headers=OWN | trace.headers, **options)


def lines_of(proxy, request_id, count):
    """What was said of a request, as soon as it is written."""

    def lines():
        return [line for line in feedback_in([proxy.folder / "record"]) if line["feedback"]["answer"]["request_id"] == request_id]

    return until(lines, lambda found: len(found) >= count, told=lambda: proxy.log()[-3000:])


def counted(client, outcome):
    text = client.get("/metrics/", follow_redirects=True).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    wanted = {"policy": "test", "alias": "small", "outcome": outcome}
    return sum(sample.value for sample in samples if sample.name == "cascade_feedback_total" and sample.labels == wanted)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_every_answer_can_be_rated_by_its_id_as_soon_as_it_is_there(client, proxy, collector, trace, name, stream):
    heard = asked(client, trace, name, stream=stream)
    call = heard.headers["x-litellm-call-id"]
    told = client.post(PATH, headers=OWN, json={"request_id": call, "rating": 1})
    assert (told.status_code, told.json()) == (200, {"request_id": call, "outcome": "up", "recorded": True})
    (line,) = lines_of(proxy, call, 1)
    answer = line["feedback"]["answer"]
    assert (answer["alias"], answer["band"], answer["score_name"], answer["of_beginning"]) == ("small", "cascade", "mean", stream)
    assert answer["score"] == pytest.approx(-0.01)
    (route,) = [span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route"]
    span = collector.wait_for(lambda span: span.name == "cascade.feedback" and span.attributes["cascade.request_id"] == call)
    assert [(link.trace_id, link.span_id) for link in span.links] == [(route.trace_id, route.span_id)]
    assert span.trace_id != route.trace_id
    assert span.attributes["cascade.record.hash"] == line["hash"]


def test_a_trace_names_an_answer_too_and_the_newest_word_counts(client, proxy, trace):
    heard = asked(client, trace)
    before = {outcome: counted(client, outcome) for outcome in ("right", "wrong")}
    for outcome in before:
        told = client.post(PATH, headers=OWN, json={"trace_id": heard.cascade("trace-id"), "outcome": outcome, "label": "tables"})
        assert told.status_code == 200
    assert {outcome: counted(client, outcome) for outcome in before} == {outcome: count + 1 for outcome, count in before.items()}
    call = heard.headers["x-litellm-call-id"]
    assert [line["feedback"]["outcome"] for line in lines_of(proxy, call, 2)] == ["right", "wrong"]
    shown = CliRunner().invoke(app, ["audit", "show", str(proxy.folder / "record"), "--request", call]).stdout
    assert "wrong" in shown
    assert "right" not in shown


@pytest.mark.parametrize("other", [OTHER, {}], ids=["another key", "the master key"])
def test_the_answers_of_others_are_as_unknown_as_none(client, trace, other):
    call = asked(client, trace).headers["x-litellm-call-id"]
    theirs = client.post(PATH, headers=other, json={"request_id": call, "rating": -1})
    nobodys = client.post(PATH, headers=OWN, json={"request_id": "of nobody", "rating": -1})
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() == nobodys.json()


@pytest.mark.parametrize("key", ["Bearer sk-nobody", ""])
def test_without_a_key_that_litellm_knows_there_is_no_feedback(client, trace, key):
    call = asked(client, trace).headers["x-litellm-call-id"]
    assert client.post(PATH, headers={"Authorization": key}, json={"request_id": call, "rating": -1}).status_code == 401


def test_what_cannot_be_understood_is_refused_without_being_repeated(client, proxy):
    told = client.post(PATH, headers=OWN, json={"request_id": "r", "rating": 1, "comment": "CANARYCOMMENT"})
    assert (told.status_code, "CANARY" in told.text) == (400, False)
    assert client.post(PATH, headers=OWN, content=b"{CANARYCOMMENT").status_code == 400
    assert "CANARY" not in proxy.log()


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_failed_cannot_be_rated(client, upstream, trace, stream):
    for alias in ("small", "large"):
        upstream.script(alias, Reply(status=500, error="out of memory"))
    call = str(uuid4())
    heard = DIALECTS["chat"].ask(client, "hello", stream=stream, headers=OWN | trace.headers | {"x-litellm-call-id": call})
    assert heard.status >= 500 or "error" in heard.raw
    assert client.post(PATH, headers=OWN, json={"request_id": call, "rating": -1}).status_code == 404


def test_a_client_may_choose_the_id(client, trace):
    call = str(uuid4())
    DIALECTS["chat"].ask(client, "hello", headers=OWN | trace.headers | {"x-litellm-call-id": call})
    assert client.post(PATH, headers=OWN, json={"request_id": call, "rating": 1}).status_code == 200


def test_the_record_verifies_and_holds_no_word(client, proxy, trace):
    call = asked(client, trace).headers["x-litellm-call-id"]
    assert client.post(PATH, headers=OWN, json={"request_id": call, "outcome": "right"}).status_code == 200
    lines_of(proxy, call, 1)
    verified = CliRunner().invoke(app, ["audit", "verify", str(proxy.folder / "record")])
    assert (verified.exit_code, "of feedback: no findings" in verified.stdout) == (0, True), verified.output
    assert b"CANARY" not in b"".join(file.read_bytes() for file in (proxy.folder / "record").iterdir())


def test_another_proxy_with_the_same_redis_takes_feedback_too(start_proxy, upstream_server, redis, trace):
    config = cascade_config(upstream_server.url)
    env = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port)}
    first, second = (start_proxy(config, env=env) for _ in range(2))
    with first.client() as here, second.client() as there:
        call = DIALECTS["chat"].ask(here, "hello", headers=trace.headers).headers["x-litellm-call-id"]
        told = until(lambda: there.post(PATH, json={"request_id": call, "outcome": "right"}), lambda told: told.status_code != 404)
        assert (told.status_code, told.json()["recorded"]) == (200, False)
