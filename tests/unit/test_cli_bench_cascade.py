"""`cascade bench cascade`, on made-up records in the form of the real ones."""

import json
from random import Random

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from litellm_cascade.offline.bench_cascade import report
from litellm_cascade.offline.bench_cascade.rows import rows_of
from litellm_cascade.offline.bench_cascade.sets import BenchSet, read_sets
from litellm_cascade.offline.bench_common.resuming import Parts
from litellm_cascade.offline.calibrating.records import Records
from litellm_cascade.offline.cli import app


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CASCADE_DATA", raising=False)
    return tmp_path


def measured(folder, fit, *, seed, draws):
    about = {"seed": seed, "bootstrap_draws": draws}
    elsewhere = read_sets(fit) if fit is not None else None
    return report.measured(read_sets(folder), elsewhere, about, Parts(folder=None, key={}))


def own(folder, run, n=110, seed=1):
    random, lines = Random(seed), []
    for number in range(n):
        doubt = random.expovariate(1.0)
        tokens = [{"t": "x", "lp": -doubt / 3, "top": [["x", -doubt / 3]]}] * 2 + [{"t": "y", "lp": -doubt, "top": [["y", -doubt]]}]
        lines.append({"id": str(number), "cat": "fact", "q": "?" * 9, "correct": random.random() > 0.3 * doubt, "tokens": tokens})
    (folder / "own").mkdir(parents=True, exist_ok=True)
    (folder / "own" / f"{run}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def prices(folder, n=600, tests=0, seed=1, mends_the_hard=0.8):
    """A task where the small model is nearly always right, and one where it is not, both with the same log-probabilities."""
    random, rows = Random(seed), []
    for number in range(n):
        easy, doubt = number % 2 == 0, random.expovariate(1.0)
        right = random.random() > (0.02 if easy else 0.2) * (1 + 2 * doubt)
        mends = 0.8 if easy else mends_the_hard
        row = {
            "benchmark": "easy" if easy else "hard",
            "group": f"g{number}",
            "split": "test" if number < tests else "dev",
            "prompt": "x" * number,
        }
        for small, large in (("gpt_4o_mini", "gpt_4o"), ("llama3_1_8b", "llama3_1_405b")):
            row |= {f"conf_{small}": -doubt, f"correct_{small}": int(right), f"cost_{small}": 1.0}
            row |= {f"correct_{large}": int(right or random.random() < mends), f"cost_{large}": 15.0}
        rows.append(row)
    (folder / "internal").mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_parquet(folder / "internal/cascade_zellinger.parquet")


def run(*arguments):
    return CliRunner().invoke(app, ["bench", "cascade", *arguments])


def test_without_the_data_it_says_so_and_is_well():
    result = run()
    assert result.exit_code == 0
    assert (
        result.stdout
        == "skipped: there is no folder '../shared/data'; name the one with the recorded answers with --data or CASCADE_DATA\n"
    )


def test_a_folder_without_a_set_is_told_too(folder):
    result = run("--data", str(folder))
    assert (result.exit_code, result.stdout.startswith("skipped: no set of this benchmark is in ")) == (0, True)


def test_every_set_has_every_method_and_every_number_is_written(folder):
    own(folder, "qwen0.5b", n=60)
    own(folder, "qwen1.5b", n=60, seed=2)
    prices(folder, n=520)
    result = run("--data", str(folder), "--draws", "20", "--json", "out.json", "--html", "out.html")
    assert result.exit_code == 0, result.output
    told = json.loads((folder / "out.json").read_text())
    methods = {}
    for row in told["rows"]:
        methods.setdefault(row["set"], set()).add(row["method"])
    assert set(methods) == {
        "gpt-4o-mini -> gpt-4o",
        "llama3-1-8b -> llama3-1-405b",
        "own, qwen0.5b -> qwen1.5b",
        "own, qwen1.5b",
        "own, all models",
    }
    for found in methods.values():
        assert {"random", "prompt length", "raw mean", "calibrated", "learned", "oracle"} <= found
    assert {"raw min", "raw sum", "calibrated: no worse"} <= methods["own, qwen0.5b -> qwen1.5b"]
    assert {risk["set"] for risk in told["risk"]} == {"gpt-4o-mini -> gpt-4o", "llama3-1-8b -> llama3-1-405b"}
    assert (told["seed"], told["bootstrap_draws"]) == (0, 20)
    assert "| calibrated |" in result.stdout
    assert (folder / "out.html").stat().st_size > 1_000_000, "plotly is in the page"


def row_of(results, method):
    return next(row for row in results.rows if row.method == method)


def test_what_is_known_by_construction_comes_out(folder):
    prices(folder, n=1_000)
    results = measured(folder, None, seed=0, draws=20)
    random, raw, calibrated, oracle = (row_of(results, name) for name in ("random", "raw mean", "calibrated", "oracle"))
    assert random.auroc == 0.5
    assert random.apgr == pytest.approx(0.5, abs=0.001)
    assert calibrated.over_mean_low > 0, "only the task tells easy from hard"
    assert calibrated.apgr > raw.apgr > 0.5
    assert oracle.apgr > calibrated.apgr
    assert calibrated.ece_after < 0.05 < calibrated.ece_before
    assert oracle.cost_share_95 < calibrated.cost_share_95 <= 1.1
    assert all(risk.held >= 90 for risk in results.risks)


def test_what_the_large_model_does_not_mend_is_not_worth_asking_it(folder):
    """The large model is wrong as well about most of what the small one fails at in the hard task."""
    prices(folder, n=1_000, mends_the_hard=0.05)
    found = {row.method: row for row in rows_of(read_sets(folder)[0], None, seed=0, draws=20)}
    calibrated, no_worse = found["calibrated"], found["calibrated: no worse"]
    assert no_worse.apgr > calibrated.apgr + 0.1
    assert no_worse.auroc < calibrated.auroc, "it tells another thing than right from wrong"
    assert no_worse.ece_after < 0.05


def test_a_score_that_says_nothing_is_no_better_and_no_worse_than_chance():
    """Fits that know less of the better fold, put in one order with the others, would be worse than chance by 0.04."""
    figures_of = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        groups, nothing = np.arange(400).astype(str), np.zeros(400)
        correct = (random.random(400) < 0.7).astype(float)
        records = Records(
            alias="small",
            scores={"mean": -random.exponential(size=400)},
            correct=correct,
            tasks=np.full(400, "Other"),
            groups=groups,
            correct_large=np.ones(400),
        )
        one = BenchSet(name="noise", records=records, lengths=nothing, split=np.full(400, "dev"), raw=("mean",), data="")
        figures_of.append({row.method: (row.auroc, row.apgr) for row in rows_of(one, None, seed=0, draws=2)})
    for method in ("calibrated", "learned", "calibrated: no worse"):
        auroc, apgr = np.mean([found[method] for found in figures_of], axis=0)
        assert auroc == pytest.approx(0.5, abs=0.02), method
        assert apgr == pytest.approx(0.5, abs=0.02), method


def test_nothing_is_fitted_on_answers_marked_test(folder):
    prices(folder, n=700, tests=300)
    before = row_of(measured(folder, None, seed=0, draws=2), "calibrated")
    table = pl.read_parquet(folder / "internal/cascade_zellinger.parquet")
    flipped = pl.when(pl.col("split") == "test").then(1 - pl.col("correct_gpt_4o_mini")).otherwise(pl.col("correct_gpt_4o_mini"))
    table.with_columns(flipped.alias("correct_gpt_4o_mini")).write_parquet(folder / "internal/cascade_zellinger.parquet")
    after = row_of(measured(folder, None, seed=0, draws=2), "calibrated")
    assert before.n == after.n == 300
    assert after.auroc == pytest.approx(1 - before.auroc), "the same probabilities, held against the opposite outcomes"


def test_answers_that_are_all_marked_test_need_others_to_fit_on(folder):
    prices(folder / "here", n=400, tests=400, seed=3)
    prices(folder / "there", n=480, seed=4)
    said = "all answers of 'gpt-4o-mini -> gpt-4o' are marked test, and nothing is fitted on those; name others with --fit\n"
    alone = run("--data", "here", "--draws", "2")
    assert (alone.exit_code, alone.stderr) == (1, said)
    assert run("--data", "here", "--fit", "there", "--draws", "2").exit_code == 0


def test_what_is_scored_is_not_fitted_on_though_it_lies_in_the_other_folder_too(folder):
    prices(folder / "here", n=400, seed=3)
    result = run("--data", "here", "--fit", "here", "--draws", "2")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1), result.stderr
    assert "--fit has no answer of 'gpt-4o-mini -> gpt-4o' that is neither marked test nor scored" in result.stderr


