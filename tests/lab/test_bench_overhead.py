"""The overhead benchmark on its smallest scale: does it run, and does it say what it should? Its numbers mean nothing here."""

import json
from itertools import product

import pytest
from typer.testing import CliRunner

from forked_proxy import ForkedProxy
from litellm_cascade.offline.bench import setups
from litellm_cascade.offline.bench.audit_cost import ALL, Spent, _row, table
from litellm_cascade.offline.bench.load import Answers
from litellm_cascade.offline.bench.measuring import Measured, Reading, Start
from litellm_cascade.offline.bench.report import differences, lines, tables
from litellm_cascade.offline.cli import app

NAMES = {"plain", "complexity_router", "hand_on", "direct", "confident", "escalated", "plain_otel", "confident_otel"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What `cascade bench overhead` printed and wrote: one start with one round of five requests."""
    folder = tmp_path_factory.mktemp("bench")
    few = ["--starts", "1", "--rounds", "1", "--requests", "5", "--warm-up", "2", "--audit-rounds", "1"]
    files = ["--json", str(folder / "overhead.json"), "--html", str(folder / "overhead.html")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setups, "ProxyProcess", ForkedProxy)  # thirteen starts
        result = CliRunner().invoke(app, ["bench", "overhead", *few, "--markdown", *files])
    assert result.exit_code == 0, result.output[-3000:]
    return result.stdout, json.loads((folder / "overhead.json").read_text()), (folder / "overhead.html").read_text()


def test_every_setup_is_read_with_every_kind_of_answers(run):
    _, document, _ = run
    assert {(one["setup"], one["answers"]) for one in document["readings"]} == set(product(NAMES, Answers))
    assert {(one["setup"], one["answers"]) for one in document["lines"]} == set(product(NAMES, Answers))
    assert {one["setup"] for one in document["starts"]} == NAMES


def test_every_reading_is_a_positive_number(run):
    _, document, _ = run
    assert min(one["p99_ms"] - one["p50_ms"] for one in document["readings"]) >= 0
    assert min(one["p50_ms"] for one in document["readings"]) > 0
    assert min(one["cpu_ms"] for one in document["lines"]) > 0
    assert min(one["ratio"] for one in document["lines"]) > 0
    assert all(one["ready_s"] > 0 and one["rss_mb"] > 50 for one in document["starts"])


def test_spans_metrics_and_record_are_read_each_alone_and_all_together(run):
    section, document, _ = run
    assert [(row["kind"], row["part"]) for row in document["audit"]] == [
        (kind, part) for kind in ("confident", "escalated") for part in ("spans", "metrics", "record", "all three")
    ]
    assert min(row[over]["off_ms"] for row in document["audit"] for over in ("p50", "mean")) > 0
    assert section.count("| all three | ") == section.count("| at most 0.4: ") == 2


def test_the_section_holds_the_command_the_versions_and_a_verdict_for_every_bar(run):
    section, document, _ = run
    assert section.startswith("## Overhead\n")
    assert "--rounds 1 --requests 5 --warm-up 2" in section
    assert document["about"]["litellm"] in section
    assert section.count("at most ") == 3 * len(Answers) + 2 + 2


def test_the_page_has_the_tables_and_no_marks_of_markdown(run):
    *_, page = run
    assert "<h2>Overhead</h2>" in page
    assert page.count("<table>") >= 3
    assert "| ---" not in page
    assert "<p>#" not in page


def made(**ratios):
    """Three starts of two rounds; plain LiteLLM costs 10 ms, then 20 ms, and ours as many times that as ``ratios`` says (else 1)."""
    readings = [
        Reading(
            start=start,
            round=number,
            setup=setup.name,
            answers=answers,
            cpu_ms=10 * (number + 1) * ratios.get(setup.name, 1),
            p50_ms=9,
            p99_ms=12,
        )
        for start in range(3)
        for number in range(2)
        for setup in setups.SETUPS
        for answers in Answers
    ]
    starts = [
        Start(start=start, setup=name, ready_s=5 + start + extra, rss_mb=400)
        for start in range(3)
        for name, extra in (("plain", 0), ("confident", 4))
    ]
    return Measured(readings, starts)


def test_a_ratio_is_taken_within_each_round_so_that_a_slow_round_does_not_count():
    (line,) = [one for one in lines(made(direct=1.05)) if one.setup == "direct" and one.answers is Answers.WHOLE]
    assert line.ratio == pytest.approx(1.05)
    assert (line.low, line.high) == pytest.approx((1.05, 1.05))
    assert line.cpu_ms == pytest.approx(15.75)


def test_a_bar_is_met_or_missed_by_how_much():
    text = tables(made(direct=1.10, confident=1.5, escalated=2.35))
    assert text.count("at most 1.10: met") == len(Answers)
    assert text.count("at most 1.50: met") == len(Answers)
    assert text.count("at most 2.20: missed by 0.15") == len(Answers)
    assert "at most 3.0 s: missed by 1.0 s" in text


def test_what_falls_on_few_requests_is_in_the_mean_alone():
    rounds = {("confident", "off"): [Spent(p50_ms=1.0, mean_ms=1.0)] * 3, ("confident", ALL): [Spent(p50_ms=1.1, mean_ms=1.7)] * 3}
    row = _row("confident", ALL, rounds, 0)
    assert (row.p50.ms, row.mean.ms) == pytest.approx((0.1, 0.7))
    assert table([row]).endswith("| 0.10 (0.10 to 0.10) | at most 0.4: met | 0.70 (0.70 to 0.70) |")


def test_start_up_is_compared_start_by_start():
    ready, memory = differences(made())
    assert (ready.plain, ready.ours, ready.over) == (6, 10, 4)
    assert memory.over == 0
