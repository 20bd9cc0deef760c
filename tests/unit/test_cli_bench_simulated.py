"""`cascade bench routed-vs-large` and `scenarios`: the pipeline on simulated deployments."""

import io
import json
import re
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.telling import say, table
from litellm_cascade.offline.bench_simulated.scenarios import KINDS, dull, read_scenarios
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.simulating.text_to_sql import BANDS, joined, read_templates, shipped_templates, sql_prompts
from litellm_cascade.vocabulary import Overrides


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["bench", *arguments])


def test_each_band_has_five_templates_or_more_and_thirty_prompts_that_differ():
    templates = shipped_templates()
    assert all(len(templates.bands[band]) >= 5 for band in BANDS)
    prompts = sql_prompts(templates)
    assert [sum(prompt.band == band for prompt in prompts) for band in BANDS] == [30, 30, 30]
    assert len({prompt.text for prompt in prompts}) == 90
    assert not any("{" in prompt.text for prompt in prompts)
    assert prompts == sql_prompts(templates)
    assert prompts != sql_prompts(templates, seed=1)


def test_the_words_of_a_credit_business_are_all_there():
    lists = shipped_templates().lists
    assert {"customers", "accounts", "transactions", "credit applications", "risk scores", "loans"} <= {*lists["entity"]}
    assert {"credit score", "balance", "payment amount", "risk rating", "utilisation rate", "delinquency rate"} <= {*lists["metric"]}
    assert {"region", "segment", "product", "risk category", "account type"} <= {*lists["dimension"]}


def test_another_business_adds_templates_of_its_own(folder):
    (folder / "shop.yaml").write_text("lists: {thing: [orders, baskets]}\nbands: {simple: ['Count the {thing} of each {dimension}.']}\n")
    templates = joined(shipped_templates(), read_templates(folder / "shop.yaml"))
    assert any(prompt.text.startswith(("Count the orders", "Count the baskets")) for prompt in sql_prompts(templates))


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("[1]", "has no `bands`"),
        ("bands: {hard: [x]}", "`bands` has no band 'hard'"),
        ("bands: {simple: x}", "`bands.simple` must be a list of texts"),
        ("bands: {simple: ['a {thing}']}", "the place {thing}"),
        ("lists: {thing: []}\nbands: {}", "`lists` must be lists with at least one entry"),
        ("bands: [", "cannot be read as YAML"),
    ],
)
def test_templates_that_cannot_be_used_are_told(folder, written, sentence):
    (folder / "bad.yaml").write_text(written)
    with pytest.raises(ConfigurationError, match=r"bad\.yaml") as told:
        read_templates(folder / "bad.yaml")
    assert sentence in str(told.value)


def test_routed_lies_between_small_and_large_and_the_oracle_above(folder):
    result = run("routed-vs-large", "--policy", "balanced", "--draws", "50", "--json", "out.json", "--html", "out.html")
    assert result.exit_code == 0, result.output
    told = json.loads((folder / "out.json").read_text())
    rows = {(row["set"], row["method"]): row for row in told["rows"]}
    assert {name for name, _ in rows} == {"all", *BANDS}
    routed, small, large, oracle = (rows["all", name] for name in ("policy balanced", "always small", "always large", "oracle"))
    assert small["accuracy"] < routed["accuracy"] <= oracle["accuracy"]
    assert small["cost_usd"] < routed["cost_usd"] < large["cost_usd"]
    assert routed["savings"] == pytest.approx(1 - routed["cost_usd"] / large["cost_usd"])
    assert routed["savings_low"] <= routed["savings"] <= routed["savings_high"]
    assert sum(routed["mix"].values()) == pytest.approx(1)
    assert rows["all", "random"]["mix"]["large"] == pytest.approx(rows["all", "prompt length"]["mix"]["large"])
    thirty = rows["simple", "oracle"]
    assert (thirty["accuracy"], thirty["accuracy_high"]) == (1, 1)
    assert 0.85 < thirty["accuracy_low"] < 0.9, "thirty right answers of thirty do not say that all are"
    assert rows["simple", "always small"]["accuracy"] > rows["complex", "always small"]["accuracy"]
    assert small["latency_ms"] == pytest.approx(60, rel=0.1), "nobody waited, and yet it took so long"
    assert told["found"]["simple"]["complexity"] > 0
    assert "imulated" in result.stdout
    assert "no model was called" in (folder / "out.html").read_text()
    again = run("routed-vs-large", "--policy", "balanced", "--draws", "50", "--json", "again.json")
    assert again.exit_code == 0
    assert json.loads((folder / "again.json").read_text())["rows"] == told["rows"]