def test_what_is_fitted_elsewhere_scores_all_of_the_data(folder):
    prices(folder / "here", n=400, seed=3)
    prices(folder / "there", n=480, seed=4)
    row = row_of(measured(folder / "here", folder / "there", seed=0, draws=2), "calibrated")
    assert row.n == 400
    assert row.auroc > 0.6


def test_the_majority_of_five_samples_is_judged(folder):
    rows = []
    for prompt in range(60):
        for number in range(5):
            answer = "$7.00" if number < 3 else str(number)
            numbers = dict.fromkeys((f"ans_{name}_lp" for name in ("mean", "min", "sum", "q25")), -0.1 * number)
            known = {"pid": str(prompt), "method": "CoD", "run": number, "benchmark": "gsm8k", "answer": answer, "prompt": "x"}
            right = {"weak_correct": int(number < 3 and prompt % 3 > 0), "gpt4_correct": 1.0}
            rows.append(known | numbers | right | {"group": str(prompt), "split": "dev"})
    pl.DataFrame(rows).write_parquet(folder / "cascade_llama8b_math.parquet")
    (found,) = read_sets(folder)
    assert found.name == "llama-3.1-8b -> gpt-4, GSM8K"
    assert len(found.records) == 60
    assert set(found.records.scores["agreement"]) == {0.6}
    assert set(found.records.scores["mean"]) == {0.0}, "of the first sample with the majority's answer"
    assert found.records.correct.mean() == pytest.approx(2 / 3)


