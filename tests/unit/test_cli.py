"""The command `cascade` as a whole."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from litellm_cascade.offline.cli import COMMANDS, ELSEWHERE, app
from litellm_cascade.offline.commands.bench import BENCHMARKS
from litellm_cascade.offline.commands.train import TRAININGS

COMMAND = Path(sys.executable).with_name("cascade")
IMPORTED_BY = """
import json, sys
from litellm_cascade.offline.cli import app
try:
    app(sys.argv[1:])
except SystemExit:
    print(json.dumps(list(sys.modules)))
"""
run = CliRunner().invoke


def function_of(name: str):
    word = name.replace("-", "_")
    found = getattr(import_module(f"{ELSEWHERE.get(name, 'litellm_cascade.offline.commands')}.{word}"), word)
    return found.registered_callback.callback if isinstance(found, Typer) else found


def modules_after(*arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", IMPORTED_BY, *arguments], capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_the_first_line_of_its_own_help(name):
    assert inspect.getdoc(function_of(name)).splitlines()[0] == COMMANDS[name]
    listed = f"  {name:<{max(map(len, COMMANDS))}}  {COMMANDS[name]}"
    assert listed in " ".join(run(app, ["--help"], terminal_width=200).output.split("\n"))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_examples_each_on_its_line(name):
    result = run(app, [name, "--help"])

    assert result.exit_code == 0
    assert f"\n  For example:\n    cascade {name}" in result.output


@pytest.mark.parametrize(("group", "listed"), [("bench", BENCHMARKS), ("train", TRAININGS)])
def test_what_a_group_lists_is_there_and_what_is_there_is_listed(group, listed):
    folder = Path(import_module(f"litellm_cascade.offline.commands.{group}").__file__).parent
    modules = {file.stem.replace("_", "-") for file in folder.glob("*.py")} - {"--init--"}

    assert {name: run(app, [group, name, "--help"]).exit_code for name in listed} == dict.fromkeys(modules, 0)


def test_the_help_imports_no_command_and_nothing_heavy():
    heavy = {"litellm", "torch", "polars", "sklearn", "numpy", "pydantic", "cel", "yaml", "opentelemetry", "rich"}

    assert modules_after("--help") & heavy == set()


def test_explaining_imports_neither_litellm_nor_what_only_the_lab_needs():
    assert modules_after("explain", "hello") & {"litellm", "torch", "transformers", "polars", "sklearn", "plotly"} == set()


def test_it_says_its_version():
    assert run(app, ["--version"]).output == f"litellm-cascade {metadata.version('litellm-cascade')}\n"


def test_without_a_command_it_shows_its_help():
    result = run(app, [])

    assert result.exit_code == 2
    assert "Commands:\n  check" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chek"], "Error: No such command 'chek'. Did you mean 'check', 'schema'?\n"),
        (["--colour"], "Error: No such option: --colour\n"),
        (["check", "--all"], "Error: No such option: --all"),
        (["explain"], "Error: Invalid value: say either a prompt, or --record ID and its folder by --records\n"),
    ],
)
def test_a_wrong_call_is_told_in_a_sentence(arguments, message):
    result = run(app, arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_the_installed_command_tells_an_error_without_a_traceback(tmp_path):
    (tmp_path / "broken.yaml").write_text("version: [")

    done = subprocess.run(
        [COMMAND, "explain", "hello", "--policy", "broken.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("broken.yaml:1:11: $: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "told"),
    [(["check", "ω.yaml"], rb"\u03c9.yaml:4:28: $.routes[0].send: "), (["explain", "hello", "--policy", "ψ.yaml"], rb"\u03c8  sha256:")],
    ids=["check", "explain"],
)
def test_what_an_encoding_lacks_is_shown_as_an_escape(tmp_path, command, told):
    policy = "version: 1\nname: ψ\nmodels: {ψ: {tier: budget}}\nroutes: [{name: all, send: ψ}]\n"
    (tmp_path / "ψ.yaml").write_text(policy, encoding="utf-8")
    (tmp_path / "ω.yaml").write_text(policy.replace("send: ψ", "send: ω"), encoding="utf-8")
    environment = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "1"}

    done = subprocess.run([COMMAND, *command], cwd=tmp_path, capture_output=True, env=environment, check=False)

    assert done.stderr == b""
    assert done.stdout.startswith(told)