def test_a_policy_with_an_alias_that_is_not_simulated_is_told(folder):
    (folder / "mine.yaml").write_text(
        "version: 1\nname: mine\ndescription: Mine.\nmodels: {tiny: {tier: budget}}\nroutes: [{name: all, send: tiny}]\n"
    )
    result = run("routed-vs-large", "--policy", "mine.yaml")
    assert (result.exit_code, "'tiny'" in result.stderr, "small, sql, large" in result.stderr) == (1, True, True)


def test_there_are_ten_scenarios_of_six_kinds_with_limits():
    found, pool = read_scenarios()
    assert len(found) == 10
    assert {one.kind for one in found} == {*KINDS}
    assert len(pool) == 7
    for one in found:
        limits = (one.limits.max_cost_usd, one.limits.max_latency_ms, one.limits.min_quality)
        assert any(limit is not None for limit in limits), one.name
        assert all(one.domain in facts["quality"] for facts in pool.values())


def test_where_nothing_keeps_the_limits_the_oracle_breaks_them_least():
    (first, *_), pool = read_scenarios()
    fastest = min(pool, key=lambda alias: pool[alias]["latency_ms"])
    hopeless = replace(first, limits=Overrides(max_latency_ms=100))
    assert {*dull(hopeless, pool, 0)["oracle"]} == {fastest}


def test_every_strategy_has_its_row_in_every_scenario_and_limits_count(folder):
    result = run("scenarios", "--draws", "20", "--json", "out.json", "--html", "out.html")
    assert result.exit_code == 0, result.output
    rows = {(row["set"], row["method"]): row for row in json.loads((folder / "out.json").read_text())["rows"]}
    methods = {method for _, method in rows}
    assert {
        "utility",
        "multi_objective",
        "quality_first",
        "thresholds",
        "always large",
        "always small",
        "random",
        "prompt length",
        "oracle",
    } == methods
    assert len(rows) == 10 * len(methods)
    for (name, method), row in rows.items():
        oracle = rows[name, "oracle"]
        assert row["violations"] >= oracle["violations"] == 0, (name, method)
        assert row["violations"] > 0 or row["utility"] <= oracle["utility"] + 1e-9, (name, method)
        assert sum(row["tiers"].values()) == pytest.approx(1)
    assert rows["autocomplete", "always large"]["violations"] == 1.0, "two seconds, where half a second was asked"
    assert rows["autocomplete", "utility"]["violations"] < 0.2, "limits narrow the choice"
    assert rows["contract review", "always small"]["violations"] == 1.0
    page = (folder / "out.html").read_text()
    for panel in ("Who answers", "What the classifier finds", "Quality for money", "limits were not kept", "Utility, in right answers"):
        assert panel in page


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_result_is_set_out_in_columns_on_a_terminal_and_markdown_elsewhere(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    rows = [("always_large", "100.0%"), ("always_large," * 8, "5.0%")]
    told = f"**all** (2 prompts)\n\n{table(('method', 'right'), rows)}"
    terminal, pipe = Terminal(), io.StringIO()
    say(told, terminal)
    say(told, pipe)
    lines = re.sub(r"\x1b\[\d+m", "", terminal.getvalue()).splitlines()
    assert len({line.index(value) for value in ("100.0%", "5.0%") for line in lines if f" {value}" in line}) == 1
    assert not {"|", "*"} & {*terminal.getvalue()}
    assert max(map(len, lines)) <= 80
    folded = "".join(line[: line.find("  ")] if "%" in line else line.strip() for line in lines)
    assert "always_large," * 8 in folded, "no word of it is lost"
    assert pipe.getvalue() == told + "\n"
