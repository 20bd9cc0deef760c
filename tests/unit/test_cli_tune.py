"""`cascade tune`."""

import json
import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from litellm_cascade.offline.cli import app
from litellm_cascade.offline.policy_text import with_values
from litellm_cascade.offline.traffic.sampling import sampled
from litellm_cascade.policy import load_policy
from litellm_cascade.policy.source import Source
from traffic_records import recorded, request_row, write_lines, write_record

GATED = """\
# For the tests: a cascade for all.
version: 1
name: gated
models:
  small: {tier: budget, quality: {general: 0.7}, price: {input_usd_per_million: 1, output_usd_per_million: 2}}
  large: {tier: premium, quality: {general: 0.9}, price: {input_usd_per_million: 10, output_usd_per_million: 20}}
routes:
  - {name: all, cascade: [small, large], gate: sure}
gates:
  sure:
    confidence: {score: mean} # nats
    accept_at: -0.05 # too strict by far
"""
CUT = (
    GATED.split("routes:", maxsplit=1)[0]
    + """\
routes:
  - name: by length
    choose: {strategy: thresholds, by: signals.input_tokens, cuts: [10], candidates: [small, large]} # ten words
"""
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gated.yaml").write_text(GATED)
    (tmp_path / "cut.yaml").write_text(CUT)
    write_lines(tmp_path / "labelled.jsonl", labelled(800))
    return tmp_path


def labelled(count):
    """The less sure the small model is, and the longer the prompt, the less often it is right. The large one is right for 95 in 100."""
    random = Random(3)
    for number in range(count):
        doubt, words = random.random(), random.randrange(2, 60)
        text = f"{number} " + "word " * words
        correct = {"small": random.random() < 0.98 - 0.7 * doubt * (words / 60) ** 0.3, "large": random.random() < 0.95}
        row = request_row(
            number, correct=correct, scores={"small": {"mean": -doubt}}, usage={"prompt_tokens": 100, "completion_tokens": 10}
        )
        yield row | {"messages": [{"role": "user", "content": text}]}


def run(*arguments):
    return CliRunner().invoke(app, ["tune", *map(str, arguments), "--classifier", "none"])


def tuned(policy, *options, traces="labelled.jsonl"):
    result = run(policy, "--traces", traces, "--json", "out.json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(Path("out.json").read_text(encoding="utf-8"))


# --- the front and the wish --------------------------------------------------------------------------------------------------------


def test_the_front_rises_in_cost_and_in_quality(folder):
    found = tuned("gated.yaml")
    costs, qualities = ([point["fitted"][name]["value"] for point in found["front"]] for name in ("cost_usd", "quality"))
    assert costs == sorted(costs)
    assert qualities == sorted(qualities)
    assert len(costs) > 5
    assert (found["quality_by"], found["chosen"]) == ("recorded correctness", None)


def test_a_floor_is_held_with_the_least_cost_and_promised_by_what_was_not_fitted(folder):
    found = tuned("gated.yaml", "--quality-floor", "0.8")
    chosen = found["chosen"]
    assert chosen["fitted"]["quality"]["low"] >= 0.8
    cheaper = [point for point in found["front"] if point["fitted"]["cost_usd"]["value"] < chosen["fitted"]["cost_usd"]["value"]]
    assert all(point["fitted"]["quality"]["low"] < 0.8 for point in cheaper)
    assert chosen["held_out"]["quality"]["value"] != chosen["fitted"]["quality"]["value"]
    assert chosen["held_out"]["quality"]["value"] >= 0.8
    assert found["now"]["held_out"]["savings"]["value"] < chosen["held_out"]["savings"]["value"] < 1


def test_right_answers_throughout_do_not_say_that_all_are(folder):
    write_lines(folder / "labelled.jsonl", [row | {"correct": {"small": True, "large": True}} for row in labelled(300)])
    chosen = tuned("gated.yaml", "--quality-floor", "0.9")["chosen"]
    for half in ("fitted", "held_out"):
        quality = chosen[half]["quality"]
        assert 0.95 < quality["low"] < 0.98, "of 150 right ones"
        assert (quality["value"], quality["high"]) == (1, 1)
    result = run("gated.yaml", "--traces", "labelled.jsonl", "--quality-floor", "0.99")
    assert (result.exit_code, "no setting holds a quality of 0.99 beyond its interval" in result.stderr) == (1, True)


def test_few_dollars_are_told_without_powers_of_ten(folder):
    cheap = GATED.replace("_million: 1,", "_million: 0.01,").replace("_million: 2}", "_million: 0.02}").replace("-0.05", "-0.9")
    Path("cheap.yaml").write_text(cheap.replace("_million: 10,", "_million: 0.1,").replace("_million: 20}", "_million: 0.2}"))
    output = run("cheap.yaml", "--traces", "labelled.jsonl", "--budget-usd", "0.00001", "--html", "out.html").stdout
    assert re.search(r", 0\.00000\d+ USD a request", output)
    assert '"exponentformat":"none"' in Path("out.html").read_text(encoding="utf-8")


def test_a_budget_is_kept_with_the_best_quality(folder):
    found = tuned("gated.yaml", "--budget-usd", "0.0006")
    chosen = found["chosen"]
    assert chosen["fitted"]["cost_usd"]["high"] <= 0.0006
    assert chosen["fitted"]["quality"]["value"] == max(
        point["fitted"]["quality"]["value"] for point in found["front"] if point["fitted"]["cost_usd"]["high"] <= 0.0006
    )


def test_the_two_ends_are_asking_one_alias_for_everything(folder):
    found = tuned("gated.yaml")
    assert found["all_large"]["savings"]["value"] == 0
    assert found["all_small"]["savings"]["value"] == pytest.approx(0.9)
    assert found["all_large"]["quality"]["value"] > found["all_small"]["quality"]["value"]


def test_cuts_are_tuned_too(folder):
    found = tuned("cut.yaml", "--quality-floor", "0.8", "--out", "out.yaml")
    cut = load_policy(folder / "out.yaml").document.routes[0].choose.cuts[0]
    assert found["chosen"]["setting"] == {"routes.0.choose.cuts.0": cut}
    assert cut != 10


def test_a_tuning_is_seeded(folder):
    first = tuned("gated.yaml", "--quality-floor", "0.8", "--seed", "4")
    assert tuned("gated.yaml", "--quality-floor", "0.8", "--seed", "4") == first
    assert tuned("gated.yaml", "--quality-floor", "0.8", "--seed", "5")["front"] != first["front"]


def test_requests_that_ask_the_same_never_stand_on_both_sides(folder):
    rows = list(labelled(100))
    write_lines(folder / "twice.jsonl", [row for row in rows for _ in range(8)])
    found = tuned("gated.yaml", traces="twice.jsonl")
    assert found["fitted_n"] % 8 == found["held_out_n"] % 8 == 0
    assert found["fitted_n"] + found["held_out_n"] == 800


def test_of_many_requests_a_sample_is_taken(folder):
    found = tuned("gated.yaml", "--sample", "300")
    assert found["fitted_n"] + found["held_out_n"] == found["sample"] == 300


# --- what it writes ----------------------------------------------------------------------------------------------------------------


def test_the_policy_differs_in_its_numbers_and_its_name_alone_and_says_why(folder):
    tuned("gated.yaml", "--quality-floor", "0.8", "--out", "new/tuned.yaml")
    written, (number,) = Path("new/tuned.yaml").read_text(), json.loads(Path("out.json").read_text())["chosen"]["setting"].values()
    kept, _, told = written.rpartition("# cascade tune: ")
    assert kept == GATED.replace("-0.05", repr(number)).replace("name: gated", 'name: "gated-tuned"')
    assert "held" not in kept
    assert "savings against always the largest" in told
    assert "gated.yaml --traces labelled.jsonl" in told
    assert CliRunner().invoke(app, ["check", "new/tuned.yaml"]).exit_code == 0


def test_a_policy_that_is_tuned_again_has_one_line_of_it(folder):
    tuned("gated.yaml", "--quality-floor", "0.8", "--out", "tuned.yaml")
    tuned("tuned.yaml", "--quality-floor", "0.7", "--out", "tuned.yaml")
    assert Path("tuned.yaml").read_text().count("# cascade tune:") == 1
    assert load_policy("tuned.yaml").name == "gated-tuned"


@pytest.mark.parametrize("name", ["night shift", "no", "a, b: {c}", 'said "so"', "Spätdienst"])
def test_it_is_called_what_it_is_to_be_called(folder, name):
    result = run("gated.yaml", "--traces", "labelled.jsonl", "--quality-floor", "0.8", "--steps", "2", "--out", "out.yaml", "--name", name)
    assert f"out.yaml: written under the name {name!r}, which traces, metrics and records will have" in result.stdout
    assert load_policy("out.yaml").name == name


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--name", "mine"], 2, "--name is of the policy that --out writes; give both"),
        (["--name", "", "--out", "out.yaml"], 1, "out.yaml:3:7: $.name:"),
        (["--name", "two\nlines", "--out", "out.yaml"], 1, "out.yaml:3:7: $.name:"),
    ],
)
def test_a_name_that_names_nothing(folder, options, code, told):
    result = run("gated.yaml", "--traces", "labelled.jsonl", "--quality-floor", "0.8", "--steps", "2", *options)
    assert (result.exit_code, told in result.stderr) == (code, True)
    assert not Path("out.yaml").exists()


