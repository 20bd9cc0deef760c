"""`cascade train gain`."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
from typer.testing import CliRunner

from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.offline.calibrating.records import fold_of
from litellm_cascade.offline.cli import app
from litellm_cascade.policy import parse_policy
from litellm_cascade.policy.strategies.learned import GainFile
from litellm_cascade.vocabulary import Endpoint, Envelope, Evidence, Request, Turn
from traffic_records import request_row, write_lines

POLICY = """\
version: 1
name: fitted
models:
  small: {tier: budget, quality: {general: 0.7}, price: {input_usd_per_million: 1, output_usd_per_million: 2}}
  large: {tier: premium, quality: {general: 0.9}, price: {input_usd_per_million: 10, output_usd_per_million: 20}}
routes:
  - name: expected gain
    choose: {strategy: learned, gain: gain.json, candidates: [small, large], weights: {quality: 1, cost: 1}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "labelled.jsonl", judged(500))
    return tmp_path


def judged(count, **same):
    """The small model fails at answers in JSON, however long the question is."""
    random = Random(4)
    for number in range(count):
        hard = random.random() < 0.4
        text = f"{number} " + "word " * random.randrange(1, 80)
        form = {"type": "json_object" if hard else "text"}
        correct = {"small": random.random() < (0.2 if hard else 0.9), "large": random.random() < 0.9} | same
        yield request_row(number, messages=[{"role": "user", "content": text}], response_format=form, correct=correct)


def train(*options, aliases="small,large", traces="labelled.jsonl"):
    arguments = ["--traces", traces, "--aliases", aliases, "--out", "gain.json", "--classifier", "none", *options]
    return CliRunner().invoke(app, ["train", "gain", *arguments])


def test_what_is_fitted_is_used_by_a_policy(folder):
    result = train()
    assert result.exit_code == 0, result.output
    Path("policy.yaml").write_text(POLICY)
    assert CliRunner().invoke(app, ["check", "policy.yaml"]).exit_code == 0
    for form, alias in (("json_object", "large"), ("text", "small")):
        rows = [row for row in judged(40) if row["response_format"]["type"] == form]
        write_lines(folder / "some.jsonl", rows)
        arguments = ["--traces", "some.jsonl", "--policy", "policy.yaml", "--classifier", "none", "--json", "out.json"]
        assert CliRunner().invoke(app, ["replay", *arguments]).exit_code == 0
        assert json.loads(Path("out.json").read_text())["aliases"] == {alias: len(rows)}


def test_its_card_says_how_it_does_where_it_was_not_fitted(folder):
    result = train()
    card = GainFile.model_validate_json(Path("gain.json").read_bytes()).card
    assert "The model beats the prompt's length." in card
    assert "prompt length 0." in card
    assert "labelled.jsonl (sha256:" in card
    assert "random" in result.stdout
    fitted, tested = (
        int(number) for number in result.stdout.split("fitted on ")[1].replace(" others", "").split(" requests, measured on ")
    )
    assert (fitted + tested, tested < fitted) == (500, True)


