"""`cascade calibrate`."""

import json
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from litellm_cascade.errors import PolicyError
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.wording import gate_sentences
from litellm_cascade.policy import parse_policy

POLICY = """\
version: 1
name: example
models: {small: {tier: budget}, large: {tier: premium}}
routes: [{name: all, cascade: [small, large], gate: careful}]
gates: {careful: {confidence: {score: SCORE}, calibration: small.json, accept_at: 0.8, strict: true}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def records(n=400, **changes):
    """Answers of two or three tokens; the less likely the second, the less often they are right."""
    random = Random(7)
    rows = []
    for number in range(n):
        doubt = random.expovariate(1.0)
        tokens = [{"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -doubt, "top": [-doubt, -3.0]}, {"token": "", "logprob": -9}]
        right = random.random() < 0.95 - 0.3 * min(doubt, 3)
        task = random.choice(["Open QA", "Rewrite"])
        rows.append(
            {"alias": "small", "task": task, "group": str(number), "tokens": tokens, "correct": right, "correct_large": True} | changes
        )
    return rows


def write(rows):
    Path("answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def run(*arguments):
    return CliRunner().invoke(app, ["calibrate", "--traces", "answers.jsonl", *arguments])


def test_what_it_writes_a_policy_loads(folder):
    write(records())
    result = run("--alias", "small", "--out", "deep/small.json")
    assert result.exit_code == 0, result.output
    written = json.loads((folder / "deep/small.json").read_text())
    assert (written["alias"], written["n"], written["method"]) == ("small", 400, "isotonic")
    assert written["command"] == "cascade calibrate --traces answers.jsonl --alias small"
    policy = parse_policy(POLICY.replace("SCORE", written["score"]), folder=folder / "deep")
    assert policy.gates["careful"].calibrations["small"].id == written["id"]
    assert set(policy.gates["careful"].calibrations["small"].whole.by_task) == {"Open QA", "Rewrite"}
    assert result.stdout.startswith(f"{written['id']}  small, isotonic on {written['score']} of reasoning_and_answer\n")


def test_the_same_records_give_the_same_file(folder):
    write(records())
    run("--alias", "small", "--out", "one.json")
    run("--alias", "small", "--out", "two.json")
    assert (folder / "one.json").read_bytes() == (folder / "two.json").read_bytes()


def test_the_report_is_out_of_sample_and_better_than_the_raw_score():
    write(records(800))
    told = json.loads(run("--alias", "small", "--score", "min", "--json").stdout)
    assert 0 < told["ece_by_chance"] < told["ece_before"]
    assert told["calibration"]["ece"] < told["ece_before"]
    assert told["calibration"]["auroc"] > 0.7
    first, *_, last = told["deferral"]
    assert (first["escalated"], first["accept_at"]) == (0.0, 0.0)
    assert (last["escalated"], last["quality"], last["accepted_right"], last["cost_share"]) == (1.0, 1.0, None, None)


def test_several_features_and_the_beginnings_of_streams(folder):
    write(records())
    result = run("--alias", "small", "--method", "logistic", "--score", "mean", "--prefix-tokens", "1", "--out", "small.json")
    assert result.exit_code == 0, result.output
    written = json.loads((folder / "small.json").read_text())
    assert {"mean", "log_mean", "min", "sum", "tokens"} <= set(written["whole"]["pooled"]["weights"])
    assert written["prefix_tokens"] == 1
    calibration = parse_policy(POLICY.replace("SCORE", "mean"), folder=folder).gates["careful"].calibrations["small"]
    assert calibration.prefix is not None


@pytest.mark.parametrize(
    ("wish", "keeps"),
    [
        (["--target-quality", "0.9"], lambda point: point["quality"] >= 0.9),
        (["--target-cost", "12"], lambda point: point["cost_share"] * 20 <= 12.001),
    ],
)
def test_a_wish_chooses_the_threshold(wish, keeps):
    write(records(cost_small=1.0, cost_large=20.0))
    told = json.loads(run("--alias", "small", "--score", "min", *wish, "--json").stdout)
    chosen = told["calibration"]["accept_at"]
    stricter = [point for point in told["deferral"] if point["accept_at"] >= chosen]
    laxer = [point for point in told["deferral"] if point["accept_at"] < chosen]
    kept, others = (stricter, laxer) if "quality" in wish[0] else (laxer, stricter)
    assert all(keeps(point) for point in kept)
    assert not any(keeps(point) for point in others[2 if others is stricter else 0 :])


def test_without_records_of_the_large_model_a_quality_is_that_of_accepted_answers():
    write([{key: value for key, value in row.items() if key != "correct_large"} for row in records()])
    told = json.loads(run("--alias", "small", "--score", "min", "--target-quality", "0.85", "--json").stdout)
    accepted = [point["accepted_right"] for point in told["deferral"] if point["accept_at"] >= told["calibration"]["accept_at"]]
    assert all(right is None or right > 0.84 for right in accepted)


def doubtful(n=600):
    """Rewrites are often wrong, and then the large model's are as well; questions are wrong less often, and it knows them all."""
    return [row | ({"correct": False, "correct_large": False} if number % 3 else {}) for number, row in enumerate(records(n), 1)]


