"""`cascade replay`."""

import hashlib
import json
import tracemalloc
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.rated import newest_feedback
from litellm_cascade.offline.traffic.deciding import Decider
from litellm_cascade.offline.traffic.items import Item, items_of
from litellm_cascade.offline.traffic.planning import plan
from litellm_cascade.offline.traffic.reading import Reading
from litellm_cascade.offline.traffic.replaying import replay
from litellm_cascade.offline.traffic.resuming import Progress
from litellm_cascade.offline.traffic.rows import Rows
from litellm_cascade.signals import read_signals
from litellm_cascade.vocabulary import (
    Answered,
    Band,
    Caller,
    Classification,
    Endpoint,
    Envelope,
    Evidence,
    Feedback,
    Opinion,
    Signals,
    Usage,
)
from traffic_records import CASCADE, LARGE, SMALL, recorded, request_row, spend_row, write_lines, write_record

SCORES = (-0.1, -0.6, -0.3, -2.0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, policy in (("desk", CASCADE), ("large", LARGE), ("small", SMALL)):
        (tmp_path / f"{name}.yaml").write_text(policy)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def replayed(traces, policy="desk.yaml", *options):
    result = run("replay", "--traces", traces, "--policy", policy, "--json", "out.json", "--classifier", "none", *options)
    assert result.exit_code == 0, result.output
    with open("out.json", encoding="utf-8") as file:  # noqa: PTH123 - the name that was given
        return json.load(file)


def perceive(request):
    """What a policy sees of a request without a classifier."""
    return Evidence(envelope=request.envelope, caller=request.caller, signals=read_signals(request))


# --- laws --------------------------------------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(scores=st.lists(st.floats(-5, 0), min_size=1, max_size=12))
def test_a_replay_of_its_own_records_agrees_with_them(folder, scores):
    decider = Decider(folder / "desk.yaml")
    records = [recorded(folder / "desk.yaml", number, score) for number, score in enumerate(scores)]
    done = replay((Item(evidence=record.plan.evidence, record=record) for record in records), decider)
    assert done.recorded == {"decided the same": len(scores)}
    assert set(done.gate) <= {"accept, accepted then", "escalate, escalated then"}


@settings(max_examples=25)
@given(
    rows=st.lists(st.dictionaries(st.text(max_size=3), st.text() | st.integers() | st.lists(st.text())), max_size=20),
    indent=st.none() | st.just(1),
)
def test_an_array_holds_what_lines_hold(tmp_path_factory, rows, indent):
    folder = tmp_path_factory.mktemp("rows")
    (folder / "array.json").write_text(json.dumps([{"a": 1}, *rows], indent=indent, ensure_ascii=False), encoding="utf-8", errors="replace")
    found = [row.content for row in Rows(folder / "array.json")]
    expected = json.loads((folder / "array.json").read_text(encoding="utf-8"))
    write_lines(folder / "lines.jsonl", expected)
    assert found == expected == [row.content for row in Rows(folder / "lines.jsonl")]


# --- the three forms ---------------------------------------------------------------------------------------------------------------


def test_a_decision_record_is_replayed_from_its_evidence(folder):
    write_record(folder / "record", [recorded(folder / "desk.yaml", number, SCORES[number % 4]) for number in range(20)])
    found = replayed("record")
    assert found["requests"] == 20
    assert found["bands"] == {"cascade": 16, "large": 4}
    assert found["aliases"] == {"small": 16, "large": 4}
    assert found["routes"] == {"rest": 16, "long": 4}
    assert found["recorded"] == {"decided the same": 20}
    assert sum(found["gate"].values()) == 16
    assert found["command"] == "cascade replay --traces record --policy desk.yaml --classifier none"
    assert found["data"].startswith("sha256:")


def test_costs_count_the_recorded_tokens_and_the_measured_escalations(folder):
    write_record(folder / "record", [recorded(folder / "desk.yaml", number, score) for number, score in ((1, -0.1), (2, -0.6))])
    found = replayed("record")
    small, large = 120e-6, 1200e-6  # 100 tokens in, 10 out
    against = found["cost_against_all_large"]
    assert against["policy_usd"] == pytest.approx(2 * small + large)
    assert against["other_usd"] == pytest.approx(2 * large)
    assert found["cost_against_recorded"]["other_usd"] == pytest.approx(0.002)


def test_a_stricter_gate_says_what_it_would_escalate(folder):
    write_record(folder / "record", [recorded(folder / "desk.yaml", number, score) for number, score in ((1, -0.1), (2, -0.3), (3, -0.6))])
    (folder / "strict.yaml").write_text(CASCADE.replace("-0.5", "-0.2"))
    assert replayed("record", "strict.yaml")["gate"] == {
        "accept, accepted then": 1,
        "escalate, accepted then": 1,
        "escalate, escalated then": 1,
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("score: mean", "score: min"), "the recorded answer was scored otherwise"),
        (("[small, large]", "[middle, large]"), "no answer of the rung was recorded"),
    ],
)
def test_a_score_that_was_never_measured_is_not_made_up(folder, change, why):
    write_record(folder / "record", [recorded(folder / "desk.yaml", 1, -0.1)])
    middle = "  middle: {tier: standard, quality: {general: 0.8}}\nroutes:"
    (folder / "new.yaml").write_text(CASCADE.replace("routes:", middle).replace(*change))
    found = replayed("record", "new.yaml")
    assert found["gate"] == {"not measured": 1}
    assert found["unmeasured"] == {why: 1}


