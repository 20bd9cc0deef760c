"""Every policy that ships loads, has tests beside it, and passes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from litellm_cascade.policy import load_policy
from litellm_cascade.policy.testing import run_policy_tests
from litellm_cascade.vocabulary import Band

FOLDER = Path(__file__).parents[2] / "policies"
TESTS = sorted(FOLDER.glob("*_test.yaml"))
POLICIES = sorted(set(FOLDER.glob("*.yaml")) - set(TESTS))
RESULTS = run_policy_tests(FOLDER)


def test_there_are_policies():
    assert {path.stem for path in POLICIES} >= {"balanced", "max_savings", "max_quality"}


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
    tested = {result.decision.route for result in RESULTS if result.file.endswith(f"/{path.stem}_test.yaml")}

    assert tested == {route.name for route in load_policy(path).routes}


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: f"{Path(result.file).stem}: {result.case}")
def test_a_case_beside_a_shipped_policy_passes(result):
    assert result.differences == ()


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_plain_request_that_no_classifier_read_is_cascaded(path):
    case = next(result for result in RESULTS if result.file.endswith(f"/{path.stem}_test.yaml") and "no classifier read" in result.case)

    assert case.decision.band is Band.CASCADE
