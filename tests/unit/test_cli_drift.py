"""`cascade drift`."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from litellm_cascade.offline.cli import app
from litellm_cascade.offline.traffic.drifting import chance, drifts_of, psi
from litellm_cascade.offline.traffic.profile import Profile
from traffic_records import CASCADE, TASKS, recorded, request_row, write_lines, write_record

KINDS = {"then": {}, "same": {"seed": 2}, "harder": {"harder": 0.4}, "unsure": {"doubt": 3.0}, "code": {"code": 0.7}}


@pytest.fixture(scope="module")
def traffic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traffic")
    (folder / "desk.yaml").write_text(CASCADE)
    for name, kind in KINDS.items():
        write_record(folder / name, records(folder / "desk.yaml", **kind))
    return folder


@pytest.fixture
def folder(traffic, monkeypatch):
    monkeypatch.chdir(traffic)
    return traffic


def records(policy, *, seed=1, harder=0.0, doubt=1.0, code=0.0):
    """300 requests: three task types alike, complexity around 0.3, the small model a little unsure."""
    random = Random(seed)
    for number in range(300):
        one = recorded(policy, number, -0.2 * doubt * random.expovariate(1.0))
        task = "Code Generation" if random.random() < code else random.choice(TASKS)
        belief = replace(one.plan.evidence.classification, task=task, complexity=min(1.0, max(0.0, random.gauss(0.3 + harder, 0.1))))
        yield replace(one, plan=replace(one.plan, evidence=replace(one.plan.evidence, classification=belief)))


def run(*arguments):
    return CliRunner().invoke(app, ["drift", *map(str, arguments)])


def compared(now, *options, against="then"):
    result = run("--traces", now, "--against", against, "--json", "out.json", *options)
    assert result.exit_code == 0, result.output
    return {part["name"]: part for part in json.loads(Path("out.json").read_text())["parts"]}


# --- laws --------------------------------------------------------------------------------------------------------------------------

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)


@given(COUNTS)
def test_what_has_not_moved_has_no_index(counts):
    assert psi(np.array(counts, float), np.array(counts, float)) == 0


@given(st.data(), COUNTS)
def test_the_index_is_the_same_both_ways_and_never_below_nothing(data, counts):
    other = data.draw(st.lists(st.integers(0, 500), min_size=len(counts), max_size=len(counts)))
    there, back = psi(np.array(counts, float), np.array(other, float)), psi(np.array(other, float), np.array(counts, float))
    assert there == pytest.approx(back)
    assert there >= 0


@settings(max_examples=40)
@given(data=st.data(), counts=st.lists(st.integers(5, 300), min_size=3, max_size=10))
def test_the_interval_holds_the_index(data, counts):
    other = data.draw(st.lists(st.integers(5, 300), min_size=len(counts), max_size=len(counts)))
    then, now = (Profile(n=sum(tasks), tasks=Counter(dict(zip("abcdefghij", tasks, strict=False)))) for tasks in (counts, other))
    for one in drifts_of(then, now, draws=200, seed=0):
        assert one.psi is None or 0 <= one.low <= one.psi <= one.high


def test_chance_gives_more_than_it_should_about_five_times_in_a_hundred():
    random = np.random.default_rng(0)
    shares = np.full(10, 0.1)
    drawn = psi(random.multinomial(800, shares, 2000).astype(float), random.multinomial(500, shares, 2000).astype(float))
    assert 0.03 < (drawn > chance(10, 800, 500)).mean() < 0.07


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(complexities=st.lists(st.floats(0, 1), min_size=60, max_size=120), scores=st.lists(st.floats(-50, 0), min_size=60, max_size=60))
def test_a_profile_comes_back_from_its_json_and_has_not_moved_from_itself(complexities, scores):
    profile = Profile(n=len(complexities))
    for value in complexities:
        profile.complexity[int(value * 49)] += 1
    profile.confidence = {"small mean": {place: 1 for place, _ in enumerate(scores)}}
    profile.tasks.update({"Open QA": 60})
    again = Profile.read(json.loads(json.dumps(profile.as_json())))
    assert again == profile
    assert [one.psi for one in drifts_of(profile, again, draws=5, seed=0)] == [0, 0, 0]


# --- what moved --------------------------------------------------------------------------------------------------------------------


def test_another_sample_of_the_same_traffic_has_not_moved(folder):
    found = compared("same", "--fail-if", "psi>0.2")
    assert set(found) == {"task types", "complexity", "confidence, small mean"}
    assert all(part["psi"] < 0.1 for part in found.values())
    assert all(part["low"] <= part["high"] for part in found.values())


@pytest.mark.parametrize(
    ("now", "name", "metric"),
    [("harder", "complexity", "complexity"), ("unsure", "confidence, small mean", "confidence"), ("code", "task types", "task")],
)
def test_what_moved_is_told_and_the_rest_is_not_blamed(folder, now, name, metric):
    found = compared(now)
    assert found[name]["psi"] > 0.2
    assert all(part["psi"] < 0.15 for other, part in found.items() if other != name)
    failed = run("--traces", now, "--against", "then", "--fail-if", f"{metric}>0.2")
    assert (failed.exit_code, f"moved: {name}; calibrate and tune" in failed.stdout) == (1, True)
    assert f"--fail-if '{metric}>0.2' holds" in failed.stderr


def test_the_bins_that_moved_are_named_with_their_shares(folder):
    result = run("--traces", "code", "--against", "then")
    assert "Code Generation 3" in result.stdout
    (part,) = [part for part in compared("code").values() if part["part"] == "task"]
    assert sum(bin_["adds"] for bin_ in part["bins"]) == pytest.approx(part["psi"])
    assert sum(bin_["now"] for bin_ in part["bins"]) == pytest.approx(1)


def test_a_condition_that_does_not_hold_is_well(folder):
    assert run("--traces", "same", "--against", "then", "--fail-if", "psi>0.2", "--fail-if", "task>0.1").exit_code == 0


# --- against the data of a calibration ---------------------------------------------------------------------------------------------


@pytest.fixture
def calibration(folder):
    random = Random(7)
    answers = [
        {
            "alias": "small",
            "task": random.choice(TASKS),
            "mean": (score := -0.2 * random.expovariate(1.0)),
            "correct": random.random() < 0.9 + score,
        }
        for _ in range(400)
    ]
    write_lines(folder / "answers.jsonl", answers)
    arguments = ["--traces", "answers.jsonl", "--alias", "small", "--score", "mean", "--out", "small.json"]
    assert CliRunner().invoke(app, ["calibrate", *arguments]).exit_code == 0
    return folder


def test_confidence_is_held_against_what_the_calibration_was_fitted_on(calibration):
    still = compared("same", "--calibration", "small.json", against="answers.jsonl")
    assert still["confidence, small mean"]["psi"] < 0.1
    assert still["complexity"]["psi"] is None  # such records have none
    assert compared("unsure", "--calibration", "small.json", against="answers.jsonl")["confidence, small mean"]["psi"] > 0.2


def test_other_records_than_the_calibrations_are_refused(calibration):
    with Path("answers.jsonl").open("a") as file:
        file.write("\n")
    result = run("--traces", "same", "--against", "answers.jsonl", "--calibration", "small.json")
    assert (result.exit_code, "is not what small.json was fitted on" in result.stderr) == (1, True)


def test_what_is_no_calibration_is_told(calibration):
    Path("broken.json").write_text("{}")
    result = run("--traces", "same", "--against", "answers.jsonl", "--calibration", "broken.json")
    assert (result.exit_code, "is no calibration that can be used" in result.stderr) == (1, True)


# --- what cannot be done -----------------------------------------------------------------------------------------------------------


def test_few_requests_say_nothing(folder):
    write_lines(folder / "few.jsonl", [request_row(number) for number in range(10)])
    result = run("--traces", "few.jsonl", "--against", "then", "--classifier", "none")
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1)
    assert "nothing can be compared" in result.stderr


def test_a_condition_on_what_is_not_known_is_told(calibration):
    options = ["--calibration", "small.json", "--fail-if", "complexity>0.2"]
    result = run("--traces", "same", "--against", "answers.jsonl", *options)
    assert (result.exit_code, "too few requests on one side to say anything of the complexity" in result.stderr) == (1, True)


@pytest.mark.parametrize("condition", ["quality>1", "psi", "psi>nan", "psi<0.2"])
def test_a_wrong_condition_is_told(folder, condition):
    result = run("--traces", "same", "--against", "then", "--fail-if", condition)
    assert (result.exit_code, "write psi, task, complexity or confidence, >, and a number: 'psi>0.2'" in result.stderr) == (2, True)


@pytest.mark.parametrize("options", [["--against", "nowhere"], ["--against", "nowhere", "--calibration", "desk.yaml"]])
def test_traffic_that_is_not_there_is_called_wrongly(folder, options):
    assert run("--traces", "same", *options).exit_code == 2