def test_the_page_holds_everything_and_knows_the_dark(folder):
    tuned("gated.yaml", "--quality-floor", "0.8", "--html", "tuned.html")
    page = Path("tuned.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in page
    assert "Plotly.newPlot" in page
    assert "<script src=" not in page
    assert "by chance between them" in page


@given(st.lists(st.floats(-9, 0, allow_nan=False), min_size=1, max_size=4))
def test_only_the_numbers_change(numbers):
    names = [f"g{place}" for place in range(len(numbers))]
    text = "gates: # here\n" + "".join(f"  {name}: {{accept_at: -1, x: 2}} # {name}\n" for name in names)
    changed = with_values(text, {("gates", name, "accept_at"): number for name, number in zip(names, numbers, strict=True)})
    assert [line.partition("#")[2] for line in changed.splitlines()] == [line.partition("#")[2] for line in text.splitlines()]
    raw = Source("x", changed).raw
    assert [raw["gates"][name] for name in names] == [{"accept_at": number, "x": 2} for number in numbers]


@pytest.mark.parametrize("path", [("gates", "b"), ("gates", "a"), ("gates", "a", 3), ("x",)])
def test_a_place_that_is_not_there_is_an_error(path):
    with pytest.raises(KeyError):
        with_values("gates: {a: [1, 2]}\n", {path: 1.0})


@settings(max_examples=30)
@given(count=st.integers(0, 200), most=st.integers(1, 50), seed=st.integers(0, 99))
def test_a_sample_is_as_large_as_it_may_be_and_in_order(count, most, seed):
    found = sampled(range(count), most, Random(seed))
    assert len(found) == min(count, most)
    assert found == sorted(set(found))


# --- other traffic -----------------------------------------------------------------------------------------------------------------


def test_a_decision_record_is_tuned_by_its_scores_and_the_pool(folder):
    random = Random(1)
    write_record(folder / "record", [recorded(folder / "gated.yaml", number, -random.random()) for number in range(300)])
    result = run("gated.yaml", "--traces", "record", "--budget-usd", "0.01")
    assert result.exit_code == 0, result.output
    assert "quality is what the pool's estimates say, no better than those" in result.stdout
    assert "taken: sure accept_at" in result.stdout


# --- what cannot be done -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quality-floor", "0.999"], "no setting holds a quality of 0.999 beyond its interval; the most is 0.9"),
        (["--budget-usd", "0.0000001"], "no setting stays within 0.0000001 USD a request"),
    ],
)
def test_a_wish_that_no_setting_fulfils_is_told(folder, arguments, message):
    result = run("gated.yaml", "--traces", "labelled.jsonl", "--out", "out.yaml", *arguments)
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1), result.stderr
    assert message in result.stderr
    assert not Path("out.yaml").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda row: row | {"scores": None},
            "there is nothing to tune: no thresholds, and no gate with scores; gate 'sure' is left alone: 0",
        ),
        (lambda row: row | {"correct": {"small": 2}}, "`correct` must say for each alias"),
        (lambda row: row | {"scores": {"small": {"mean": "high"}}}, "`scores` must say for an alias how sure it was"),
    ],
)
def test_traffic_that_says_nothing_is_told(folder, change, message):
    write_lines(folder / "bad.jsonl", [change(row) for row in labelled(120)])
    result = run("gated.yaml", "--traces", "bad.jsonl")
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1), result.stderr
    assert message in result.stderr