def test_tokens_are_scored_as_a_gate_scores_them_and_the_source_s_parts_are_set_apart(folder):
    rows = [
        {
            "token_ids": [22559, 1627],
            "logprobs": [-0.5, -1.5],
            "weak_correct": n % 2,
            "benchmark": "svamp",
            "group": str(n),
            "split": "dev",
            "prompt": "x",
        }
        for n in range(8)
    ]
    pl.DataFrame(rows).write_parquet(folder / "cascade_llama8b_tokens.parquet")
    parts = {"method": "CoD", "ans_mean_lp": -0.2, "kw_mean_lp": None, "gpt4_correct": None}
    math = [row | parts for row in rows]
    pl.DataFrame(math, schema_overrides={"kw_mean_lp": pl.Float64, "gpt4_correct": pl.Float64}).write_parquet(
        folder / "cascade_llama8b_math.parquet"
    )
    (found,) = [one for one in read_sets(folder) if one.name.endswith("SVAMP tokens")]
    assert set(found.records.scores["mean"]) == {-1.0}
    assert set(found.records.scores["numbers_sum"]) == {-1.5}, "the tokens are ' Answer' and '26'"
    assert found.extra.keys() == {"ans_mean_lp", "kw_mean_lp"}
    assert np.isfinite(found.extra["kw_mean_lp"]).all()


def test_rounded_probabilities_become_log_probabilities(folder):
    rows = [
        {"p_ans_gpt-4o": p, "correct_gpt-4o": c, "correct_deepseek_r1": 1, "benchmark": "sat", "pid": str(n), "split": "dev"}
        for n, (p, c) in enumerate([(1.0, 1.0), (0.0, 0.0), (None, 1.0)])
    ]
    pl.DataFrame(rows).write_parquet(folder / "cascade_calibration_mcq.parquet")
    (found,) = read_sets(folder)
    assert found.records.scores["mean"].tolist() == [0.0, -100.0]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda table: table.drop("conf_gpt_4o_mini"), "has no column 'conf_gpt_4o_mini'"),
        (lambda table: table.clear(), "holds no row"),
        (lambda table: table.with_columns(correct_gpt_4o_mini=pl.lit(1)), "'gpt-4o-mini -> gpt-4o': all 400 answers are right"),
        (lambda table: table.with_columns(cost_gpt_4o=pl.lit(None, pl.Float64)), "400 of 400 answers have no finite 'cost_large'"),
        (lambda table: table.with_columns(conf_gpt_4o_mini=pl.lit(float("nan"))), "400 of 400 answers have no finite 'mean'"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_sentence(folder, change, sentence):
    prices(folder, n=400)
    file = folder / "internal/cascade_zellinger.parquet"
    change(pl.read_parquet(file)).write_parquet(file)
    result = run("--data", str(folder), "--draws", "2")
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1), result.output
    assert sentence in result.stderr