def test_what_was_recorded_of_a_stream_is_no_score_of_a_whole_answer(folder):
    one = recorded(folder / "desk.yaml", 1, -0.1)
    envelope = replace(one.plan.evidence.envelope, stream=True)
    one = replace(one, plan=replace(one.plan, evidence=replace(one.plan.evidence, envelope=envelope)))
    write_record(folder / "record", [one])
    (folder / "full.yaml").write_text(CASCADE.replace("accept_at: -0.5", "accept_at: -0.5, stream: {judge: full}"))
    (folder / "off.yaml").write_text(CASCADE.replace("accept_at: -0.5", "accept_at: -0.5, stream: {judge: 'off'}"))
    assert replayed("record")["gate"] == {"accept, accepted then": 1}
    assert replayed("record", "full.yaml")["unmeasured"] == {"the recorded answer was scored otherwise": 1}
    assert replayed("record", "off.yaml")["gate"] == {"accept, accepted then": 1}


def test_a_rung_that_the_caller_may_not_call_stays_out_under_another_policy(folder):
    one = recorded(folder / "desk.yaml", 1, -0.1)
    refused = replace(one.plan.decision, reasons=(*one.plan.decision.reasons, "no_access:small"), digest="sha256:other")
    write_record(folder / "record", [replace(one, plan=replace(one.plan, decision=refused))])
    assert replayed("record")["aliases"] == {"large": 1}


def test_requests_go_through_signals_and_the_classifier(folder):
    write_lines(folder / "requests.jsonl", [request_row(number) for number in range(4)])
    result = run("replay", "--traces", "requests.jsonl", "--policy", "desk.yaml")
    assert result.exit_code == 0, result.output
    assert "4 requests" in result.stdout
    assert "spiders" not in result.output
    (item,) = items_of(list(Rows(folder / "requests.jsonl"))[:1], perceive)
    assert item.evidence.signals.input_tokens > 0
    assert item.team == "red"


def test_lines_of_a_batch_are_requests(folder):
    write_lines(folder / "batch.jsonl", [{"custom_id": "a", "body": request_row()}])
    assert replayed("batch.jsonl")["requests"] == 1


def test_spend_logs_without_text_are_decided_from_their_tokens(folder):
    (folder / "spend.json").write_text(json.dumps([spend_row(1), spend_row(2, prompt_tokens=5000), spend_row(3, call_type="aembedding")]))
    found = replayed("spend.json")
    assert (found["requests"], found["without_text"]) == (2, 2)
    assert found["routes"] == {"rest": 1, "long": 1}
    assert found["cost_against_recorded"]["other_usd"] == pytest.approx(0.02)


