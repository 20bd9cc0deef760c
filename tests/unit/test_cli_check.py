"""`cascade check`."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from litellm_cascade.offline.cli import app

GOOD = "version: 1\nname: good\nmodels: {small: {tier: budget}}\nroutes: [{name: all, send: small}]\n"
BAD = GOOD.replace("send: small", "send: smal").replace("budget", "cheap")
CASES = "policy: good.yaml\ncases: [{name: any, expect: {route: all}}]\n"
BAD_LINES = (
    "policies/bad.yaml:3:24: $.models.small.tier: is 'cheap'; write 'budget', 'standard' or 'premium'\n"
    "policies/bad.yaml:4:28: $.routes[0].send: no alias 'smal' in models; did you mean 'small'?\n"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    return tmp_path / "policies"


def check(*paths: str):
    return CliRunner().invoke(app, ["check", *paths])


def test_without_a_path_it_checks_the_folder_policies(folder):
    (folder / "good.yaml").write_text(GOOD)
    (folder / "good_test.yaml").write_text(CASES)

    result = check()

    assert result.output == "2 files checked, no problems\n"
    assert result.exit_code == 0


def test_it_says_every_problem_of_every_file(folder):
    (folder / "bad.yaml").write_text(BAD)
    (folder / "worse.yaml").write_bytes(b"\xff\xfe\x00")
    (folder / "good.yaml").write_text(GOOD)

    result = check()

    assert result.stdout == (
        BAD_LINES + "policies/worse.yaml:1:1: $: is not UTF-8 text; save the file as UTF-8\n3 files checked, 3 problems\n"
    )
    assert result.exit_code == 1


def test_a_problem_of_a_policy_is_told_once_though_its_tests_have_it_too(folder):
    (folder / "bad.yaml").write_text(BAD)
    (folder / "bad_test.yaml").write_text(CASES.replace("good", "bad"))

    assert check().stdout == BAD_LINES + "2 files checked, 2 problems\n"


def test_tests_are_checked_for_their_form_not_for_their_results(folder):
    (folder / "good.yaml").write_text(GOOD)
    (folder / "good_test.yaml").write_text(CASES.replace("route: all", "route: other"))
    (folder / "typo_test.yaml").write_text(CASES.replace("expect: {route", "expect: {rout"))

    result = check("policies")

    assert result.stdout == (
        "policies/typo_test.yaml:2:30: $.cases[0].expect.rout: unknown key; did you mean 'route'?\n3 files checked, 1 problem\n"
    )


def test_a_policy_may_be_called_a_test(folder):
    (folder / "ab_test.yaml").write_text(GOOD)
    (folder / "ab_test_test.yaml").write_text(CASES.replace("good", "ab_test"))

    assert check().stdout == "2 files checked, no problems\n"


def test_files_and_folders_may_be_mixed_and_named_twice(folder):
    (folder / "good.yaml").write_text(GOOD)
    (folder.parent / "other.policy").write_text(GOOD)

    assert check("other.policy", "policies", "policies/good.yaml").stdout == "2 files checked, no problems\n"


def test_a_path_that_does_not_exist_is_a_wrong_call(folder):
    result = check("polices")

    assert result.exit_code == 2
    assert "ath 'polices' does not exist." in result.stderr
    assert result.stdout == ""


def test_no_folder_policies_is_a_wrong_call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = check()

    assert result.exit_code == 2
    assert "there is no folder 'policies' here; name the files or folders\n" in result.stderr


def test_an_empty_folder_is_a_wrong_call_since_nothing_was_checked(folder):
    result = check("policies")

    assert result.exit_code == 2
    assert "there is no *.yaml in what was named\n" in result.stderr
