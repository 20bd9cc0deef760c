"""`cascade report`."""

import json
import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.pages import Grid, Heading, Paragraph, blocks_of, html, markdown
from litellm_cascade.vocabulary import Answered, Band, Calibration, Costs, Feedback, Opinion, Outcome, Reason
from traffic_records import CASCADE, LARGE, SMALL, recorded, write_record

COUNT = 300
FACTS = {"versions": {"litellm-cascade": "0.1.0", "litellm": "1.106.2", "python": "3.11"}}


@pytest.fixture(scope="module")
def traffic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traffic")
    (folder / "desk.yaml").write_text(CASCADE)
    (folder / "large.yaml").write_text(LARGE)
    write(folder / "record", folder / "desk.yaml")
    write(folder / "later", folder / "desk.yaml", harder=0.5, shift=10)
    write(folder / "direct", folder / "large.yaml", rate=False)
    return folder


@pytest.fixture
def folder(traffic, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("record", "later", "direct"):
        (tmp_path / name).symlink_to(traffic / name)
    return tmp_path


def write(folder, policy, *, harder=0.0, shift=0, rate=True, event="right"):
    """Small answers cost 1, large ones 9 more; every second answer is rated, small ones right three times in four."""
    folder.mkdir()
    ledger, random = Ledger(LedgerOptions(folder=folder), lambda: FACTS), Random(2)
    for number in range(COUNT):
        one = shaped(recorded(policy, number, -1.0 if number % 4 == 3 else -0.1), number, harder, shift, event)
        ledger(one)
        if rate and number % 2:
            alias = one.outcome.alias
            right = alias == "large" or random.random() < 0.75
            answer = answered(one)
            ledger.feedback(Feedback(answer=answer, outcome=Opinion.RIGHT if right else Opinion.WRONG))
    ledger.close()


def shaped(one, number, harder, shift, event):
    """With costs, times, a complexity, and the calibrated probability of a draft's: 0.9, or 0.2 where it escalates."""
    outcome, decision = one.outcome, one.plan.decision
    if decision.gate is not None:
        calibrations = {"small": Calibration(id="0123456789abcdef", alias="small", event=event)}
        decision = replace(decision, gate=replace(decision.gate, calibrations=calibrations))
    first = outcome.attempts[0]
    if first.judgement is not None:
        confidence = replace(first.judgement.confidence, probability=0.2 if outcome.escalated else 0.9)
        first = replace(first, judgement=replace(first.judgement, confidence=confidence))
        outcome = replace(outcome, attempts=(first, *outcome.attempts[1:]))
    outcome = replace(outcome, first_token_ms=(500.0 if outcome.escalated else 100.0) + shift)
    evidence = one.plan.evidence
    belief = replace(evidence.classification, complexity=0.2 + harder + 0.001 * (number % 100))
    evidence = replace(evidence, envelope=replace(evidence.envelope, stream=True), classification=belief)
    costs = Costs(actual_usd=0.10 if outcome.escalated or outcome.alias == "large" else 0.01, all_small_usd=0.01, all_large_usd=0.10)
    return replace(one, plan=replace(one.plan, evidence=evidence, decision=decision), outcome=outcome, costs=costs)


def answered(one):
    plan = one.plan
    known = {"policy": "desk", "digest": plan.decision.digest, "band": plan.decision.band, "alias": one.outcome.alias, "at": 0.0}
    return Answered(request_id=plan.evidence.envelope.request_id, key_hash=plan.evidence.caller.key_hash, trace_id=None, **known)


def run(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def reported(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def table(text, heading):
    section = re.search(rf"## {heading}\n(.*?)(?=\n## |\Z)", text, re.DOTALL)[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")][2:]


# --- what it says ------------------------------------------------------------------------------------------------------------------


def test_savings_are_what_was_spent_against_always_the_largest(folder):
    text = reported("--traces", "record")
    small = sum(1 for number in range(COUNT) if number % 5 and number % 4 != 3)
    share = 1 - (small * 0.01 + (COUNT - small) * 0.10) / (COUNT * 0.10)
    assert f"{COUNT} requests from" in text
    assert f"{share:.1%} [" in text.split("## Savings")[0]
    assert table(text, "Savings")[1][:3] == ["small", "1", "2"]
    assert "Price table: as the proxy read it when it started on 20" in text
    assert "litellm 1.106.2" in text


def test_quality_is_what_callers_rated_with_an_interval(folder):
    text = reported("--traces", "record")
    rows = {row[0]: row[1:] for row in table(text, "Quality")}
    assert rows["all"][0] == "150"
    assert rows["large alone"] == ["30", "100.0% [88.6%, 100.0%]"], "thirty right answers of thirty do not say that all are"
    share, low, high = map(float, re.findall(r"[\d.]+", rows["cascade, accepted"][1]))
    assert low < share < high
    assert 60 < share < 90
    assert "Callers rate what they choose to" in text


def test_the_mix_adds_up(folder):
    rows = table(reported("--traces", "record"), "Who answers")
    assert sum(int(row[1]) for row in rows) == COUNT
    assert sum(float(row[2].rstrip("%")) for row in rows) == pytest.approx(100, abs=0.2)
    assert sum(float(row[3].rstrip("%")) for row in rows) == pytest.approx(100, abs=0.2)


def test_a_draft_costs_the_model_that_wrote_it(folder, tmp_path):
    policy = tmp_path / "desk.yaml"
    policy.write_text(CASCADE)
    one = recorded(policy, 1, -2.0)
    draft, whole = one.outcome.attempts
    attempts = (replace(draft, cost_usd=0.02), replace(whole, cost_usd=0.06))
    kept = replace(one, outcome=replace(one.outcome, attempts=attempts), costs=Costs(actual_usd=0.1, classifier_usd=0.02))
    write_record(tmp_path / "drafts", [kept])
    shares = {row[0]: row[1:] for row in table(reported("--traces", "drafts"), "Who answers")}
    assert shares == {
        "large": ["1", "100.0%", "60.0%"],
        "small": ["0", "0.0%", "20.0%"],
        "(classifier)": ["0", "0.0%", "20.0%"],
    }


def test_an_answer_out_of_the_cache_is_no_request_that_nobody_answered(folder, tmp_path):
    policy = tmp_path / "desk.yaml"
    policy.write_text(CASCADE)
    hit = Outcome(alias=None, reason=Reason.CACHED)
    write_record(tmp_path / "cached", [replace(recorded(policy, 1, -0.1), outcome=hit, costs=Costs(actual_usd=0.0))])
    assert [row[:2] for row in table(reported("--traces", "cached"), "Who answers")] == [["(response cache)", "1"]]


def test_a_way_bears_the_name_of_who_answered(folder, tmp_path):
    policy = tmp_path / "desk.yaml"
    policy.write_text(SMALL.replace("small:", "sql:").replace("small}", "sql}"))
    one = recorded(policy, 1, -0.1)
    write_record(tmp_path / "sql", [one])
    assert one.plan.decision.band is Band.SMALL
    assert [row[1] for row in table(reported("--traces", "sql"), "Waiting")] == ["sql alone"]


def test_escalations_are_rescued_wasted_or_missed(folder):
    rows = {row[0]: row[2] for row in table(reported("--traces", "record"), "Escalations")}
    assert rows["rescued"].startswith("80.0% of ")  # all of the large model's answers are right, and of the drafts 0.2
    assert rows["wasted"].startswith("20.0% of ")
    missed = float(rows["missed"].partition("%")[0])
    assert 10 < missed < 40


def test_without_a_calibration_nobody_knows_of_a_draft(folder, tmp_path):
    policy = tmp_path / "desk.yaml"
    policy.write_text(CASCADE)
    (tmp_path / "raw").mkdir()
    ledger = Ledger(LedgerOptions(folder=tmp_path / "raw"))
    for number in (1, 2, 3):
        one = recorded(policy, number, -2.0)
        ledger(one)
        ledger.feedback(Feedback(answer=answered(one), outcome=Opinion.RIGHT))
    ledger.close()
    rows = {row[0]: row[2] for row in table(reported("--traces", "raw"), "Escalations")}
    assert rows == {
        "rescued": "at most 100.0% of 3 that are rated",
        "wasted": "not known without a calibration of being right",
        "missed": "not known",
    }


def test_a_calibration_of_being_no_worse_does_not_say_that_a_draft_was_right(folder, tmp_path):
    policy = tmp_path / "desk.yaml"
    policy.write_text(CASCADE)
    write(tmp_path / "no_worse", policy, event="no_worse")
    rows = {row[0]: row[2] for row in table(reported("--traces", "no_worse"), "Escalations")}
    assert rows["rescued"].startswith("at most ")
    assert rows["wasted"] == "not known without a calibration of being right"


def test_waiting_is_told_by_the_way_a_request_took(folder):
    rows = {row[1]: row[3:] for row in table(reported("--traces", "record"), "Waiting")}
    assert rows["cascade, accepted"] == ["100", "100"]
    assert rows["cascade, escalated"] == ["500", "500"]


def test_what_is_not_known_is_said_to_be(folder):
    text = reported("--traces", "direct")
    assert "no caller has rated an answer" in text
    assert "No request was cascaded." in text
    assert "There is none beside this page" in text


# --- what changed ------------------------------------------------------------------------------------------------------------------


def test_the_next_report_says_what_changed_since_the_last(folder):
    reported("--traces", "record", "--out", "report.md")
    assert json.loads(Path("report.state.json").read_text())["requests"] == COUNT
    reported("--traces", "later", "--out", "report.md")
    text = Path("report.md").read_text()
    rows = {row[0]: row[1:] for row in table(text, "Since the last report")}
    assert rows["requests"] == ["300", "300", "+0"]
    assert rows["first token, cascade, accepted, p50"] == ["100 ms", "110 ms", "+10 ms"]
    assert rows["savings against always the largest"][2] == "+0.0 points"
    assert rows["complexity"][0].endswith("moved")
    assert not rows["task types"][0].endswith("moved")
    assert (bool(rows["complexity"][2]), rows["task types"][2]) == (True, ""), "what did not move is not named"


def test_what_is_kept_holds_no_request(folder):
    reported("--traces", "record", "--out", "report.md")
    state = Path("report.state.json")
    assert state.stat().st_size < 10_000
    assert "r-1" not in state.read_text()


@pytest.mark.parametrize(("content", "message"), [("{}", "is not what a report keeps"), ("no json", "is not what a report keeps")])
def test_another_file_in_its_place_is_told(folder, content, message):
    Path("report.state.json").write_text(content)
    result = run("--traces", "record", "--out", "report.md")
    assert (result.exit_code, message in result.stderr) == (1, True)


def test_a_later_format_is_told(folder):
    reported("--traces", "record", "--out", "report.md")
    state = Path("report.state.json")
    state.write_text(json.dumps(json.loads(state.read_text()) | {"format": 2}))
    result = run("--traces", "record", "--out", "report.md")
    assert (result.exit_code, "has format 2, and this release reads 1" in result.stderr) == (1, True)


# --- pages -------------------------------------------------------------------------------------------------------------------------


def test_the_page_is_one_file_for_light_and_dark(folder):
    reported("--traces", "record", "--html", "report.html", "--title", "Autumn & winter")
    page = Path("report.html").read_text(encoding="utf-8")
    assert "<title>Autumn &amp; winter</title>" in page
    assert "prefers-color-scheme: dark" in page
    assert "Plotly.newPlot" in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.https?:", page)
    assert page.count("<h2>") == 7


def test_what_a_record_holds_is_no_markup():
    blocks = [Heading("<b>"), Paragraph("a & b"), Grid(("x",), [("<script>|",)])]
    page = html("<t>", blocks)
    assert "<b>" not in page
    assert "<script>" not in page
    assert "&lt;script&gt;|" in page
    assert r"| <script>\| |" in markdown("t", blocks)


def test_what_is_marked_in_markdown_is_marked_on_the_page():
    page = html("t", [Paragraph("`a*b*` -> **b**: *see* 2*3*4"), Grid(("x",), [("20% -> 0% [1, 2]",)])])
    assert "<p><code>a*b*</code>\xa0\u2192 <strong>b</strong>: <em>see</em> 2*3*4</p>" in page
    assert "<td>20%\xa0\u2192 0% <span>[1, 2]</span></td>" in page


def test_a_report_in_markdown_is_a_page_of_the_same_blocks():
    blocks = [Heading("H"), Paragraph("one two"), Grid(("a", "b"), [["1", "2"]]), Grid(("c",), [["3"]])]
    written = "## H\n\none\ntwo\n\n| a | b |\n| --- | ---: |\n| 1 | 2 |\n\n| c |\n|---|\n| 3 |\n"
    assert [*blocks_of(written)] == [Grid([*block.head], block.rows) if isinstance(block, Grid) else block for block in blocks]


# --- which requests ----------------------------------------------------------------------------------------------------------------


def test_a_report_has_the_requests_of_its_time(folder):
    told = reported("--traces", "record", "--since", "2020-01-01", "--until", "2999-01-01")
    assert "300 requests" in told
    assert "--since 2020-01-01T00:00:00 --until 2999-01-01T00:00:00" in told
    result = run("--traces", "record", "--until", "2020-01-01")
    assert (result.exit_code, "holds no request of the decision record in that time" in result.stderr) == (1, True)


@pytest.mark.parametrize("moment", ["01.10.2026", "2026-13-01", "yesterday", "2026-10"])
@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_time_that_is_none_is_called_wrongly(folder, option, moment):
    result = run("--traces", "record", option, moment)
    assert (result.exit_code, option in result.stderr) == (2, True), result.output


def test_what_is_no_decision_record_is_told(folder):
    Path("requests.jsonl").write_text(json.dumps({"messages": [{"role": "user", "content": "hello"}]}) + "\n")
    result = run("--traces", "requests.jsonl")
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1)
    assert "holds no request of the decision record" in result.stderr


def test_no_word_of_a_prompt_is_in_it(folder):
    text = reported("--traces", "record")
    assert "spider" not in text
    assert "r-1" not in text