def test_a_probability_of_being_no_worse_than_the_large_model(folder):
    write(doubtful())
    result = run("--alias", "small", "--score", "min", "--event", "no_worse", "--out", "small.json")
    assert result.exit_code == 0, result.output
    written = json.loads((folder / "small.json").read_text())
    assert (written["event"], written["card"].split(",")[0]) == ("no_worse", "P(no_worse) of small")
    assert "% no worse than the large model's\n" in result.stdout
    gate = parse_policy(POLICY.replace("SCORE", "min"), folder=folder).gates["careful"]
    assert gate.calibrations["small"].event == "no_worse"
    sentence, *_ = gate_sentences(gate)
    assert sentence.startswith("An answer is served when the next one would do no better with a probability of at least 0.8, judged by min")

    run("--alias", "small", "--score", "min", "--out", "right.json")
    right = json.loads((folder / "right.json").read_text())
    assert "event" not in right
    least = {name: min(said for _, said in content["whole"]["pooled"]["points"]) for name, content in (("right", right), ("no", written))}
    assert least["no"] > least["right"] + 0.2, "what nobody knows is not worth asking"


def test_a_file_that_says_another_event_than_it_was_sealed_with_is_refused(folder):
    write(doubtful())
    run("--alias", "small", "--score", "min", "--event", "no_worse", "--out", "small.json")
    written = json.loads((folder / "small.json").read_text())
    (folder / "small.json").write_text(json.dumps({name: value for name, value in written.items() if name != "event"}))
    with pytest.raises(PolicyError, match="it was changed by hand"):
        parse_policy(POLICY.replace("SCORE", "min"), folder=folder)


def test_being_no_worse_takes_answers_of_the_large_model():
    write([{name: value for name, value in row.items() if name != "correct_large"} for row in records(100)])
    result = run("--alias", "small", "--event", "no_worse")
    said = "answers.jsonl: not every record of 'small' has a `correct_large`, which --event no_worse needs\n"
    assert (result.stderr, result.exit_code) == (said, 1)

    write([row | {"correct_large": row["correct"]} for row in records(100)])
    result = run("--alias", "small", "--event", "no_worse")
    said = "answers.jsonl: no answer of 'small' is wrong where the large model's is right; there is nothing to escalate for\n"
    assert (result.stderr, result.exit_code) == (said, 1)


def test_a_proven_risk_names_its_bound(folder):
    write(records(3_000))
    result = run("--alias", "small", "--score", "min", "--risk", "0.15", "--out", "small.json")
    assert result.exit_code == 0, result.output
    written = json.loads((folder / "small.json").read_text())
    assert (written["alpha"], written["delta"]) == (0.15, 0.1)
    assert 1_300 < written["n"] < 1_700, "half is kept for the proof"
    assert "which keeps the risk at 0.15 with confidence 0.9" in result.stdout


