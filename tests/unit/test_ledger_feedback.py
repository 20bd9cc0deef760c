"""Feedback in the decision record: chained like requests, verified, shown, and turned into records for calibration."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ledger_records import record, values
from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.audit.ledger.codec import canonical, feedback_text, read_feedback
from litellm_cascade.audit.ledger.files import chains_in
from litellm_cascade.audit.ledger.reading import feedback_in, requests_in
from litellm_cascade.audit.ledger.verifying import verify_chain
from litellm_cascade.errors import RecordError
from litellm_cascade.offline.calibrating.records import read_records
from litellm_cascade.offline.cli import app
from litellm_cascade.vocabulary import Answered, Band, Basis, Feedback, Opinion

ANSWER = Answered(
    request_id="r-0",
    policy="test",
    digest="sha256:0",
    band=Band.CASCADE,
    alias="small",
    task="Open QA",
    score_name="mean",
    score=-0.1,
    at=1.0,
)
RIGHT, WRONG = (Feedback(answer=ANSWER, outcome=outcome) for outcome in (Opinion.RIGHT, Opinion.WRONG))


def written(folder, *said, requests=2, **options):
    """A closed chain: requests, and then feedback."""
    ledger = Ledger(LedgerOptions(folder=folder, **options))
    for number in range(requests):
        ledger(replace(record(number), basis=Basis(input_hash="h")))
    receipts = [ledger.feedback(feedback) for feedback in said]
    ledger.close()
    return receipts


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def outcomes(folder):
    code, out, err = run("audit", "outcomes", folder)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()], err.splitlines()


@given(values(Feedback, st.floats(allow_nan=False)))
def test_feedback_is_read_as_it_was_written(feedback):
    text = feedback_text(feedback)
    assert read_feedback(json.loads(text)) == feedback
    assert canonical(json.loads(text)) == text


def test_feedback_is_chained_with_the_requests_and_verified(tmp_path):
    (receipt,) = written(tmp_path, RIGHT)
    (((_, name), files),) = chains_in([tmp_path]).items()
    verdict = verify_chain(name, files)
    assert (verdict.findings, verdict.requests, verdict.feedback) == ([], 2, 1)
    (line,) = feedback_in([tmp_path])
    assert (line["hash"], line["previous"], len(list(requests_in([tmp_path])))) == (receipt.hash, receipt.previous, 2)
    assert run("audit", "verify", tmp_path)[:2] == (0, "1 chain, 1 file, 2 requests, 1 line of feedback: no findings\n")


def test_feedback_that_was_changed_is_found(tmp_path):
    written(tmp_path, WRONG)
    (file,) = tmp_path.glob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"outcome":"wrong"', b'"outcome":"right"'))
    code, out, _ = run("audit", "verify", tmp_path)
    assert (code, "seq 3: this line was changed after it was written, or put there" in out) == (1, True)


def test_feedback_that_finds_the_queue_full_is_no_request_without_a_line(tmp_path):
    assert written(tmp_path, RIGHT, requests=0, queue_records=0) == [None]
    assert [line.get("kind") for line in map(json.loads, next(tmp_path.glob("*.jsonl")).read_text().splitlines())] == ["genesis", "end"]


def test_requests_are_shown_with_the_newest_word_on_them(tmp_path):
    written(tmp_path, RIGHT, WRONG)
    header, first, second = run("audit", "show", tmp_path)[1].splitlines()
    assert header.split()[-1] == "feedback"
    assert (first.split()[-1], "wrong" in second) == ("wrong", False)
    request, feedback = map(json.loads, run("audit", "show", tmp_path, "--request", "r-0", "--json")[1].splitlines())
    assert (request["kind"], feedback["kind"], feedback["feedback"]["outcome"]) == ("request", "feedback", "wrong")


def test_a_record_without_feedback_is_shown_as_ever(tmp_path):
    written(tmp_path)
    assert "feedback" not in run("audit", "show", tmp_path)[1]


def test_outcomes_are_what_calibrate_reads(tmp_path):
    said = [
        Feedback(
            answer=replace(ANSWER, request_id=f"r-{number}", score=-number / 100), outcome=[Opinion.RIGHT, Opinion.HARMFUL][number % 2]
        )
        for number in range(60)
    ]
    (tmp_path / "record").mkdir()
    written(tmp_path / "record", *said)
    (tmp_path / "outcomes.jsonl").write_text(run("audit", "outcomes", tmp_path / "record")[1])
    read = read_records(tmp_path / "outcomes.jsonl", "small", of="reasoning_and_answer")
    assert (len(read), read.correct.sum(), list(read.scores), set(read.tasks)) == (60, 30, ["mean"], {"Open QA"})
    assert read.groups[0] == read.groups[1] == "h"  # equal prompts are kept together
    assert len(set(read.groups)) == 59  # of the others the requests are not in the record


def test_of_an_answer_the_newest_word_counts_and_other_answers_with_its_id_keep_theirs(tmp_path):
    again = replace(ANSWER, at=2.0, score=-0.2)
    written(tmp_path, RIGHT, Feedback(answer=again, rating=1.0), WRONG)
    expected = {"alias": "small", "task": "Open QA", "group": "h"}
    assert outcomes(tmp_path)[0] == [expected | {"mean": -0.1, "correct": False}, expected | {"mean": -0.2, "correct": True}]


@pytest.mark.parametrize(
    ("feedback", "reason"),
    [
        (Feedback(answer=ANSWER, rating=0.0), "neither right nor wrong"),
        (replace(RIGHT, answer=replace(ANSWER, score_name=None, score=None)), "not judged"),
        (replace(RIGHT, answer=replace(ANSWER, score=None)), "not judged"),
        (replace(RIGHT, answer=replace(ANSWER, of_beginning=True)), "judged by the beginning of a stream"),
        (replace(RIGHT, answer=replace(ANSWER, score_name="quantile")), "judged by quantile"),
    ],
)
def test_what_says_nothing_to_a_calibration_is_left_out_and_said(tmp_path, feedback, reason):
    written(tmp_path, feedback)
    assert outcomes(tmp_path) == ([], [f"1 answer left out: {reason}"])


@pytest.mark.parametrize(
    ("feedback", "correct"),
    [
        (Feedback(answer=ANSWER, rating=0.2), True),
        (Feedback(answer=ANSWER, rating=-0.2), False),
        (Feedback(answer=ANSWER, rating=1.0, outcome=Opinion.INCOMPLETE), False),
        (Feedback(answer=ANSWER, rating=-1.0, outcome=Opinion.RIGHT), True),
    ],
)
def test_an_outcome_says_more_than_a_rating(feedback, correct):
    assert feedback.correct is correct


def test_feedback_of_another_release_is_no_feedback():
    with pytest.raises(RecordError, match="it may come from another release"):
        read_feedback({"answer": {}, "more": 1})
