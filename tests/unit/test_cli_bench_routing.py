"""`cascade bench routing`, on made-up records in the form of the real ones."""

import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from litellm_cascade.offline.bench_routing.methods import ELSEWHERE, Basis, others_of, trained
from litellm_cascade.offline.bench_routing.pairs import read_pairs
from litellm_cascade.offline.calibrating.figures import apgr
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.gaining.ensemble import fit_gain
from routing_records import write_pairs


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CASCADE_DATA", raising=False)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["bench", "routing", *arguments])


def rows_in(file):
    return {(row["set"], row["method"]): row for row in json.loads(file.read_text())["rows"]}


def test_without_the_data_it_says_so_and_is_well():
    result = run()
    assert (result.exit_code, result.stdout.startswith("skipped: there is no folder '../shared/data'")) == (0, True)


def test_every_method_has_every_figure_and_what_is_known_by_construction_comes_out(folder):
    write_pairs(folder / "data", n=240)
    result = run("--data", "data", "--draws", "40", "--json", "out.json", "--html", "out.html")
    assert result.exit_code == 0, result.output
    rows = rows_in(folder / "out.json")
    methods = {method for name, method in rows if name == "first"}
    assert {
        "random",
        "prompt length",
        "oracle",
        "complexity (thresholds, rules)",
        "utility (the pool's quality)",
        "learned: the file that ships",
        "learned: chances",
        "neighbours",
        "gain ensemble",
        "gain, other benchmarks only",
    } <= methods
    for name in ("set", "method", "n", "apgr", "apgr_low", "apgr_high", "cpt50", "cpt80", "auroc", "aiq"):
        assert all(row[name] is not None for row in rows.values()), name
    random, chances, oracle = (rows["first", name] for name in ("random", "learned: chances", "oracle"))
    assert random["apgr"] == pytest.approx(0.5, abs=0.01)
    assert random["cpt80"] == pytest.approx(0.8, abs=0.01)
    assert chances["over_length_low"] > 0, "the words tell hard from easy, the length does not"
    assert chances["apgr_low"] <= chances["apgr"] <= chances["apgr_high"]
    assert oracle["auroc"] == 1.0
    assert oracle["apgr"] > chances["apgr"] > random["apgr"]
    assert oracle["aiq"] > chances["aiq"] > random["aiq"]
    assert rows["first", "gain, other benchmarks only"]["apgr"] > 0.6, "the other pair has the same words"
    page = (folder / "out.html").read_text()
    assert "prefers-color-scheme: dark" in page
    assert "<script src" not in page, "it needs no network"
    assert "learned: chances" in page


def test_everything_is_fitted_on_the_other_folder_and_all_of_the_data_is_scored(folder):
    write_pairs(folder / "here", pairs=("first",), n=120, seed=2, tests=120)
    write_pairs(folder / "there", pairs=("first",), n=200, seed=3)
    result = run("--data", "here", "--fit", "there", "--draws", "20", "--json", "out.json")
    assert result.exit_code == 0, result.output
    row = rows_in(folder / "out.json")["first", "learned: chances"]
    assert row["n"] == 120
    assert row["apgr"] > 0.6
    told = json.loads((folder / "out.json").read_text())
    assert told["data"].keys() == {"data", "fit"}
    assert told["fitted_on"] == "another folder's records"
    assert not (folder / "out.json.parts").exists()


def test_prompts_marked_test_are_scored_and_never_fitted_on(folder):
    write_pairs(folder / "data", pairs=("first",), n=240, tests=100)
    before = run("--data", "data", "--draws", "2", "--json", "before.json")
    flip = {
        name: pl.when(pl.col("split") == "test").then(1 - pl.col(name)).otherwise(pl.col(name)) for name in ("score_weak", "score_strong")
    }
    write_pairs(folder / "data", pairs=("first",), n=240, tests=100, **flip)
    after = run("--data", "data", "--draws", "2", "--json", "after.json")
    assert before.exit_code == after.exit_code == 0, before.output + after.output
    first, second = (rows_in(folder / f"{name}.json")["first", "TF-IDF gain"] for name in ("before", "after"))
    assert first["n"] == second["n"] == 100
    assert first["apgr"] == pytest.approx(second["apgr"]), "the same order, and a gap of the opposite sign: the same shares of it"


