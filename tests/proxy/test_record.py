"""The decision record of a real proxy: one line for each request of each kind, tied to its trace, and no word of what was said."""

import json
import re
import sys
from contextlib import ExitStack

import pytest
from harness.configs import BESIDE, cascade_config
from harness.dialects import DIALECTS
from harness.workers import at_once
from typer.testing import CliRunner

from litellm_cascade.audit.ledger.reading import requests_in
from litellm_cascade.offline.cli import app
from litellm_cascade.testing.telemetry import TraceParent
from litellm_cascade.testing.upstream import Reply
from waiting import until

KEY = "0123456789abcdef" * 4
SQL = "```sql\nSELECT CANARYPROMPT FROM t\n```"
KINDS = {"cascade": "CANARYPROMPT please", "sent": SQL}
EVERY = [(name, stream, kind) for name in DIALECTS for stream in (False, True) for kind in KINDS]


def with_record(upstream_url, **record):
    config = cascade_config(upstream_url)
    config["callback_settings"]["cascade"]["record"] = {"folder": "record", "fsync_ms": 50, **record}
    config["litellm_settings"]["callbacks"] = ["otel", "litellm_cascade.proxy.hooks.cascade", "prometheus"]
    config["litellm_settings"]["turn_off_message_logging"] = True  # LiteLLM's own spans and logs are not what is tested here
    return config


@pytest.fixture(scope="module")
def recording(start_proxy, upstream_server):
    return start_proxy(with_record(upstream_server.url, hmac_key="os.environ/RECORD_KEY"), env={"RECORD_KEY": KEY})


@pytest.fixture(scope="module")
def keeping(start_proxy, upstream_server, tmp_path_factory):
    """Its policy keeps prompts and answers."""
    folder = tmp_path_factory.mktemp("kept") / "keeping"
    folder.mkdir()
    config = with_record(upstream_server.url)
    config["callback_settings"]["cascade"]["policies"] = "keeping"
    config["litellm_settings"].pop("turn_off_message_logging")
    config["litellm_settings"]["callbacks"].remove("otel")  # LiteLLM's spans hold what is said; ours go out alone
    shipped = next(path for path in BESIDE if path.name == "policies")
    (folder / "test.yaml").write_text((shipped / "test.yaml").read_text() + "privacy: {record_prompts: always}\n")
    proxy = start_proxy(config, files=[folder])
    proxy.said_at_start = proxy.log()
    return proxy


@pytest.fixture
def scripted(upstream):
    upstream.script("small", Reply("CANARYANSWER of the small one", logprob=-2.0))
    upstream.script("large", Reply("CANARYANSWER of the large one"))
    upstream.script("sql", Reply("CANARYANSWER of the specialist"))


def record_of(proxy, trace_id):
    """The one line of a trace, as soon as it is written."""

    def lines():
        return [line for line in requests_in([proxy.folder / "record"]) if line["record"]["trace_id"] == trace_id]

    (line,) = until(lines, told=lambda: f"no record of {trace_id}:\n{proxy.log()[-3000:]}")
    return line


def record_bytes(proxy):
    return b"".join(file.read_bytes() for file in (proxy.folder / "record").iterdir())


