"""`cascade test`."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from litellm_cascade.offline.cli import app

POLICY = """\
version: 1
name: two
models: {small: {tier: budget}, large: {tier: premium}}
routes:
  - {name: pictures, when: '"image" in signals.modalities', send: large}
  - {name: rest, send: small}
"""
CASES = """\
policy: two.yaml
cases:
  - name: a picture
    given: {signals: {modalities: [image]}}
    expect: {route: pictures}
  - name: a question
    expect: {band: small, ladder: [small], gate: null}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/two.yaml").write_text(POLICY)
    (tmp_path / "policies/two_test.yaml").write_text(CASES)
    return tmp_path / "policies"


def run(*paths: str):
    return CliRunner().invoke(app, ["test", *paths])


@pytest.mark.parametrize("paths", [[], ["policies"], ["policies/two.yaml"], ["policies/two_test.yaml"], ["policies", "policies/two.yaml"]])
def test_it_runs_the_tests_of_a_folder_of_a_policy_and_of_a_file(folder, paths):
    result = run(*paths)

    assert result.output == "policies/two_test.yaml: 2 passed\n2 cases in 1 file: 2 passed\n"
    assert result.exit_code == 0


def test_a_case_that_fails_is_told_with_its_place_its_differences_and_the_reasons(folder):
    (folder / "two_test.yaml").write_text(CASES.replace("ladder: [small]", "ladder: [large]").replace("band: small", "band: large"))

    result = run()

    assert result.output == (
        "policies/two_test.yaml:6:5: a question\n"
        "    band: expected 'large', got 'small'\n"
        "    ladder: expected ['large'], got ['small']\n"
        "    reasons: otherwise\n"
        "policies/two_test.yaml: 1 passed, 1 failed\n"
        "2 cases in 1 file: 1 passed, 1 failed\n"
    )
    assert result.exit_code == 1


def test_a_file_that_cannot_be_used_does_not_keep_the_others_from_being_run(folder):
    (folder / "lost_test.yaml").write_text("policy: lost.yaml\ncases: [{name: any, expect: {}}]\n")

    result = run()

    assert result.stdout == (
        "policies/lost.yaml:1:1: $: cannot be read (no such file or directory); check the path and its permissions\n"
        "policies/two_test.yaml: 2 passed\n"
        "2 cases in 2 files: 2 passed, 1 file cannot be used\n"
    )
    assert result.exit_code == 1


def test_a_policy_without_tests_is_a_wrong_call(folder):
    (folder / "untested.yaml").write_text(POLICY)

    result = run("policies/untested.yaml")

    assert result.exit_code == 2
    assert "there is no *_test.yaml in what was named\n" in result.stderr


def test_a_path_that_does_not_exist_is_a_wrong_call(folder):
    result = run("policies/three.yaml")

    assert result.exit_code == 2
    assert "ath 'policies/three.yaml' does not exist." in result.stderr
