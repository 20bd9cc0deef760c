"""Every policy that ships loads, has tests beside it, and passes them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from litellm_cascade.policy import load_policy
from litellm_cascade.policy.testing import case_files, policy_files, run_policy_tests
from litellm_cascade.vocabulary import Band, Caller, Endpoint, Envelope, Evidence

FOLDER = Path(__file__).parents[2] / "policies"
TESTS = case_files(FOLDER)
POLICIES = policy_files(FOLDER)
RESULTS = run_policy_tests(FOLDER)


def test_there_are_twelve_policies_each_with_its_tests():
    assert [path.stem for path in POLICIES] == [
        "ab_test",
        "balanced",
        "by_label",
        "by_tier",
        "latency_first",
        "learned",
        "local_first",
        "max_quality",
        "max_savings",
        "panel",
        "speculative",
        "sql_workshop",
    ]
    assert [path.stem for path in TESTS] == [f"{path.stem}_test" for path in POLICIES]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_shipped_policy_is_called_like_its_file_and_says_whom_it_serves(path):
    policy = load_policy(path)
    first, *comments = path.read_text(encoding="utf-8").splitlines()[:4]

    assert policy.name == path.stem
    assert policy.document.description
    assert first == "# yaml-language-server: $schema=./policy.schema.json"
    assert all(line.startswith("# ") for line in comments)


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_every_route_of_a_shipped_policy_is_tested(path):
    decisions = [result.decision for result in RESULTS if result.file.endswith(f"/{path.stem}_test.yaml")]
    tested = {step.name for decision in decisions for step in decision.trace if step.outcome in ("matched", "taken")}

    assert tested == {route.name for route in load_policy(path).routes}


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: f"{Path(result.file).stem}: {result.case}")
def test_a_case_beside_a_shipped_policy_passes(result):
    assert result.differences == ()


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_plain_request_that_no_classifier_read_is_cascaded(path):
    case = next(result for result in RESULTS if result.file.endswith(f"/{path.stem}_test.yaml") and "no classifier read" in result.case)

    assert case.decision.band is Band.CASCADE


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_shipped_policy_asks_only_the_aliases_of_the_shipped_configuration(path):
    policy = load_policy(path)

    assert set(policy.aliases) <= {"small", "sql", "large"}
    assert all(ladder[-1] == "large" for ladder in policy.ladders)


def test_a_tenth_of_the_keys_is_in_the_experiment():
    policy, envelope = load_policy(FOLDER / "ab_test.yaml"), Envelope(request_id="", endpoint=Endpoint.CHAT, requested_model="", policy="")

    routes = [policy.decide(Evidence(envelope=envelope, caller=Caller(key_hash=f"{key}"))).route for key in range(2_000)]

    assert routes.count("three bands") == pytest.approx(200, abs=45)  # three standard deviations and a bit


def test_the_card_of_the_shipped_gain_model_says_whether_it_beats_the_length_of_a_prompt():
    content = json.loads((FOLDER / "learned_gain.json").read_text(encoding="utf-8"))
    low, high = map(float, re.search(r"gain model minus prompt length \S+ \[(\S+), (\S+)\]", content["card"]).groups())

    assert low <= 0 <= high
    assert "does not beat" in content["card"]
    assert "does not rank prompts better than their length" in (FOLDER / "learned.yaml").read_text(encoding="utf-8")