def test_a_policy_without_thresholds_is_told(folder):
    Path("plain.yaml").write_text(f"{GATED.partition('routes:')[0]}routes: [{{name: all, send: small}}]\n")
    result = run("plain.yaml", "--traces", "labelled.jsonl")
    assert (result.exit_code, result.stderr) == (1, "plain.yaml: there is nothing to tune: no thresholds, and no gate with scores\n")


def test_missing_prices_are_told(folder):
    Path("free.yaml").write_text(GATED.replace(", price: {input_usd_per_million: 10, output_usd_per_million: 20}", ""))
    result = run("free.yaml", "--traces", "labelled.jsonl")
    assert result.exit_code == 1
    assert "cost and quality are known for 0 requests" in result.stderr
    assert "give every model of the policy a `price`" in result.stderr


def test_files_that_a_policy_names_must_lie_beside_what_is_written(folder):
    text = GATED.replace("accept_at: -0.05 # too strict by far", "accept_at: 0.5\n    calibration: small.json")
    Path("calibrated.yaml").write_text(text)
    answers = [{"alias": "small", "correct": number % 90 < 60 + number % 7, "mean": -0.01 * (number % 90)} for number in range(300)]
    write_lines(folder / "answers.jsonl", answers)
    made = CliRunner().invoke(app, ["calibrate", "--traces", "answers.jsonl", "--alias", "small", "--score", "mean", "--out", "small.json"])
    assert made.exit_code == 0, made.output
    result = run("calibrated.yaml", "--traces", "labelled.jsonl", "--quality-floor", "0.7", "--out", "elsewhere/new.yaml")
    assert result.exit_code == 1
    assert "write it into" in result.stderr
    assert run("calibrated.yaml", "--traces", "labelled.jsonl", "--quality-floor", "0.7", "--out", "new.yaml").exit_code == 0


@pytest.mark.parametrize("arguments", [["--quality-floor", "0.5", "--budget-usd", "1"], ["--out", "x.yaml"]])
def test_half_a_wish_is_called_wrongly(folder, arguments):
    assert run("gated.yaml", "--traces", "labelled.jsonl", *arguments).exit_code == 2
