"""The decision record of a real proxy in PostgreSQL: the lines, what becomes of requests while the database is away, and SIGKILL."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from harness.app_process import AppProcess
from harness.configs import cascade_config
from harness.dialects import DIALECTS
from typer.testing import CliRunner

from litellm_cascade.offline.cli import app
from litellm_cascade.testing.upstream import Reply
from postgres_server import PASSWORD, PostgresServer
from waiting import until

KEY = "0123456789abcdef" * 4
PROMPT = "CANARYPROMPT please"


@pytest.fixture(scope="module")
def database():
    server = PostgresServer()
    yield server
    server.close()


def with_record(upstream_url, **record):
    config = cascade_config(upstream_url)
    settings = {"postgres": "os.environ/RECORD_URL", "hmac_key": "os.environ/RECORD_KEY", **record}
    config["callback_settings"]["cascade"]["record"] = settings
    config["litellm_settings"]["callbacks"] = ["litellm_cascade.proxy.hooks.cascade", "prometheus"]
    return config


@pytest.fixture(scope="module")
def recording(start_proxy, upstream_server, database):
    """It keeps its record in the database that its configuration names for LiteLLM."""
    url = database.new_database()
    config = with_record(upstream_server.url, postgres=True)
    config["general_settings"]["database_url"] = "os.environ/LITELLMS_URL"
    proxy = start_proxy(config, env={"LITELLMS_URL": url, "RECORD_KEY": KEY}, kind=AppProcess)
    proxy.database_url = url
    return proxy


@pytest.fixture
def scripted(upstream):
    upstream.script("small", Reply("CANARYANSWER of the small one", logprob=-2.0))
    upstream.script("large", Reply("CANARYANSWER of the large one"))


def rows_of(url, trace_id):
    with psycopg.connect(url) as connection:
        found = connection.execute("select line from litellm_cascade.record where position(%s in line) > 0", [trace_id])
        return [line for (line,) in found]


def metrics_of(client):
    return client.get("/metrics", follow_redirects=True).text


def cascade(url, *arguments):
    result = CliRunner().invoke(app, [*arguments, "--database-env", "RECORD_URL"], env={"RECORD_URL": url, "RECORD_KEY": KEY})
    return result.exit_code, result.output


@pytest.mark.parametrize("stream", [False, True])
def test_each_request_is_a_row_that_its_span_names_and_that_is_decided_again(recording, scripted, collector, trace, stream):
    with recording.client() as client:
        heard = DIALECTS["chat"].ask(client, PROMPT, stream=stream, headers=trace.headers)
    assert (heard.status, heard.cascade("escalated")) == (200, "true")
    route = next(span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route")
    (line,) = until(lambda: rows_of(recording.database_url, trace.trace_id))
    assert f'"hash":"{route.attributes["cascade.record.hash"]}"' in line
    assert "CANARY" not in line
    policy = str(recording.folder / "policies" / "test.yaml")
    code, said = cascade(recording.database_url, "explain", "--record", trace.trace_id, "--policy", policy)
    assert (code, "the decision made again is the recorded one" in said) == (0, True), said
    code, said = cascade(recording.database_url, "audit", "show", "--json", "--request", heard.headers["x-litellm-call-id"])
    assert (code, json.loads(said)) == (0, json.loads(line))


def test_requests_go_on_while_the_database_is_away_and_their_lines_come_later(recording, scripted, database, trace):
    database.stop()
    try:
        with recording.client() as client:
            for _ in range(5):
                assert DIALECTS["chat"].ask(client, PROMPT, headers=trace.headers).status == 200
            until(lambda: "cascade_record_unwritable 1.0" in metrics_of(client))
            assert "cascade_record_write_failures_total 0.0" not in metrics_of(client)
    finally:
        database.start()
    until(lambda: len(rows_of(recording.database_url, trace.trace_id)) == 5)
    code, said = cascade(recording.database_url, "audit", "verify", "--hmac-key-env", "RECORD_KEY")
    assert (code, "no findings" in said) == (0, True), said
    log = recording.log()
    assert "the decision record cannot be written (the database: " in log
    assert "the decision record is written again" in log
    assert PASSWORD not in log
    assert "CANARY" not in log


def test_what_does_not_fit_into_memory_is_counted_and_a_restart_goes_on_there(prepare_proxy, upstream_server, scripted, database):
    url = database.new_database()
    config = with_record(upstream_server.url, queue_records=2)
    proxy = prepare_proxy(config, env={"RECORD_URL": url, "RECORD_KEY": KEY})
    with proxy, proxy.client() as client:
        assert DIALECTS["chat"].ask(client, PROMPT).status == 200
        until(lambda: "cascade_record_written_total 2.0" in metrics_of(client))  # with the first line of the chain
        database.stop()
        try:
            assert {DIALECTS["chat"].ask(client, PROMPT).status for _ in range(5)} == {200}
            until(lambda: 'cascade_record_lost_total{reason="queue_full"} 3.0' in metrics_of(client))
        finally:
            database.start()
        until(lambda: "cascade_record_written_total 4.0" in metrics_of(client))
    with proxy, proxy.client() as client:
        assert DIALECTS["chat"].ask(client, PROMPT).status == 200
    code, said = cascade(url, "audit", "verify", "--hmac-key-env", "RECORD_KEY")
    gap, summary = said.splitlines()
    assert (code, summary) == (0, "2 chains, 2 files, 4 requests: no findings, 3 requests not recorded"), said
    assert "3 requests are not recorded" in gap
    assert gap.endswith("queue_full")


def test_a_proxy_that_is_killed_under_load_leaves_a_record_that_verifies(prepare_proxy, upstream_server, scripted, database):
    url = database.new_database()
    answered = []

    def ask_on(client):
        while True:
            try:
                answered.append(DIALECTS["chat"].ask(client, PROMPT).status)
            except httpx.HTTPError:
                return

    proxy = prepare_proxy(with_record(upstream_server.url), env={"RECORD_URL": url, "RECORD_KEY": KEY})
    with proxy, proxy.client() as client, ThreadPoolExecutor(4) as clients:
        asking = [clients.submit(ask_on, client) for _ in range(4)]
        until(lambda: len(answered) > 40)
        os.killpg(os.getpgid(proxy.pid), signal.SIGKILL)
        for one in asking:
            one.result()
    code, said = cascade(url, "audit", "verify", "--hmac-key-env", "RECORD_KEY")
    note, summary = said.splitlines()
    assert (code, set(answered)) == (0, {200}), said
    assert note.endswith("the chain has no last line: its process still runs, or was ended without time to write one")
    recorded = int(summary.split()[4])
    assert 0 < recorded <= len(answered) + 4