def test_an_interrupted_run_goes_on_where_it_was(folder):
    write_pairs(folder / "data", pairs=("first", "second"), n=80)
    (folder / "file").write_text("")
    asked = ("--data", "data", "--draws", "5", "--json", "out.json")
    broken = run(*asked, "--pair", "first", "--html", "file/page.html")  # that cannot be written, when all was measured
    assert (broken.exit_code, "cannot be written" in broken.stderr) == (1, True)
    parts = [*(folder / "out.json.parts").iterdir()]
    assert len(parts) == 1
    kept = json.loads(parts[0].read_text())
    kept[0]["aiq"] = 0.125
    parts[0].write_text(json.dumps(kept))
    assert run(*asked).exit_code == 0
    resumed = rows_in(folder / "out.json")
    assert resumed["first", kept[0]["method"]]["aiq"] == 0.125, "it was not measured again"
    assert resumed["second", "oracle"]["auroc"] == 1.0
    assert not (folder / "out.json.parts").exists()


BAD = {
    "a gap in the scores": (
        {"score_weak": pl.when(pl.col("pid") == "first1-3").then(None).otherwise(pl.col("score_weak"))},
        "1 of 120 rows",
    ),
    "not a number": ({"score_strong": pl.lit(float("nan"))}, "120 of 120 rows have no finite 'score_strong'"),
    "one class only": ({"score_weak": pl.lit(1), "score_strong": pl.lit(1)}, "'huge' gains nothing over 'tiny'"),
    "a larger model that is worse": ({"score_weak": pl.col("score_strong"), "score_strong": pl.lit(0)}, "'huge' gains nothing over 'tiny'"),
    "a prompt that comes again": ({"pid": pl.lit("first1-3")}, "119 of 120 rows have a 'pair' and 'pid' that came before"),
    "a price of one model": ({"cost_usd_weak": pl.lit(None, pl.Float64)}, "has prices for one model and none for 'tiny'"),
    "a negative price": ({"cost_usd_strong": pl.lit(-0.25)}, "120 of 120 rows have a 'cost_usd_strong' below 0"),
    "an unknown prompt": ({"pid": pl.int_range(pl.len())}, "120 of 120 rows have a `pid`"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_told_in_one_sentence(folder, case):
    changes, sentence = BAD[case]
    write_pairs(folder / "data", pairs=("first",), n=120, **changes)
    result = run("--data", "data", "--draws", "2")
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert "routing_pairs.parquet" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_prompts_that_cannot_be_used_are_told_in_one_sentence(folder):
    file = write_pairs(folder / "data", pairs=("first",), n=120) / "routing_prompts.parquet"
    table, said = pl.read_parquet(file), []
    for changed in (table.with_columns(prompt=pl.lit(" ")), table.with_columns(group=pl.lit("same")), pl.concat([table, table.head(2)])):
        changed.write_parquet(file)
        result = run("--data", "data", "--draws", "2")
        assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1), result.stderr
        said.append(result.stderr)
    assert "120 prompts of 'first' are empty" in said[0]
    assert "prompts of 'first' are of 1 group, held out in turn; it takes 10" in said[1]
    assert "routing_prompts.parquet: 2 of 122 rows have a 'pid' that came before" in said[2]


def test_prompts_without_a_group_are_not_of_one(folder):
    file = write_pairs(folder / "data", pairs=("first",), n=60) / "routing_prompts.parquet"
    pl.read_parquet(file).with_columns(group=pl.lit(None, pl.String)).write_parquet(file)
    (one,) = read_pairs(folder / "data")
    assert len(set(one.groups)) == 60


def test_files_that_are_empty_broken_or_without_columns_are_told(folder):
    file = write_pairs(folder / "data", pairs=("first",), n=40) / "routing_pairs.parquet"
    table = pl.read_parquet(file)
    table.drop("score_weak").write_parquet(file)
    lacking = run("--data", "data")
    table.clear().write_parquet(file)
    empty = run("--data", "data")
    file.write_bytes(b"")
    broken = run("--data", "data")
    file.unlink()
    gone = run("--data", "data")
    assert [result.exit_code for result in (lacking, empty, broken, gone)] == [1, 1, 1, 1]
    assert "has no column 'score_weak'" in lacking.stderr
    assert "holds no row" in empty.stderr
    assert "is no parquet file" in broken.stderr
    assert "there is no routing_pairs.parquet" in gone.stderr


def test_a_pair_that_is_not_there_is_told(folder):
    write_pairs(folder / "here", pairs=("first",), n=60)
    write_pairs(folder / "there", pairs=("second",), n=60)
    unknown = run("--data", "here", "--pair", "third")
    elsewhere = run("--data", "here", "--fit", "there")
    assert (unknown.exit_code, unknown.stderr) == (1, "there is no pair 'third'; there are first\n")
    assert elsewhere.exit_code == 1
    assert "'first' is not in the folder that --fit names" in elsewhere.stderr
    itself = run("--data", "here", "--fit", "here")
    assert (itself.exit_code, len(itself.stderr.splitlines())) == (1, 1), itself.stderr
    assert "has no prompt of 'first' that is neither marked test nor scored" in itself.stderr


def test_a_method_that_cannot_be_fitted_to_a_small_set_is_left_out_and_told(folder):
    write_pairs(folder / "data", pairs=("first",), n=48)
    result = run("--data", "data", "--draws", "5", "--json", "out.json")
    assert result.exit_code == 0, result.output
    methods = {method for _, method in rows_in(folder / "out.json")}
    assert {"random", "prompt length", "TF-IDF gain", "oracle"} <= methods
    assert "learned: chances" not in methods
    assert "'learned: chances' is left out: 'weak' has" in result.stderr


def test_how_right_other_pairs_models_were_is_known_by_the_text_and_never_the_pairs_own(tmp_path):
    folder = write_pairs(tmp_path, pairs=("first",), n=60)
    rows, prompts = pl.read_parquet(folder / "routing_pairs.parquet"), pl.read_parquet(folder / "routing_prompts.parquet")
    others = rows.head(40).with_columns(pair=pl.lit("second"), strong_model=pl.lit("vast"), score_strong=pl.lit(1, pl.Int64))
    unlearnable = rows.with_columns(
        pair=pl.lit("third"), weak_model=pl.lit("foe"), pid="third" + pl.col("pid"), score_weak=1 - pl.col("score_weak")
    )
    renamed = prompts.with_columns(pid="third" + pl.col("pid"), source=pl.lit("routerarena"))
    pl.concat([rows, others, unlearnable]).write_parquet(folder / "routing_pairs.parquet")
    pl.concat([prompts, renamed]).write_parquet(folder / "routing_prompts.parquet")
    first, second, third = read_pairs(folder)
    known = np.isin(first.pids, second.pids)
    assert known.sum() == 40
    assert first.elsewhere[known].tolist() == [1.0] * 40, "of vast alone: tiny is its own, routerarena is not learned from"
    assert np.isnan(first.elsewhere[~known]).all()
    of_huge = dict(zip(first.pids, first.score_strong.tolist(), strict=True))
    assert second.elsewhere.tolist() == [of_huge[pid] for pid in second.pids]
    assert first.at(known).elsewhere.tolist() == [1.0] * 40
    assert len(third) == 60


def test_what_other_models_fail_at_tells_the_ensemble_where_a_larger_one_gains():
    random = np.random.default_rng(2)
    hard = random.random(300) < 0.5
    texts = [" ".join([*random.choice(["prove", "lemma"] if one else ["colour", "animal"], 3), f"n{n % 9}"]) for n, one in enumerate(hard)]
    weak, strong = (random.random((2, 300)) < 0.5).astype(float)
    said = fit_gain(texts, weak, strong, np.where(hard, 0.0, 1.0))(texts) - fit_gain(texts, weak, strong)(texts)
    assert said[hard].mean() > said[~hard].mean() + 1, "the outcomes of the pair itself are chance"
    nobody_asked = fit_gain(texts, weak, strong, np.full(300, np.nan))(texts)
    assert nobody_asked.tolist() == fit_gain(texts, weak, strong)(texts).tolist()


def test_another_benchmark_teaches_nothing_of_a_prompt_by_its_near_duplicates(tmp_path):
    right = pl.int_range(pl.len()) // 2 % 2
    folder = write_pairs(tmp_path, pairs=("first",), n=200, score_weak=right, score_strong=pl.lit(1))
    rows, prompts = pl.read_parquet(folder / "routing_pairs.parquet"), pl.read_parquet(folder / "routing_prompts.parquet")
    two = (pl.int_range(pl.len()) // 2).cast(pl.String)  # a word of their own tells each two from all others
    prompts = prompts.with_columns(prompt="w" + two + " v" + pl.int_range(pl.len()).cast(pl.String), group=two)
    named = [pl.lit("again").alias("benchmark"), ("again" + pl.col("pid")).alias("pid")]
    pl.concat([rows, rows.with_columns(*named, pair=pl.lit("second"))]).write_parquet(folder / "routing_pairs.parquet")
    orders = []
    for group in (pl.col("group"), "again" + pl.col("group")):
        pl.concat([prompts, prompts.with_columns(*named, group=group)]).write_parquet(folder / "routing_prompts.parquet")
        pairs = read_pairs(folder)
        basis = Basis(own=None, others=others_of(pairs[0], pairs), seen={}, seed=0)
        orders.append(apgr(-trained(pairs[0], basis)[ELSEWHERE](), pairs[0].gains))
    like, unlike = orders
    assert unlike > 0.65, "the same words in another group are learnt from; the outcome itself has 0.75"
    assert like < 0.55
