"""`cascade policies` and `cascade schema`, from a checkout and from a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from litellm_cascade.offline.cli import app
from litellm_cascade.policy import load_policy
from litellm_cascade.policy.testing import policy_files

ROOT = Path(__file__).parents[2]
POLICIES = policy_files(ROOT / "policies")
DATA = (
    "classifiers/weights/linear.npz",
    "classifiers/weights/MODEL_CARD.md",
    "simulated/confidence.json",
    "offline/constructed_prompts.yaml",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """What pyproject.toml puts into a wheel, laid out as an installation would."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    places = {folder: Path(folder).name for folder in wheel["packages"]} | wheel["sources"]
    assert set(places) == set(wheel["only-include"])
    folder = tmp_path_factory.mktemp("installed")
    for source, target in places.items():
        shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run_installed(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-c", "from litellm_cascade.offline.cli import app; app()", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=environment).stdout


def test_each_shipped_policy_is_listed_with_its_digest_its_file_and_whom_it_serves(monkeypatch):
    monkeypatch.chdir(ROOT)

    result = CliRunner().invoke(app, ["policies"])

    blocks = result.stdout.split("\n\n")
    assert result.exit_code == 0
    assert len(blocks) == len(POLICIES)
    for block, file in zip(blocks, POLICIES, strict=True):
        head, *comment = block.splitlines()
        assert head == f"{file.stem}  {load_policy(file).short_digest}  policies/{file.name}"
        assert [f"# {line.strip()}" for line in comment] == file.read_text(encoding="utf-8").splitlines()[1 : 1 + len(comment)]
        assert comment


def test_an_installed_package_carries_the_same_policies(installed, monkeypatch):
    monkeypatch.chdir(ROOT)
    here = CliRunner().invoke(app, ["policies"]).stdout

    assert run_installed(installed, "policies") == here.replace("  policies/", "  litellm_cascade/policies_shipped/")


def test_an_installed_package_knows_them_by_name(installed):
    assert run_installed(installed, "docs", "learned").startswith("# Policy learned\n")


def test_an_installed_package_carries_its_data(installed):
    assert [name for name in DATA if not (installed / "litellm_cascade" / name).is_file()] == []


def test_the_schema_is_the_shipped_one():
    result = CliRunner().invoke(app, ["schema"])

    assert result.stdout == (ROOT / "policies/policy.schema.json").read_text(encoding="utf-8")
    assert result.exit_code == 0


@pytest.mark.parametrize("name", ["policies", "schema"])
def test_an_argument_too_many_is_a_wrong_call(name):
    result = CliRunner().invoke(app, [name, "more"])

    assert result.exit_code == 2
    assert "more" in result.stderr