def test_spend_logs_are_read_where_their_text_is_stored(folder):
    sent = json.dumps({"messages": [{"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "What is it?"}]}]})
    write_lines(folder / "spend.jsonl", [spend_row(proxy_server_request=sent)])
    (item,) = items_of(Rows(folder / "spend.jsonl"), perceive)
    assert item.is_read
    assert item.evidence.signals.modalities == ("text", "image")
    assert item.evidence.signals.input_tokens == 100  # as the provider counted
    assert item.team == "red"


def test_a_parquet_file_is_replayed_as_its_rows_are(folder):
    rows = [spend_row(number, prompt_tokens=5000 if number % 4 == 0 else 50) for number in range(20)]
    pl.DataFrame(rows).with_columns(pl.col("startTime").str.to_datetime(time_zone="UTC")).write_parquet(folder / "spend.parquet")
    write_lines(folder / "spend.jsonl", rows)
    same, found = replayed("spend.jsonl"), replayed("spend.parquet")
    assert {name: found[name] for name in ("requests", "routes", "bands")} == {name: same[name] for name in ("requests", "routes", "bands")}
    assert found["data"] == f"sha256:{hashlib.sha256((folder / 'spend.parquet').read_bytes()).hexdigest()}"


def test_what_callers_said_is_the_correctness_of_the_answer_they_were_served(folder):
    (folder / "record").mkdir()
    ledger = Ledger(LedgerOptions(folder=folder / "record"))
    opinions = (Opinion.RIGHT, Opinion.WRONG, Opinion.INCOMPLETE, None)
    for number, opinion in enumerate(opinions, 1):
        one = recorded(folder / "desk.yaml", number, -0.1)
        ledger(one)
        known = {"policy": "desk", "digest": "sha256:0", "band": Band.CASCADE, "alias": "small", "at": 0.0}
        answer = Answered(request_id=one.plan.evidence.envelope.request_id, **known)
        if opinion is not None:
            ledger.feedback(Feedback(answer=answer, outcome=opinion))
    ledger.close()
    rows = Rows(folder / "record")
    found = [item.correct for item in items_of(rows, perceive, lambda: newest_feedback([folder / "record"]))]
    assert found == [{"small": 1.0}, {"small": 0.0}, {"small": 0.0}, {}]


def test_an_experiment_says_what_its_arms_would_have_brought(folder):
    arms = "{a: {take: small, share: 0.5}, b: {take: large, share: 0.5}}"
    (folder / "lots.yaml").write_text(SMALL.replace("send: small", f"choose: {{strategy: split, by: request, arms: {arms}}}"))
    write_record(folder / "record", [recorded(folder / "lots.yaml", number, -0.1) for number in range(120)])
    found = replayed("record", "large.yaml")["off_policy"]
    (cost,) = found["estimates"]
    assert (cost["reward"], cost["n"]) == ("cost_usd", 120)
    assert cost["self_normalised"]["value"] == pytest.approx(0.001)
    output = run("replay", "--traces", "record", "--policy", "large.yaml").stdout
    assert "what this policy brings, by the requests that were decided by chance" in output
    assert "warning: cost_usd: the effective sample size is" in output
    named = ["reward", "requests", "effective", "recorded", "inverse propensity", "self-normalised", "direct", "doubly robust"]
    rows = output.partition("by chance\n")[2].splitlines()[: len(named)]
    assert [name for name, row in zip(named, rows, strict=True) if row.startswith(name)] == named
    assert max(map(len, rows)) < 80, "it fits a terminal"
    compared = run("plan", "small.yaml", "large.yaml", "--traces", "record").stdout
    assert "what the old policy brings" in compared
    assert "what the new policy brings" in compared


def test_reasons_are_counted_without_the_number_that_each_request_has(folder):
    cuts = "choose: {strategy: thresholds, by: signals.input_tokens, cuts: [10, 1000], candidates: [small, small, large]}"
    (folder / "cuts.yaml").write_text(SMALL.replace("send: small", cuts))
    write_lines(folder / "requests.jsonl", [request_row(number, usage={"prompt_tokens": 7 * number}) for number in range(1, 5)])
    reasons = replayed("requests.jsonl", "cuts.yaml", "--classifier", "none")["reasons"]
    assert reasons == {"otherwise": 4, "thresholds:signals.input_tokens": 4}


def test_a_condition_that_ends_in_a_number_is_told_whole(folder):
    routes = "routes: [{name: some, send: large, when: signals.input_tokens >=1}, {name: none, send: small}]\n"
    (folder / "when.yaml").write_text(SMALL.partition("routes:")[0] + routes)
    write_lines(folder / "requests.jsonl", [request_row(1)])
    reasons = replayed("requests.jsonl", "when.yaml", "--classifier", "none")["reasons"]
    assert list(reasons) == ["when:signals.input_tokens >=1"]


# --- going on ----------------------------------------------------------------------------------------------------------------------


class StoppedError(Exception):
    """Somebody pressed a key."""


def interrupted(folder, after):
    """A replay that ends in the middle, as an interrupt would end it."""
    source, decider = Rows(folder / "traffic"), Decider(folder / "desk.yaml")
    what = {"traffic": source.state, "policy": decider.policy.digest, "classifier": "none"}
    reading, progress = Reading(source, perceive), Progress(file=folder / "replay.part", what=what, every_s=-1)

    def stopping():
        for number, item in enumerate(reading):
            if number == after:
                raise StoppedError
            yield item

    with pytest.raises(StoppedError):
        replay(stopping(), decider, None, progress.noting(reading))


@pytest.mark.parametrize("form", ["lines", "record", "array"])
@pytest.mark.parametrize("after", [1, 17])
def test_an_interrupted_replay_comes_to_the_same(folder, form, after):
    rows = [spend_row(number, prompt_tokens=5000 if number % 3 == 0 else 50, call_type="aembedding" if number % 7 == 0 else "acompletion")
            for number in range(60)]  # fmt: skip
    if form == "record":
        write_record(folder / "traffic", [recorded(folder / "desk.yaml", number, SCORES[number % 4]) for number in range(30)])
    elif form == "array":
        (folder / "traffic").write_text(json.dumps(rows))
    else:
        write_lines(folder / "traffic", rows)
    whole = replayed("traffic")
    interrupted(folder, after)
    assert (folder / "replay.part").exists()
    rest = replayed("traffic", "desk.yaml", "--resume", "replay.part")
    assert not (folder / "replay.part").exists()
    assert {**rest, "command": None} == {**whole, "command": None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "desk.yaml").write_text(LARGE), "is of other traffic, another policy or another classifier"),
        (lambda folder: write_lines(folder / "traffic", [spend_row(1)]), "is of other traffic, another policy or another classifier"),
        (lambda folder: (folder / "replay.part").write_text("{}"), "is no replay that was interrupted"),
    ],
    ids=["policy", "traffic", "file"],
)
def test_what_has_changed_since_does_not_go_on(folder, change, message):
    write_lines(folder / "traffic", [spend_row(number) for number in range(20)])
    interrupted(folder, 5)
    change(folder)
    result = run("replay", "--traces", "traffic", "--policy", "desk.yaml", "--classifier", "none", "--resume", "replay.part")
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1), result.stderr
    assert message in result.stderr