def test_a_model_that_learned_nothing_says_so(folder):
    rows = [row | {"response_format": None} for row in judged(400)]
    write_lines(folder / "labelled.jsonl", rows)
    result = train()
    assert result.exit_code == 0, result.output
    assert "it does not beat the prompt's length beyond the interval" in result.stdout
    assert "does not beat the prompt's length" in json.loads(Path("gain.json").read_text())["card"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (list(judged(50)), "labelled.jsonl: has 50 requests with an answer of each judged, and it takes at least 200"),
        ([row | {"correct": {"small": True}} for row in judged(300)], "has 0 requests with an answer of each judged"),
        (list(judged(300, large=True)), "all answers of 'large' are right; it takes right and wrong ones to learn from"),
        ([row | {"group": "one", "correct": {"small": True, "large": number > 99}} for number, row in enumerate(judged(300))],
         "labelled.jsonl: nearly all requests ask the same"),
        ([row | {"group": f"{number}", "messages": [], "response_format": None} for number, row in enumerate(judged(300))],
         "all requests look alike to a policy"),
        ([row | {"correct": {"small": row["correct"]["large"], "large": row["correct"]["small"]}} for row in judged(300)],
         "there is no gain to learn; write --aliases from cheap to capable"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_told(folder, rows, message):
    write_lines(folder / "labelled.jsonl", rows)
    result = train()
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1), result.stderr
    assert message in result.stderr
    assert not Path("gain.json").exists()


def test_what_all_answers_are_is_told_of_those_that_it_would_be_fitted_on(folder):
    tested = fold_of(np.array([f"{number}" for number in range(300)]), 5, 0) < 2
    rows = [
        row | {"group": f"{number}", "correct": {"small": number % 2, "large": not tested[number]}}
        for number, row in enumerate(judged(300))
    ]
    write_lines(folder / "labelled.jsonl", sorted(rows, key=lambda row: row["correct"]["large"]))
    assert "all answers of 'large' are right" in train().stderr


def test_one_alias_is_called_wrongly(folder):
    assert train(aliases="small").exit_code == 2


# --- --chances ---------------------------------------------------------------------------------------------------------------


def asked(count, **same):
    """The small model fails at proofs, however long the question is; every seventh answer of the large model was judged by nobody."""
    random = Random(5)
    for number in range(count):
        hard = random.random() < 0.4
        words = [random.choice(("prove", "lemma", "theorem") if hard else ("colour", "capital", "animal")) for _ in range(3)]
        text = " ".join([*words, *("word" for _ in range(random.randrange(1, 40))), str(number)])
        correct = {"small": random.random() < (0.1 if hard else 0.9), "large": random.random() < 0.9} | same
        if number % 7 == 0:
            del correct["large"]
        yield request_row(number, messages=[{"role": "user", "content": text}], correct=correct)


def train_chances(aliases="small,large", traces="asked.jsonl", out="chances.npz"):
    return CliRunner().invoke(app, ["train", "gain", "--traces", traces, "--aliases", aliases, "--out", out, "--chances"])


async def test_chances_are_fitted_and_the_classifier_linear_and_the_strategy_learned_decide_on_them(folder):
    write_lines(folder / "asked.jsonl", asked(600))
    result = train_chances()
    assert result.exit_code == 0, result.output
    assert "chances minus prompt length" in result.stdout
    assert "do not rely on it" not in result.stdout
    linear = build("linear", {"chances": "chances.npz"}, Surroundings(folder=folder))
    policy = parse_policy(POLICY.replace(", gain: gain.json", "").replace("cost: 1", "cost: 0"))
    for text, alias in (("prove lemma theorem word word", "large"), ("colour capital animal word word", "small")):
        envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p")
        belief = await linear.classify(Request(envelope=envelope, turns=(Turn(role="user", text=text),)))
        margin = belief.chances["large"] - belief.chances["small"]
        assert (margin > 0.3) == (alias == "large"), belief.chances
        decided = policy.decide(Evidence(envelope=envelope, classification=belief))
        assert {one.alias: one.quality for one in decided.estimates} == pytest.approx(belief.chances)


def test_the_file_of_chances_says_what_it_was_fitted_on(folder):
    write_lines(folder / "asked.jsonl", asked(600))
    result = train_chances()
    with np.load("chances.npz") as file:
        told = json.loads(str(file["told"]))
    assert told["aliases"] == ["small", "large"]
    assert told["card"]["traces"] == "asked.jsonl"
    assert told["card"]["data"].startswith("sha256:")
    assert f"fitted on {told['card']['fitted on']} requests" in result.stdout
    assert told["card"]["fitted on"] < 400, "two fifths were measured on"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (list(asked(50)), "asked.jsonl: has 50 requests with text and a judged answer of small, large, and it takes at least 200"),
        ([row | {"correct": {}} for row in asked(300)], "has 0 requests with text and a judged answer"),
        (list(asked(300, large=True)), "outcomes of 'large' are 1; it takes right and wrong answers"),
        ([row | {"correct": {"small": row["correct"].get("large", True), "large": row["correct"]["small"]}} for row in asked(400)],
         "'large' gains nothing over 'small'"),
    ],
)  # fmt: skip
def test_what_chances_cannot_be_learned_from_is_told(folder, rows, message):
    write_lines(folder / "asked.jsonl", rows)
    result = train_chances()
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1), result.stderr
    assert message in result.stderr
    assert not Path("chances.npz").exists()


def test_chances_that_cannot_be_written_are_told(folder):
    write_lines(folder / "asked.jsonl", asked(600))
    result = train_chances(out="nowhere/chances.npz")
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1), result.stderr
    assert "nowhere/chances.npz: cannot be written" in result.stderr
