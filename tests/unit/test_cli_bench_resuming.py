"""Benchmarks that were interrupted go on where they were; that of routing has a test beside its others."""

import json

import pytest
from test_cli_bench_cascade import own
from typer.testing import CliRunner

from litellm_cascade.offline.cli import app
from routing_records import write_pairs


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CASCADE_DATA", raising=False)
    write_pairs(tmp_path / "pairs", pairs=("first",), n=120)
    write_pairs(tmp_path / "arena", pairs=("arena", "other"), n=80, source="routerarena")
    own(tmp_path / "answers", "qwen1.5b", n=60)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["bench", *arguments])


@pytest.mark.parametrize(
    ("name", "data", "parts", "figure"),
    [("routerarena", "arena", 2, "score"), ("cascade", "answers", 1, "auroc"), ("mmlu", "pairs", 1, None)],
)
def test_an_interrupted_benchmark_goes_on_where_it_was(folder, name, data, parts, figure):
    """The first run measures all, and ends before it is done: its page cannot be written. What it kept is taken as it stands."""
    asked = (name, "--data", data, "--draws", "5", "--json", "out.json")
    (folder / "file").write_text("")
    broken = run(*asked, "--html", "file/page.html")
    assert (broken.exit_code, "cannot be written" in broken.stderr) == (1, True), broken.output
    kept = sorted((folder / "out.json.parts").iterdir())
    assert len(kept) == parts
    for file in kept:
        rows = json.loads(file.read_text())
        marked = [row | ({figure: 0.125} if figure in row else {"correct": 0.125}) for row in rows]
        file.write_text(json.dumps(marked))
    resumed = run(*asked)
    assert resumed.exit_code == 0, resumed.output
    told = json.loads((folder / "out.json").read_text())["rows"]
    assert 0.125 in {row[figure or "accuracy"] for row in told}, "it was not measured again"
    assert not (folder / "out.json.parts").exists()


def test_what_was_kept_of_other_data_does_not_count(folder):
    asked = ("cascade", "--data", "answers", "--draws", "5", "--json", "out.json")
    (folder / "file").write_text("")
    run(*asked, "--html", "file/page.html")
    for file in (folder / "out.json.parts").iterdir():
        file.write_text("[]")
    own(folder / "answers", "qwen1.5b", n=60, seed=9)
    assert run(*asked).exit_code == 0
    assert json.loads((folder / "out.json").read_text())["rows"]


def test_what_was_cut_off_while_it_was_kept_is_measured_again(folder):
    asked = ("cascade", "--data", "answers", "--draws", "5", "--json", "out.json")
    (folder / "file").write_text("")
    run(*asked, "--html", "file/page.html")
    for file in (folder / "out.json.parts").iterdir():
        file.write_text(file.read_text()[:40])
    assert run(*asked).exit_code == 0
    assert json.loads((folder / "out.json").read_text())["rows"]
