from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from litellm_cascade.classifiers.embedded import LOGITS
from litellm_cascade.offline.bench_embedded.answering import ByLength, chances, task_odds
from litellm_cascade.offline.bench_embedded.figures import Figure, calibration_error, read_unseen, table
from litellm_cascade.offline.bench_embedded.report import Results, as_json, markdown
from litellm_cascade.offline.bench_embedded.speed import timed
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.training_embedded.calibrating import calibrate, task_loss, temperature
from litellm_cascade.offline.training_embedded.examples import Example
from litellm_cascade.vocabulary import TASK_TYPES

pl = pytest.importorskip("polars")
RANDOM = np.random.default_rng(5)


def natural(task, prompt="x"):
    return Example(prompt=prompt, source="task_type", key="k", part="tune", task=task)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_a_calibration_error_is_a_share(pairs):
    odds, right = np.array([pair[0] for pair in pairs]), np.array([float(pair[1]) for pair in pairs])
    assert 0 <= calibration_error(right, odds) <= 1


def test_who_promises_what_comes_true_has_no_error_and_who_is_sure_and_wrong_has_all_of_it():
    assert calibration_error(np.array([1.0, 0.0, 1.0, 0.0]), np.full(4, 0.5)) == 0
    assert calibration_error(np.zeros(5), np.ones(5)) == 1


def test_a_temperature_undoes_being_too_sure():
    labels = RANDOM.integers(0, len(TASK_TYPES), 2_000)
    honest = RANDOM.normal(size=(2_000, LOGITS)).astype(np.float32)
    odds = task_odds(honest)
    labels = np.array([RANDOM.choice(len(row), p=row) for row in odds])
    known = labels < len(TASK_TYPES)
    rows = [natural(TASK_TYPES[label]) for label in labels[known]]
    found = temperature(rows, honest[known] * 3)
    assert found == pytest.approx(3, rel=0.25)
    before, after = (task_loss(honest[known][:, : len(TASK_TYPES) + 1] * 3 / degree, labels[known]) for degree in (1, found))
    assert after < before


def test_calibrating_changes_no_order_and_makes_outcomes_true_on_average():
    torch = pytest.importorskip("torch")

    class Last(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.head = torch.nn.Linear(4, LOGITS)

    torch.manual_seed(1)
    network, states = Last(), torch.randn(400, 4)
    before = network.head(states).detach().numpy()
    wanted = 1 / (1 + np.exp(-(3 * before[:, -2] - 1)))
    rows = [
        Example(prompt="x", source="mmlu", key="k", part="tune", small=float(share), strong=0.9, complexity=1 - float(share))
        for share in wanted
    ]
    calibrate(network, rows, before)
    after = network.head(states).detach().numpy()
    assert (np.argsort(after[:, -2]) == np.argsort(before[:, -2])).all()
    assert chances(after)[:, 1] == pytest.approx(wanted, abs=0.02)


def test_by_length_says_what_is_common_at_that_length():
    rows = [natural("Open QA", "short") for _ in range(20)] + [natural("Summarization", "long " * 200) for _ in range(20)]
    answers = ByLength(rows).answers(["small", "many " * 200])
    assert [TASK_TYPES[number] for number in answers] == ["Open QA", "Summarization"]


def test_a_table_has_a_column_for_everyone_and_leaves_out_what_was_not_measured():
    row = Figure(what="w", prompts=1_200, low=0.4, high=0.6, values={"embedded": 0.5, "linear": 0.25})
    assert table([row]).splitlines()[-1] == "| w | 1,200 | 0.500 [0.400, 0.600] |  | 0.250 |  |  |  |"


def test_the_json_has_a_row_for_each_answer_and_only_the_first_an_interval():
    figure = Figure(what="w", prompts=1_200, low=0.4, high=0.6, values={"embedded": 0.5, "linear": 0.25})
    speeds = {"embedded": {"ready s": 0.5}, "linear": {"ready s": 0.1}}
    results = Results(data={"f": "0" * 12}, weights={"embedded": "e", "linear": "l"}, seed=7, figures=[figure], speeds=speeds, load=0.0)
    said = as_json(results)
    assert said["rows"] == [
        {"set": "w", "method": "embedded", "n": 1_200, "value": 0.5, "low": 0.4, "high": 0.6},
        {"set": "w", "method": "linear", "n": 1_200, "value": 0.25},
    ]
    assert (said["data"], said["weights"], said["seed"], said["speeds"]) == (results.data, results.weights, 7, speeds)
    assert "| ready s | 0.50 | 0.10 |" in markdown(results)


def test_data_sets_that_are_not_there_are_left_out(tmp_path):
    assert read_unseen(tmp_path, []) == []


def test_unseen_prompts_are_unlike_all_that_was_trained_on(tmp_path):
    prompts, groups = ["said word for word", "like one", "kept apart", "new"], ["a", "like", "b", "c"]
    table = pl.DataFrame({"prompt": prompts, "group": groups, "difficulty": [0.5] * 4})
    table.write_parquet(tmp_path / "difficulty.parquet")
    table.with_columns(source=pl.lit("flask"), task_type=pl.lit("Open QA")).write_parquet(tmp_path / "task_type.parquet")
    known = [replace(natural("Open QA", prompt), key=key, part="train") for prompt, key in (("said word for word", "x"), ("y", "like"))]
    known.append(replace(natural("Open QA", "kept apart"), part="test"))
    assert [(it.source, it.prompt) for it in read_unseen(tmp_path, known)] == [
        ("flask", "kept apart"),
        ("flask", "new"),
        ("difficulty", "kept apart"),
        ("difficulty", "new"),
    ]


def test_the_time_of_a_classifier_is_taken_in_a_process_of_its_own():
    found = timed("linear", None)
    assert {"ready s", "p50 ms, 16 tokens", "p95 ms, 128 tokens", "more resident MB"} <= set(found)
    assert 0 < found["p50 ms, 16 tokens"] <= found["p95 ms, 16 tokens"]


def test_without_data_the_benchmark_says_so_and_is_well(tmp_path):
    done = CliRunner().invoke(app, ["bench", "embedded", "--data", str(tmp_path)])
    assert done.exit_code == 0
    assert done.output.startswith("skipped: there is no shareable/task_type.parquet")
