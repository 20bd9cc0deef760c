"""The shipped calibration of the simulated small model."""

import json
from pathlib import Path

import numpy as np
import pytest

from litellm_cascade.escalation import judge
from litellm_cascade.offline.calibrate_simulated import calibrated, main, recorded
from litellm_cascade.offline.calibrating import figures
from litellm_cascade.policy import load_policy
from litellm_cascade.vocabulary import Completion, TokenLogprob, Verdict

POLICIES = Path(__file__).parents[2] / "policies"
FRESH_SEED = 0
"""That of the proxy's deployments; the calibration was fitted on another."""


@pytest.fixture(scope="module")
def fresh():
    return recorded(each=120, seed=FRESH_SEED)


@pytest.fixture(scope="module")
def gate():
    return load_policy(POLICIES / "balanced.yaml").gates["careful"]


def judged(gate, row, *, first=None):
    tokens = tuple(TokenLogprob(token["token"], token["logprob"], tuple(token["top"])) for token in row["tokens"][:first])
    return judge(gate, Completion(text="x", tokens=tokens), complete=first is None, alias="small", task=row["task"])


@pytest.mark.parametrize("first", [None, 24])
def test_on_fresh_answers_a_probability_means_what_it_says(gate, fresh, first):
    said = np.array([judged(gate, row, first=first).confidence.probability for row in fresh])
    correct = np.array([float(row["correct"]) for row in fresh])
    assert figures.ece(said, correct) < 0.05  # of some 1,300 answers: the noise alone is about 0.02
    assert figures.auroc(said, correct) > 0.8


def test_the_shipped_gate_is_as_right_as_the_large_model_alone(gate, fresh):
    accepted = np.array([judged(gate, row).verdict is Verdict.ACCEPT for row in fresh])
    correct, large = (np.array([float(row[key]) for row in fresh]) for key in ("correct", "correct_large"))
    served = np.where(accepted, correct, large)
    assert served.mean() > large.mean() - 0.02
    assert 0.5 < accepted.mean() < 0.9


def test_the_shipped_file_is_what_its_command_writes(tmp_path):
    main(["--out", str(tmp_path / "again.json")])
    assert (tmp_path / "again.json").read_text() == (POLICIES / "calibrations/small.json").read_text()


def test_the_answers_can_be_kept_and_calibrated_again(tmp_path, fresh):
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in fresh))
    fitted, file = calibrated(tmp_path / "answers.jsonl")
    assert (file.n, file.alias, file.prefix_tokens) == (len(fresh), "small", 24)
    assert "SIMULATED" in file.card
    assert fitted.accept_at == pytest.approx(file.accept_at)
