"""Fitting the gain model of the policy ``learned``."""

from __future__ import annotations

import json
import sys
from random import Random

import numpy as np
import polars as pl
import pytest

from litellm_cascade.offline import fit_gain
from litellm_cascade.offline.calibrating.figures import apgr
from litellm_cascade.policy.strategies.learned import GainFile


def test_an_order_by_the_gain_itself_beats_the_length_beyond_the_interval_and_its_figures_are_the_bench_s():
    random = np.random.default_rng(3)
    gains = random.choice([0.0, 1.0, -1.0], 400, p=[0.6, 0.3, 0.1])
    length, groups = random.random(400), np.array([str(number) for number in range(400)])

    ours, theirs, difference = fit_gain.figures_of("oracle", gains, length, gains, groups, seed=1)

    assert (ours.what, theirs.what, difference.what) == ("oracle", "prompt length", "oracle minus prompt length")
    assert ours.value == apgr(-gains, gains) > 1
    assert theirs.value == apgr(-length, gains)
    assert difference.value == pytest.approx(ours.value - theirs.value)
    assert all(figure.low < figure.value < figure.high for figure in (ours, theirs, difference))
    assert difference.low > 0


@pytest.fixture
def data(tmp_path):
    """Long prompts are hard for the small model, short ones for nobody."""
    random, rows = Random(1), []
    for number in range(600):
        long = number % 2 == 1
        prompt = " ".join(random.choices(["seven", "men", "count", "the", "sum"], k=300 if long else 8))
        small = float(random.random() < (0.2 if long else 0.9))
        rows.append(
            {"pid": f"p{number:04}", "group": f"g{number}", "prompt": prompt, "score_weak": small, "score_strong": 1.0 - (number % 9 == 0)}
        )
    table = pl.DataFrame(rows)
    (tmp_path / "shareable").mkdir()
    pairs = table.drop("prompt").with_columns(pair=pl.lit("routellm_mmlu"))
    pairs.write_parquet(tmp_path / "shareable" / "routing_pairs.parquet")
    prompts = table.select("pid", "prompt").with_columns(flag=pl.lit(None, pl.String))
    prompts.write_parquet(tmp_path / "shareable" / "routing_prompts.parquet")
    return tmp_path


def test_what_is_measured_is_not_what_was_fitted(data):
    recorded = fit_gain.read_recorded(data / "shareable")

    assert not (recorded.fitted_on & recorded.tested_on).any()
    assert recorded.fitted_on.sum() > recorded.tested_on.sum() > 20


def test_the_command_writes_a_file_that_a_policy_can_read(data, monkeypatch, capsys):
    out = data / "gain.json"
    monkeypatch.setattr(sys, "argv", ["fit_gain", "--data", str(data), "--out", str(out)])

    fit_gain.main()

    content = GainFile.model_validate_json(out.read_bytes())
    assert content.aliases.keys() == {"small", "large"}
    assert content.card == capsys.readouterr().out.strip()
    assert "gain model minus prompt length" in content.card


def test_a_prompt_that_only_the_large_model_copes_with_has_the_higher_gain(data):
    recorded = fit_gain.read_recorded(data / "shareable")
    model = json.loads(json.dumps(fit_gain.fit(recorded)))

    gains = fit_gain.predicted_gains(model, recorded.features)

    assert gains[recorded.lengths > 300].mean() > gains[recorded.lengths < 300].mean() + 0.3


def test_a_model_that_beats_the_length_says_so():
    figures = [fit_gain.Figure(what="gain model minus prompt length", value=0.1, low=0.05, high=0.15)]
    none = np.zeros(0)
    recorded = fit_gain.Recorded(
        features=none, lengths=none, scores={}, groups=none, fitted_on=none.astype(bool), tested_on=none.astype(bool)
    )

    assert "The model beats the prompt's length." in fit_gain.card_of(recorded, figures, "data")