@pytest.mark.parametrize(("name", "stream", "kind"), EVERY)
def test_each_request_has_one_line_that_its_span_names(recording, scripted, collector, trace, name, stream, kind):
    with recording.client() as client:
        assert DIALECTS[name].ask(client, KINDS[kind], stream=stream, headers=trace.headers).status == 200
    route = next(span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route")
    line = record_of(recording, trace.trace_id)
    assert (route.attributes["cascade.record.hash"], route.attributes["cascade.record.previous_hash"]) == (line["hash"], line["previous"])
    assert route.attributes["cascade.input_hash"] == line["record"]["basis"]["input_hash"]
    assert route.attributes["cascade.cost.price_table"] == line["record"]["basis"]["price_table"]
    outcome = line["record"]["outcome"]
    assert [attempt["alias"] for attempt in outcome["attempts"]] == (["small", "large"] if kind == "cascade" else ["sql"])
    assert outcome["alias"] == route.attributes["cascade.final_alias"]
    first_ms = outcome["first_token_ms"]
    assert (first_ms is None) is not stream, "of a stream it is known, whoever answers"
    assert first_ms is None or 0 <= first_ms <= line["record"]["took_ms"]
    costs = line["record"]["costs"]
    if (name, stream, kind) == ("completions", True, "sent") and costs["all_large_usd"] is None:
        # LiteLLM 1.106 reports no tokens of these and a cost of 0; 1.109 reports both.
        assert costs == {"actual_usd": 0.0, "classifier_usd": 0.0, "all_small_usd": None, "all_large_usd": None}
    else:
        assert costs["actual_usd"] > 0
        assert costs["all_large_usd"] > costs["all_small_usd"] > 0
    assert "texts" not in line


def test_an_error_has_its_line_too(recording, upstream, trace):
    upstream.script("sql", Reply(status=500, error="out of memory"))
    with recording.client() as client:
        assert DIALECTS["chat"].ask(client, SQL, headers=trace.headers).status == 500
    line = record_of(recording, trace.trace_id)
    assert (line["record"]["outcome"]["alias"], line["record"]["outcome"]["reason"]) == (None, "error")


def test_the_record_of_a_running_proxy_verifies_explains_and_holds_no_word(recording, scripted, trace):
    with recording.client() as client:
        DIALECTS["chat"].ask(client, KINDS["cascade"], headers=trace.headers)
        record_of(recording, trace.trace_id)
        metrics = client.get("/metrics", follow_redirects=True).text
    folder, policies = str(recording.folder / "record"), recording.folder / "policies" / "test.yaml"
    verified = CliRunner().invoke(app, ["audit", "verify", folder, "--hmac-key-env", "RECORD_KEY"], env={"RECORD_KEY": KEY})
    assert (verified.exit_code, "no findings" in verified.stdout) == (0, True), verified.output
    explained = CliRunner().invoke(app, ["explain", "--record", trace.trace_id, "--records", folder, "--policy", str(policies)])
    assert explained.exit_code == 0, explained.output
    assert b"CANARY" not in record_bytes(recording)
    assert KEY.encode() not in record_bytes(recording)
    assert "CANARY" not in recording.log()
    assert "cascade_record_written_total" in metrics
    assert re.findall(r"cascade_record_lost_total\{.*\} (.*)", metrics) == ["0.0"] * 3


@pytest.mark.parametrize(("name", "stream", "kind"), EVERY)
def test_where_the_policy_asks_for_it_texts_are_in_the_record_and_nowhere_else(keeping, scripted, collector, trace, name, stream, kind):
    with keeping.client() as client:
        assert DIALECTS[name].ask(client, KINDS[kind], stream=stream, headers=trace.headers).status == 200
    line = record_of(keeping, trace.trace_id)
    texts = line.pop("texts")
    assert [turn["text"] for turn in texts["turns"]] == [KINDS[kind]]
    small_large = {"0": "CANARYANSWER of the small one", "1": "CANARYANSWER of the large one"}
    assert {rung: said[:25] for rung, said in texts["answers"].items()} == (
        {rung: said[:25] for rung, said in small_large.items()} if kind == "cascade" else {"0": "CANARYANSWER of the specialist"[:25]}
    )
    assert "CANARY" not in json.dumps(line)
    assert "CANARY" not in str(collector.wait_for_trace(trace.trace_id, "cascade.route"))


def test_and_nothing_else_of_the_process_holds_them(keeping, scripted, collector, trace):
    with keeping.client() as client:
        DIALECTS["chat"].ask(client, KINDS["cascade"], headers=trace.headers)
        record_of(keeping, trace.trace_id)
        assert "CANARY" not in client.get("/metrics", follow_redirects=True).text
    log = keeping.log()
    assert "CANARY" not in log
    announced = "cascade: PRIVACY: the policy 'test' has prompts and answers of all requests written into the decision record"
    assert keeping.said_at_start.count(announced) == log.count(announced) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only there can another process be given a limit")
def test_requests_go_on_while_the_disk_is_full_and_their_lines_come_later(recording, scripted, trace):
    resource = pytest.importorskip("resource")
    with recording.client() as client:
        first = TraceParent()
        DIALECTS["chat"].ask(client, KINDS["cascade"], headers=first.headers)
        record_of(recording, first.trace_id)
        (file,) = (recording.folder / "record").glob("*.jsonl")
        before = resource.prlimit(recording.pid, resource.RLIMIT_FSIZE, (file.stat().st_size + 100, resource.RLIM_INFINITY))
        try:
            asked = [DIALECTS["chat"].ask(client, KINDS["cascade"], headers=trace.headers).status for _ in range(3)]
            until_it_reads(client, "cascade_record_unwritable 1.0")
        finally:
            resource.prlimit(recording.pid, resource.RLIMIT_FSIZE, before)
        until_it_reads(client, "cascade_record_unwritable 0.0")
        assert "cascade_record_write_failures_total 0.0" not in client.get("/metrics", follow_redirects=True).text
    assert asked == [200] * 3
    lines = [line for line in requests_in([recording.folder / "record"]) if line["record"]["trace_id"] == trace.trace_id]
    assert len(lines) == 3


def until_it_reads(client, sample):
    until(lambda: sample in client.get("/metrics", follow_redirects=True).text, told=lambda: sample)


def test_a_folder_that_cannot_be_written_stops_the_proxy(prepare_proxy, upstream_server, tmp_path):
    (tmp_path / "record").write_text("a file")
    config = cascade_config(upstream_server.url)
    config["callback_settings"]["cascade"]["record"] = {"folder": "record"}
    code, log = prepare_proxy(config, files=[tmp_path / "record"]).expect_exit()
    assert code != 0
    assert "cascade: callback_settings.cascade.record.folder: " in log
    assert "cannot be written (File exists)" in log


def test_a_proxy_that_is_stopped_closes_its_record_and_sends_its_spans(prepare_proxy, upstream_server, scripted, collector):
    proxy = prepare_proxy(with_record(upstream_server.url, fsync_ms="never"), env={"OTEL_BSP_SCHEDULE_DELAY": "60000"})
    with proxy, proxy.client() as client:
        for _ in range(10):
            assert DIALECTS["chat"].ask(client, KINDS["cascade"]).status == 200
        assert [span for span in collector.spans if span.name == "cascade.route"] == []
    verified = CliRunner().invoke(app, ["audit", "verify", str(proxy.folder / "record")])
    assert (verified.exit_code, verified.output) == (0, "1 chain, 1 file, 10 requests: no findings\n")
    assert len([span for span in collector.spans if span.name == "cascade.route"]) == 10


def test_each_worker_writes_a_chain_of_its_own_whatever_becomes_of_the_spans(prepare_proxy, upstream_server, scripted, collector):
    arguments = ["--num_workers", "2", "--run_gunicorn"]
    env = {"OTEL_TRACES_SAMPLER": "always_off"}
    proxy = prepare_proxy(with_record(upstream_server.url), env=env, arguments=arguments, ready_within_s=120.0)
    asked = 0
    with proxy, ExitStack() as connections:

        def both_answered():
            nonlocal asked
            answers = at_once(proxy, lambda client: DIALECTS["chat"].ask(client, KINDS["cascade"]), connections)
            assert {answer.status for answer in answers} == {200}
            asked += len(answers)
            return len(list((proxy.folder / "record").glob("*.jsonl"))) >= 2

        until(both_answered, within_s=60.0)
    verified = CliRunner().invoke(app, ["audit", "verify", str(proxy.folder / "record")])
    assert (verified.exit_code, verified.output) == (0, f"2 chains, 2 files, {asked} requests: no findings\n")
    assert [span for span in collector.spans if span.name == "cascade.route"] == []