# --- bad input ---------------------------------------------------------------------------------------------------------------------

HUGE = "9" * 400
"""A whole number that JSON has, and no float can hold."""


@pytest.mark.parametrize("key", ['"cost"', '"temperature"', '"max_tokens"', '"usage": {"completion_tokens": 1, "prompt_tokens"'])
@pytest.mark.parametrize("value", [HUGE, f"-{HUGE}", "-5"])
def test_a_number_that_none_can_be_is_not_known(folder, key, value):
    (folder / "traces").write_text(f'{{"messages": [{{"role": "user", "content": "hello"}}], {key}: {value}{"}" * key.count("{")}}}\n')
    result = run("replay", "--traces", "traces", "--policy", "desk.yaml", "--classifier", "none")
    assert result.exit_code == 0, result.output
    assert "cost against what was recorded: unknown" in result.stdout


def test_tokens_of_a_table_whose_column_has_gaps_are_whole_numbers(folder):
    """It has them as floats, and what is missing as NaN."""
    tokens = [100.0, float("nan"), 7.0]
    rows = [spend_row(number, prompt_tokens=count, completion_tokens=count) for number, count in enumerate(tokens)]
    pl.DataFrame(rows).write_parquet(folder / "gaps.parquet")
    found = [item.usage for item in items_of(Rows(folder / "gaps.parquet"), perceive)]
    assert found == [Usage(input_tokens=100, output_tokens=100), None, Usage(input_tokens=7, output_tokens=7)]


def test_a_single_request_is_one_request(folder):
    write_lines(folder / "traces", [request_row(usage={"prompt_tokens": 10, "completion_tokens": 1}, cost=0.1)])
    for command in (["replay", "--policy", "desk.yaml"], ["plan", "desk.yaml", "large.yaml"]):
        result = run(*command, "--traces", "traces", "--classifier", "none")
        assert result.exit_code == 0, result.output
        assert "1 request" in result.stdout
        assert "1 requests" not in result.output


