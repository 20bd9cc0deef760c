"""The figures of the scores on recorded answers."""

import math
import re

import polars as pl
import pytest

from litellm_cascade.offline.score_figures import CHECKED, checks, main, table

RIGHT, WRONG = [-0.1] * 12, [-0.1] * 6 + [-3.0] * 6


def token_rows(count=20):
    told = [(RIGHT, 1), (WRONG, 0)]
    return [
        {"logprobs": logprobs, "weak_correct": correct, "prompt": "How many?", "group": str(place)}
        for place in range(count)
        for logprobs, correct in told
    ]


def answer_rows(prompts=20):
    """Run 0 of every second prompt is alone with what it says."""
    return [
        {
            "benchmark": "sums",
            "method": "short",
            "pid": str(prompt),
            "run": run,
            "answer": "41" if run == 0 and prompt % 2 else "The answer is 42.",
            "prompt": "How many?",
            "weak_correct": int(not (run == 0 and prompt % 2)),
            "group": str(prompt),
            "tok_mean_lp": -0.5,
            "tok_min_lp": -0.5,
            "tok_sum_lp": None,
        }
        for prompt in range(prompts)
        for run in range(3)
    ]


def check_rows(prompts=60):
    """The models are sure of every second answer, which alone is right; one of them never says."""
    told = {model: (None if model == "gpt_4o_mini" else -0.1) for model in CHECKED}
    return [
        {
            "benchmark": "trivia",
            "conf_kind": kind,
            "prompt": "Who?",
            "group": str(prompt),
            **{f"conf_{model}": sure and (sure if prompt % 2 else -math.inf) for model, sure in told.items()},
            **{f"correct_{model}": prompt % 2 for model in CHECKED},
        }
        for prompt in range(prompts)
        for kind in ("p_true_logprob", "answer_token_logprob")
    ]


@pytest.fixture
def printed(tmp_path, capsys):
    pl.DataFrame(token_rows()).write_parquet(tmp_path / "tokens.parquet")
    pl.DataFrame(answer_rows()).write_parquet(tmp_path / "answers.parquet")
    pl.DataFrame(check_rows()).write_parquet(tmp_path / "checks.parquet")
    files = [word for name in ("tokens", "answers", "checks") for word in (f"--{name}", str(tmp_path / f"{name}.parquet"))]
    main([*files, "--resamples", "20"])
    return capsys.readouterr().out


def figures(text):
    return re.findall(r"^\| (.+?) \| (\d\.\d+) \[.*\] \|$", text, re.MULTILINE)


def test_what_tells_all_right_answers_from_wrong_ones_has_1_and_what_tells_none_a_half(printed):
    told = figures(printed)
    assert ("mean", "1.000") in told
    assert ("lowest_group, window 4", "1.000") in told
    assert ("q50", "0.500") not in told, "half of the tokens of a wrong answer are unlikely"
    assert ("*fewer tokens*", "0.500") in told
    assert ("agreement", "1.000") in told
    assert ("tok_mean_lp", "0.500") in told


def test_a_score_that_was_not_recorded_has_no_row(printed):
    assert "tok_sum_lp" not in printed


def test_it_says_of_what_the_figures_are(printed):
    assert len(re.findall(r"parquet: SHA-256 [0-9a-f]{12}\n", printed)) == 3
    assert "**Tokens**: 40 answers, 20 groups, 50.0% right" in printed
    assert "**sums, short**: 20 answers, 20 groups, 50.0% right" in printed


def test_each_models_check_of_itself_has_a_row_where_it_was_recorded(printed):
    rows = re.findall(r"^\| trivia \| (\w+) \| (\d+) \| 50.0% \| 1.000 \[1.000, 1.000\] \| 0.500 ", printed, re.MULTILINE)
    assert rows == [(model, "60") for model in CHECKED if model != "gpt_4o_mini"]


def test_too_few_right_answers_are_not_worth_a_row():
    assert [line for line in checks(check_rows(30), resamples=5, seed=1) if "trivia" in line] == []


def test_intervals_hold_the_figure():
    rows = token_rows()
    values = [float(place % 7) for place in range(len(rows))]
    (line,) = [line for line in table("x", rows, {"noise": values}, resamples=200, seed=1) if line.startswith("| noise")]
    figure, low, high = map(float, re.findall(r"\d\.\d+", line))
    assert low < figure < high
