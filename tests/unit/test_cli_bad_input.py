"""Whatever is wrong with what a command is given: one clear sentence that names it, exit code 1, and nothing written."""

import json

import polars as pl
import pytest
from test_cli_bench_cascade import prices
from typer.testing import CliRunner

from litellm_cascade.offline.cli import app
from routing_records import write_pairs
from traffic_records import CASCADE, LARGE, request_row, write_lines

TRAFFIC = {
    "replay": "--traces {file} --policy desk.yaml --classifier none",
    "plan": "desk.yaml large.yaml --traces {file} --classifier none",
    "tune": "desk.yaml --traces {file} --classifier none --quality-floor 0.5 --out out",
    "drift": "--traces {file} --against good.jsonl --classifier none",
    "drift ": "--traces good.jsonl --against {file} --classifier none",
    "train gain": "--traces {file} --aliases small,large --classifier none --out out",
    "label": "--prompts {file} --aliases small,large --judge large --out out --max-usd 1",
    "calibrate": "--traces {file} --alias small --out out",
    "train sequence": "--data {file} --model nowhere --out out",
    "bench mmlu": "--questions {file} --json out",
    "report": "--traces {file} --out out",
}
FILES = {
    "empty": "",
    "blank lines": "\n\n",
    "no JSON": "this is no JSON\n",
    "no object": "[1, 2]\n",
    "a line cut off": json.dumps(request_row()) + '\n{"messages": [{"ro\n',
    "missing columns": '{"something": "else"}\n',
    "bytes": "\x00\x01\x02",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-1")
    monkeypatch.delenv("CASCADE_DATA", raising=False)
    (tmp_path / "desk.yaml").write_text(CASCADE)
    (tmp_path / "large.yaml").write_text(LARGE)
    write_lines(tmp_path / "good.jsonl", [request_row(number) for number in range(60)])
    return tmp_path


def told(folder, command):
    """The one sentence that a command ends with."""
    result = CliRunner().invoke(app, command.split())
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1, result.output
    (sentence,) = result.stderr.strip().splitlines()
    assert not (folder / "out").is_file()
    return sentence


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("command", TRAFFIC)
def test_a_file_that_cannot_be_used_is_told(folder, command, what):
    (folder / "bad.jsonl").write_text(FILES[what])
    sentence = told(folder, f"{command} {TRAFFIC[command].format(file='bad.jsonl')}")
    assert "bad.jsonl" in sentence


@pytest.mark.parametrize("command", ["calibrate", "train sequence", "bench mmlu", "replay"])
def test_a_parquet_file_that_is_none_is_told(folder, command):
    (folder / "bad.parquet").write_text("PAR")
    assert "bad.parquet" in told(folder, f"{command} {TRAFFIC[command].format(file='bad.parquet')}")


def answers(**changes):
    return [{"alias": "small", "correct": number % 3 > 0, "mean": -0.01 * number} | changes for number in range(100)]


OUTCOMES = {
    "one class only": ("calibrate", answers(correct=True), "right"),
    "a score that is no number": ("calibrate", answers(mean=float("nan")), "bad.jsonl"),
    "a task that cannot be printed": ("calibrate", answers(task="a\u2028b"), "bad.jsonl:1"),
    "one group only": ("calibrate", answers(group="the same"), "1 group,"),
    "a model with no rows": ("calibrate", answers(alias="large"), "small"),
    "one label only": ("train sequence", [{"prompt": f"word {number}", "label": "a"} for number in range(100)], "bad.jsonl"),
    "no outcome": ("train gain", [request_row(number) for number in range(300)], "bad.jsonl"),
    "one outcome only": ("train gain", [request_row(number, correct={"small": 1, "large": 1}) for number in range(300)], "small"),
    "an outcome of one model": ("train gain", [request_row(number, correct={"small": number % 2}) for number in range(300)], "bad.jsonl"),
    "an outcome that is none": ("replay", [request_row(0, correct={"small": float("nan")})], "bad.jsonl:1"),
    "nothing to tune by": ("tune", [request_row(number) for number in range(300)], "nothing to tune"),
    "no question that has an answer": ("bench mmlu", [{"prompt": "1+1?"}], "bad.jsonl:1"),
}


@pytest.mark.parametrize("case", OUTCOMES)
def test_outcomes_that_nothing_can_be_learned_from_are_told(folder, case):
    command, rows, named = OUTCOMES[case]
    write_lines(folder / "bad.jsonl", rows)
    assert named in told(folder, f"{command} {TRAFFIC[command].format(file='bad.jsonl')}")


def test_a_pool_without_prices_cannot_be_tuned_for_money(folder):
    (folder / "desk.yaml").write_text(CASCADE.replace(", price: {input_usd_per_million: 1, output_usd_per_million: 2}", ""))
    known = {"correct": {"small": 1, "large": 1}}
    rows = [request_row(number, scores={"small": {"mean": -0.01 * number}}, **known) for number in range(300)]
    write_lines(folder / "bad.jsonl", rows)
    assert "price" in told(folder, "tune desk.yaml --traces bad.jsonl --classifier none --budget-usd 0.1 --out out")


BENCHES = ("bench routing", "bench routerarena", "bench mmlu")
NAN, ALL_RIGHT = pl.lit(float("nan")), pl.lit(1)
PAIRS = {
    "NaN": {"score_weak": NAN},
    "no prompt of that id": {"pid": pl.col("pid") + "?"},
    "a price of one model": {"cost_usd_weak": pl.lit(None, pl.Float64)},
}


@pytest.mark.parametrize("case", PAIRS)
@pytest.mark.parametrize("command", BENCHES)
def test_recorded_pairs_that_cannot_be_used_are_told(folder, command, case):
    write_pairs(folder / "bad", pairs=("first",), n=60, source="routerarena", **PAIRS[case])
    told(folder, f"{command} --data bad --draws 5 --json out")


@pytest.mark.parametrize("table", ["routing_pairs.parquet", "routing_prompts.parquet"])
@pytest.mark.parametrize("how", ["empty", "no column", "no parquet"])
@pytest.mark.parametrize("command", BENCHES)
def test_tables_that_cannot_be_used_are_told(folder, command, how, table):
    file = write_pairs(folder / "bad", pairs=("first",), n=60, source="routerarena") / table
    if how == "no parquet":
        file.write_text("PAR")
    else:
        rows = pl.read_parquet(file)
        (rows.head(0) if how == "empty" else rows.drop("pid")).write_parquet(file)
    assert table in told(folder, f"{command} --data bad --draws 5 --json out")


def test_a_model_without_rows_or_gain_is_told(folder):
    write_pairs(folder / "same", pairs=("first",), n=60, score_weak=ALL_RIGHT, score_strong=ALL_RIGHT)
    assert "gains nothing" in told(folder, "bench routing --data same --draws 5 --json out")
    scores = write_pairs(folder / "none", pairs=("first",), n=60) / "routing_scores.parquet"
    pl.read_parquet(scores).filter(pl.col("model") != "huge").write_parquet(scores)
    assert "no row of 'huge'" in told(folder, "bench mmlu --data none --draws 5 --json out")


CASCADES = {
    "NaN": {"conf_gpt_4o_mini": NAN},
    "one class only": {"correct_gpt_4o_mini": ALL_RIGHT},
    "no price": {"cost_gpt_4o": pl.lit(None, pl.Float64)},
    "a price below nothing": {"cost_gpt_4o": pl.lit(-1.0)},
    "a price of nothing": {"cost_gpt_4o": pl.lit(0.0)},
    "a larger model that is worse": {"correct_gpt_4o": pl.lit(0)},
    "one group": {"group": pl.lit("same")},
    "words for numbers": {"conf_gpt_4o_mini": pl.lit("sure")},
}


@pytest.mark.parametrize("case", [*CASCADES, "empty", "no column", "no parquet"])
def test_recorded_answers_that_cannot_be_used_are_told(folder, case):
    prices(folder, n=60)
    file = folder / "internal/cascade_zellinger.parquet"
    rows = pl.read_parquet(file)
    if case == "no parquet":
        file.write_text("PAR")
    else:
        changed = rows.with_columns(**CASCADES[case]) if case in CASCADES else rows.head(0) if case == "empty" else rows.drop("split")
        changed.write_parquet(file)
    told(folder, "bench cascade --data . --draws 5 --json out")


@pytest.mark.parametrize("what", FILES)
def test_own_answers_that_cannot_be_used_are_told(folder, what):
    (folder / "own").mkdir()
    (folder / "own/qwen0.5b.jsonl").write_text(FILES[what])
    assert "qwen0.5b.jsonl" in told(folder, "bench cascade --data . --draws 5 --json out")


POLICIES = {"bench routed-vs-large": "--policy {file} --json out", "replay": "--traces good.jsonl --policy {file} --classifier none"}


@pytest.mark.parametrize("what", ["empty", "no JSON", "bytes"])
@pytest.mark.parametrize("command", POLICIES)
def test_a_policy_that_is_none_is_told(folder, command, what):
    (folder / "bad.yaml").write_text(FILES[what])
    assert "bad.yaml" in told(folder, f"{command} {POLICIES[command].format(file='bad.yaml')}")


@pytest.mark.parametrize("what", ["empty", "no JSON", "bytes"])
def test_templates_that_are_none_are_told(folder, what):
    (folder / "bad.yaml").write_text(FILES[what])
    assert "bad.yaml" in told(folder, "bench routed-vs-large --templates bad.yaml --json out")