def test_null_says_that_an_outcome_is_not_known(folder):
    """As a table has it that was made of rows of which only some know of the large model."""
    changes = {
        "correct": {"small": True, "large": None},
        "scores": {"small": {"mean": -0.3, "min": None}, "large": None, "medium": {"mean": None}},
    }
    write_lines(folder / "traces", [request_row(**changes)])
    result = run("replay", "--traces", "traces", "--policy", "desk.yaml", "--classifier", "none")
    assert result.exit_code == 0, result.output
    assert "accept" in result.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "traces: holds no requests"),
        ("[]", "traces: holds no requests"),
        ('{"messages": []}\nnot json\n', "traces:2: is not JSON; write one object a line"),
        ("[1]", "traces:1: is no JSON object"),
        ('[{"messages": []},\n{"messages": [', "traces:2: is not JSON, or was cut off"),
        ('[{"messages": []}', "traces:1: the array is not closed"),
        ('{"messages": [], "temperature": NaN}\n', "traces:1: holds NaN or Infinity"),
        ('[{"messages": [], "temperature": NaN}]', "traces:1: holds NaN or Infinity"),
        ('{"prompt": "hello"}\n', "traces:1: is of no known form"),
        ('{"messages": "hello"}\n', "traces:1: `messages` is no list"),
        ('{"messages": [], "correct": {"small": 7}}\n', "traces:1: `correct` must say for each alias"),
        (f'{{"messages": [], "correct": {{"small": {HUGE}}}}}\n', "traces:1: `correct` must say for each alias"),
        (f'{{"messages": [], "scores": {{"small": {{"mean": -{HUGE}}}}}}}\n', "traces:1: `scores` must say for an alias how sure it was"),
        (json.dumps(request_row()) + "\n" + json.dumps(spend_row()) + "\n", "traces:2: is a LiteLLM spend log, and the rows before it"),
        ('{"messages": [], "scores": {"small": 0.5}}\n', "traces:1: `scores` must say for an alias how sure it was"),
        (json.dumps(spend_row(call_type="aembedding")), "traces: holds no request to a chat model"),
        ('{"chain": "c", "seq": 0, "kind": "genesis", "genesis": {"format": 99}}\n', "traces:1: the record has format 99"),
        ('{"chain": "c", "seq": 1, "kind": "request", "record": {"later": 1}}\n', "it may come from another release"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(folder, content, message):
    (folder / "traces").write_text(content)
    result = run("replay", "--traces", "traces", "--policy", "desk.yaml", "--classifier", "none")
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_parquet_file_that_is_none_is_told(folder):
    (folder / "spend.parquet").write_text("no parquet")
    result = run("replay", "--traces", "spend.parquet", "--policy", "desk.yaml")
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1)
    assert "spend.parquet: cannot be read as parquet" in result.stderr


def test_traffic_that_is_not_there_is_called_wrongly(folder):
    result = run("replay", "--traces", "nowhere", "--policy", "desk.yaml")
    assert (result.exit_code, "there is no file and no folder 'nowhere'" in result.stderr) == (2, True)


def test_a_folder_without_a_record_is_told(folder):
    (folder / "empty").mkdir()
    result = run("replay", "--traces", "empty", "--policy", "desk.yaml")
    assert (result.exit_code, "is a folder without a decision record" in result.stderr) == (1, True)


def test_a_classifier_that_is_not_there_is_told(folder):
    write_lines(folder / "requests.jsonl", [request_row()])
    result = run("replay", "--traces", "requests.jsonl", "--policy", "desk.yaml", "--classifier", "oracle")
    assert result.exit_code == 2


def test_a_line_that_is_still_being_written_is_left_out(folder):
    write_record(folder / "record", [recorded(folder / "desk.yaml", number, -0.1) for number in (1, 2)])
    (file,) = (folder / "record").glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:2]) + lines[2][:100])
    assert replayed("record")["requests"] == 1


# --- memory ------------------------------------------------------------------------------------------------------------------------


def items(count):
    """Requests of ever new callers."""
    for number in range(count):
        envelope = Envelope(request_id=str(number), endpoint=Endpoint.CHAT, requested_model="auto", policy="")
        caller, signals = Caller(team=f"team {number}"), Signals(input_tokens=number % 2000)
        yield Item(
            evidence=Evidence(envelope=envelope, caller=caller, signals=signals, classification=Classification(task=f"task {number % 12}"))
        )


def peak_of(work):
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_traffic(folder):
    old, new = Decider(folder / "desk.yaml"), Decider(folder / "large.yaml")
    replay(items(10), old), plan(items(10), old, new, draws=10, seed=0)  # what is cached is cached
    assert peak_of(lambda: replay(items(5_000), old)) < 1 << 20
    assert peak_of(lambda: plan(items(2_500), old, new, draws=10, seed=0)) < 4 << 20


def test_an_array_is_never_whole_in_memory(folder):
    with (folder / "spend.json").open("w") as file:
        file.write("[" + ",\n".join(json.dumps(spend_row(number)) for number in range(20_000)) + "]")
    assert (folder / "spend.json").stat().st_size > 4 << 20
    assert peak_of(lambda: sum(1 for _ in Rows(folder / "spend.json"))) < 1 << 20


@pytest.mark.parametrize("rows", [200_000])
def test_two_hundred_thousand_rows_take_no_more_memory(benchmark, folder, rows):
    old = Decider(folder / "desk.yaml")
    benchmark.pedantic(lambda: replay(items(rows), old), rounds=1)
    assert peak_of(lambda: replay(items(rows), old)) < 1 << 20