def test_parquet_and_a_page_with_plots(folder):
    import polars as pl

    rows = [{"alias": "small", "mean": row["tokens"][1]["logprob"], "correct": row["correct"]} for row in records()]
    pl.DataFrame(rows).write_parquet("answers.parquet")
    arguments = ["calibrate", "--traces", "answers.parquet", "--alias", "small", "--html", "page.html"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "isotonic on mean" in page
    shown = ("out of sample", "AUROC 0", "accepted are right", "cascade calibrate --traces answers.parquet --alias small", "data sha256:")
    assert [words for words in shown if words not in page] == []


def test_a_line_separator_within_a_token_does_not_end_the_record(folder):
    rows = records()
    for row in rows:
        row["tokens"][0]["token"] = "a\u2028b"
    Path("answers.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    assert run("--alias", "small").exit_code == 0


def test_answers_without_a_group_or_a_task_are_not_of_one(folder):
    write([row | {"group": None, "task": None} for row in records(120)])
    result = run("--alias", "small")
    assert result.exit_code == 0, result.output
    assert "None" not in result.stdout


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_record(folder):
    write(records(120))
    answers = folder / "answers.jsonl"
    answers.write_bytes(b"\xef\xbb\xbf" + answers.read_bytes().replace(b"\n", b"\r\n"))
    assert run("--alias", "small").exit_code == 0


ONE = {"alias": "small", "mean": -0.5, "correct": True}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "answers.jsonl: holds no records; write one JSON object a line, docs/cli.md says what is in it"),
        ("{\n", "answers.jsonl:1: is no JSON; write one object a line"),
        ("[1]\n", "answers.jsonl:1: has no `alias` and no `correct`; {NEEDS}"),
        ('{"alias": "small"}\n', "answers.jsonl:1: has no `correct`; {NEEDS}"),
        ('{"alias": "small", "correct": "yes"}\n', "answers.jsonl:1: has an `alias` or a `correct` of a wrong kind; {NEEDS}"),
        ('{"alias": "small", "correct": true, "mean": NaN}\n', "answers.jsonl:1: `mean` is nan; write a finite number, or leave it out"),
        (
            '{"alias": "small", "correct": true, "tokens": [{"token": "a", "logprob": NaN}]}\n',
            "answers.jsonl:1: `tokens` is no list of {token: text, logprob: number, top: [numbers]}",
        ),
        ('{"alias": "other", "correct": true}\n', "answers.jsonl: has no records of 'small'; known are other"),
        (
            '{"alias": "small", "correct": true}\n',
            "answers.jsonl: no score is in every record of 'small'; give tokens with log-probabilities, or one of mean, min, sum, "
            "lowest_group, margin, entropy, self_check, agreement",
        ),
        (json.dumps(ONE) + "\n", "answers.jsonl: all 1 answers of 'small' are right; it takes right and wrong ones"),
        (
            f"{json.dumps(ONE)}\n{json.dumps(ONE | {'correct': False})}\n",
            "answers.jsonl: has 2 records of 'small' with scores, and it takes at least 50",
        ),
        (
            '{"alias": "small", "correct": true, "mean": -' + "9" * 400 + "}\n",
            "answers.jsonl:1: `mean` is a long one; write a finite number, or leave it out",
        ),
        (
            '{"alias": "small", "correct": true, "mean": -1, "cost_small": -1}\n',
            "answers.jsonl:1: `cost_small` is -1; write a number that is not below 0, or leave it out",
        ),
        (
            "".join(json.dumps(ONE | {"correct": number % 2, "cost_small": 0, "cost_large": 0}) + "\n" for number in range(80)),
            "the records of 'small' have a `cost_large` of 0, which no share can be taken of; leave it out",
        ),
        ("[" * 100_000, "answers.jsonl:1: is no JSON; write one object a line"),
        (b"\xff\xfe", "answers.jsonl: cannot be read as text (UnicodeDecodeError); check the path"),
    ],
)
def test_records_that_cannot_be_used_are_told_in_one_sentence(folder, text, said):
    (folder / "answers.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
    result = run("--alias", "small")
    needs = "every record needs alias (text), correct (true or false), and tokens or scores"
    assert (result.stderr, result.exit_code) == (said.replace("{NEEDS}", needs) + "\n", 1)
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (
            ["--score", "entropie"],
            "the records of 'small' have no score 'entropie'; known are mean, min, sum, lowest_group, margin, entropy",
        ),
        (["--method", "logistic", "--features", "men"], "the records of 'small' have no 'men'; did you mean 'mean'?"),
        (["--target-cost", "1"], "the records of 'small' have no cost_small and cost_large, which a target cost needs"),
        (["--target-quality", "1"], None),
        (["--risk", "0.001"], None),
        (["--out", "answers.jsonl/small.json"], "answers.jsonl/small.json: cannot be written (file exists)"),
    ],
)
def test_a_wish_that_cannot_be_had_is_told_in_one_sentence(wish, said):
    write([row | {"correct_large": row["correct"]} for row in records(120)])
    result = run("--alias", "small", *wish)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr == f"{said}\n" if said else result.stderr.startswith("no threshold ")


def test_two_wishes_are_one_too_many():
    write(records(60))
    result = run("--alias", "small", "--risk", "0.1", "--target-quality", "0.9")
    assert (result.exit_code, "give one of --target-quality, --target-cost and --risk" in result.stderr) == (2, True)


def test_beginnings_need_tokens():
    write([ONE] * 60)
    said = "answers.jsonl:1: has no `tokens`, which the beginnings of answers are taken from; leave --prefix-tokens out\n"
    assert run("--alias", "small", "--prefix-tokens", "8").stderr == said
