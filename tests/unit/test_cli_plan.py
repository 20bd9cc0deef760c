"""`cascade plan`."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from litellm_cascade.offline.cli import app
from litellm_cascade.offline.traffic.bounds import bounds_of
from litellm_cascade.offline.traffic.deciding import Decider
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.traffic.planning import plan
from litellm_cascade.offline.traffic.resampling import Resampled
from traffic_records import CASCADE, LARGE, SMALL, TASKS, recorded, request_row, write_lines, write_record


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, policy in (("desk", CASCADE), ("large", LARGE), ("small", SMALL)):
        (tmp_path / f"{name}.yaml").write_text(policy)
    return tmp_path


@pytest.fixture
def record(folder):
    write_record(folder / "record", [recorded(folder / "desk.yaml", number, -0.1 * (number % 10)) for number in range(60)])
    return folder / "record"


def run(*arguments):
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


def planned(old, new, traces="record", *options):
    result = run(f"{old}.yaml", f"{new}.yaml", "--traces", traces, "--json", "out.json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(Path("out.json").read_text(encoding="utf-8"))


# --- laws --------------------------------------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(scores=st.lists(st.floats(-5, 0), min_size=1, max_size=12), name=st.sampled_from(["desk", "large", "small"]))
def test_a_policy_against_itself_moves_nobody_and_changes_nothing(folder, scores, name):
    records = [recorded(folder / "desk.yaml", number, score) for number, score in enumerate(scores)]
    items = [Item(evidence=record.plan.evidence, record=record, correct={"small": 0.0, "large": 1.0}) for record in records]
    done = plan(items, Decider(folder / f"{name}.yaml"), Decider(folder / f"{name}.yaml"), draws=20, seed=0)
    assert not done.moves
    for change in done.changes():
        for delta in (change.quality, change.cost, change.escalation, change.outcome):
            assert (delta.value, delta.low, delta.high) == (0.0, 0.0, 0.0)


def test_the_way_back_undoes_what_the_way_there_changed(record):
    there, back = planned("small", "large")["changes"][0], planned("large", "small")["changes"][0]
    assert there["quality"]["value"] == pytest.approx(-back["quality"]["value"])
    assert (1 + there["cost"]["value"]) * (1 + back["cost"]["value"]) == pytest.approx(1)


def test_the_poisson_bootstrap_is_as_wide_as_the_standard_error_says():
    random = np.random.default_rng(3)
    values = random.normal(0.2, 1.0, 2000)
    sums = Resampled(2, draws=2000, seed=1)
    for value in values:
        sums.add(["all"], [1.0, value])
    mean, low, high = sums.ratio("all", 1, 0)
    error = values.std() / np.sqrt(len(values))
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.3 * error)


# --- tables ------------------------------------------------------------------------------------------------------------------------


def test_who_moves_is_told_with_from_and_to(record):
    found = planned("desk", "large")
    assert (found["requests"], found["moved"]) == (60, 48)
    assert found["moves"] == [{"from": "cascade small > large at sure -0.5", "to": "large large", "requests": 48}]
    names = [(change["by"], change["name"], change["n"]) for change in found["changes"]]
    assert names == [("all", "", 60), *(("task", task, 20) for task in sorted(TASKS)), ("team", "blue", 30), ("team", "red", 30)]


def test_deltas_are_those_of_prices_and_pool(record):
    whole = planned("small", "large")["changes"][0]
    assert whole["cost"]["value"] == pytest.approx(9.0)  # ten times as dear
    assert whole["quality"]["value"] == pytest.approx(0.2)
    assert whole["escalation"]["value"] == 0.0
    assert (whole["quality"]["low"], whole["quality"]["high"]) == pytest.approx((0.2, 0.2))  # the same for every request


@pytest.mark.parametrize(
    ("route", "cost", "quality"),
    [
        ("cascade: [small, large], gate: sure", 120e-6 + 0.3 * 1200e-6, 0.7 * 0.7 + 0.3 * 0.9),
        ("cascade: [small, large], gate: sure, hedge: true", 1320e-6, 0.7 * 0.7 + 0.3 * 0.9),
        ("ensemble: {of: [large, small], by: judge, judge: large}", 2520e-6, 0.9),
    ],
    ids=["cascade", "hedged", "ensemble"],
)
def test_what_was_not_measured_is_estimated_from_the_pool(folder, route, cost, quality):
    gate = "gates: {sure: {accept_at: -0.5}}\n" if "gate" in route else ""
    Path("new.yaml").write_text(SMALL.replace("send: small", route) + gate)
    write_lines(
        folder / "requests.jsonl", [request_row(number, usage={"prompt_tokens": 100, "completion_tokens": 10}) for number in range(3)]
    )
    whole = planned("small", "new", "requests.jsonl", "--classifier", "none")["changes"][0]
    assert whole["cost"]["value"] == pytest.approx(cost / 120e-6 - 1)
    assert whole["quality"]["value"] == pytest.approx(quality - 0.7)


def test_escalations_are_those_that_the_recorded_scores_say(record):
    Path("strict.yaml").write_text(CASCADE.replace("-0.5", "-0.25"))
    found = planned("desk", "strict")
    numbers = [number for number in range(60) if number % 5]
    more = sum(-0.5 <= -0.1 * (number % 10) < -0.25 for number in numbers)
    assert found["changes"][0]["escalation"]["value"] == pytest.approx(more / 60)
    assert found["gate_verdicts"] == {"measured": 48}


def test_a_gate_that_changed_under_its_name_moves_its_requests(record):
    Path("other.yaml").write_text(CASCADE.replace("accept_at", "unknown: escalate, accept_at"))
    (move,) = planned("desk", "other")["moves"]
    assert move["to"] == f"{move['from']}, changed"


def test_recorded_correctness_counts_beside_the_pool(folder):
    write_lines(folder / "requests.jsonl", [request_row(number, correct={"small": number % 4 == 0, "large": True}) for number in range(40)])
    whole = planned("small", "large", "requests.jsonl", "--classifier", "none")["changes"][0]
    assert whole["outcome"]["value"] == pytest.approx(0.75)
    assert whole["outcome"]["low"] < 0.75 < whole["outcome"]["high"]
    output = run("small.yaml", "large.yaml", "--traces", "requests.jsonl", "--classifier", "none").stdout
    assert "recorded quality" in output


def test_recorded_quality_says_of_how_many_requests_it_is(folder):
    judged = [request_row(number, correct={"small": False, "large": True}) for number in range(3)]
    write_lines(folder / "requests.jsonl", [*judged, *(request_row(number) for number in range(3, 40))])
    output = run("small.yaml", "large.yaml", "--traces", "requests.jsonl", "--classifier", "none").stdout
    head, whole = (next(line for line in output.splitlines() if line.startswith(start)) for start in ("by ", "all "))
    assert (head.split()[-3:], whole.split()[-1]) == (["recorded", "quality", "of"], "3")


def test_intervals_are_seeded(record):
    assert planned("desk", "large", "record", "--seed", "5") == planned("desk", "large", "record", "--seed", "5")


def test_what_a_pool_does_not_say_is_unknown(record):
    for name in ("a", "b"):
        Path(f"{name}.yaml").write_text("version: 1\nname: x\nmodels: {mine: {tier: budget}}\nroutes: [{name: all, send: mine}]\n")
    result = run("a.yaml", "b.yaml", "--traces", record)
    assert "unknown" in result.stdout
    failed = run("a.yaml", "b.yaml", "--traces", record, "--fail-if", "cost>0")
    assert (failed.exit_code, "the cost of no request is known under both policies; add `price`" in failed.stderr) == (1, True)


# --- --fail-if ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "code"),
    [("quality<-0.01", 1), ("quality<-0.5", 0), ("cost > 0", 0), ("cost<-.5", 1), ("escalation<1e-3", 1), ("escalation>0", 0)],
)
def test_a_condition_that_holds_fails(record, condition, code):
    result = run("large.yaml", "small.yaml", "--traces", record, "--fail-if", condition)
    assert result.exit_code == code, result.output
    assert (f"--fail-if {condition!r} holds" in result.stderr) == bool(code)


@pytest.mark.parametrize("condition", ["quality", "quality=0.1", "speed<1", "quality<nan", "cost<1e999", "quality<-0.01 and cost<1", ""])
def test_a_wrong_condition_is_told_in_a_sentence(record, condition):
    result = run("large.yaml", "small.yaml", "--traces", record, "--fail-if", condition)
    assert result.exit_code == 2
    assert "is no condition; write quality, cost or" in result.stderr


@given(
    metric=st.sampled_from(["quality", "cost", "escalation"]),
    sign=st.sampled_from("<>"),
    number=st.floats(allow_nan=False, allow_infinity=False),
)
def test_every_number_can_be_a_bound(metric, sign, number):
    (bound,) = bounds_of([f"{metric} {sign} {number!r}"])
    assert (bound.metric, bound.above, bound.number) == (metric, sign == ">", number)
