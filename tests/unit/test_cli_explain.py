"""`cascade explain`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from litellm_cascade.classifiers import registry
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.commands.explain import Attached
from litellm_cascade.offline.explaining import explain, request_of
from litellm_cascade.offline.plainly import shown
from litellm_cascade.offline.wording import gate_sentences, next_sentences
from litellm_cascade.policy.gates import FRACTIONS, AlsoEscalate, ConfidenceRule, GateRule
from litellm_cascade.policy.shipped import shipped_folder
from litellm_cascade.signals.modalities import KNOWN
from litellm_cascade.vocabulary import Abstention, Band, Caller, Decision, Evidence, Gate, Signals, StreamJudging

POLICY = """\
version: 1
name: desk
models: {small: {tier: budget}, large: {tier: premium}}
routes:
  - {name: screenshots, when: '"image" in signals.modalities', send: large}
  - {name: gold, when: caller.tier == "gold" && caller.team == "ops" && "vip" in caller.tags, send: large}
  - {name: rest, cascade: [small, large], gate: careful}
gates: {careful: {accept_at: -0.35, unknown: escalate, also_escalate: [truncated, empty]}}
"""
SECRET = "Swordfish-4711"
COMMAND = Path(sys.executable).with_name("cascade")


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk.yaml").write_text(POLICY)
    return tmp_path


def run(*arguments: str, given: str | bytes | None = None):
    return CliRunner().invoke(app, ["explain", *arguments, "--policy", "desk.yaml"], input=given)


def decided(*arguments: str, given: str | bytes | None = None):
    return json.loads(run(*arguments, "--json", given=given).stdout)


def section(text: str, title: str) -> str:
    return text.partition(f"\n{title}")[2].partition("\n")[2].partition("\n\n")[0]


def test_it_shows_each_route_that_was_looked_at_with_its_outcome_and_condition(desk):
    assert section(run("How many legs has a spider?").stdout, "routes") == (
        "  skipped   screenshots\n"
        '            "image" in signals.modalities\n'
        "  skipped   gold\n"
        '            caller.tier == "gold" && caller.team == "ops" && "vip" in caller.tags\n'
        "  matched   rest\n"
        "            otherwise"
    )


def test_it_says_what_would_happen_next(desk):
    assert run("How many legs has a spider?").stdout.partition("\nnext\n")[2] == (
        "  small is asked, with log-probabilities. Its answer is judged at the gate 'careful'.\n"
        "  An answer is served when the mean of the log-probabilities of the tokens of reasoning and answer is at least -0.35 nats "
        "(a typical token has a probability of 0.7).\n"
        "  An answer that is empty or is truncated goes on to the next rung whatever it scores.\n"
        "  An answer without log-probabilities goes on to the next rung.\n"
        "  Of a stream the first 24 tokens are held back and judged, or as many as have arrived 400 ms after the first.\n"
        "  A rung without a whole answer after 120 s, or without the first chunk of a stream after 30 s, is given up and the next one "
        "asked.\n"
        "  If no answer passes, large is asked, and its answer is served whatever it is; should it fail or say nothing, the best earlier "
        "answer is served.\n"
    )


def test_it_shows_the_signals_and_what_the_classifier_believes(desk):
    text = run("How many legs has a spider?").stdout

    assert "  modalities            text\n" in section(text, "signals") + "\n"
    assert "  unknown               temperature, " in section(text, "signals")
    assert "  task                  Open QA\n" in section(text, "classification")
    assert "  classifier            linear\n" in section(text, "classification")


def test_every_field_of_the_decision_is_in_the_text_or_in_a_section_of_its_own(desk):
    rows = section(run("hello").stdout, "decision")

    told = {field.name for field in fields(Decision)} - {"policy", "digest", "gate", "ensemble", "trace"}
    assert [name for name in told if f"  {name} " not in rows] == []


@pytest.mark.parametrize(
    ("arguments", "route"),
    [
        ([], "rest"),
        (["--attach", "image"], "screenshots"),
        (["--attach", "pdf", "--attach", "image"], "screenshots"),
        (["--attach", "pdf"], "rest"),
        (["--tier", "gold", "--team", "ops", "--tag", "a", "--tag", "vip"], "gold"),
        (["--tier", "gold"], "rest"),
    ],
)
def test_what_comes_with_the_prompt_and_who_asks_counts(desk, arguments, route):
    assert decided("hello", *arguments)["decision"]["route"] == route


def test_a_system_prompt_is_a_turn_of_its_own(desk):
    plain, instructed = decided("hello"), decided("hello", "--system", "Answer in French, always and at length.")

    assert (plain["evidence"]["signals"]["turns"], instructed["evidence"]["signals"]["turns"]) == (1, 2)
    assert plain["evidence"]["signals"]["input_tokens"] < instructed["evidence"]["signals"]["input_tokens"]


def test_a_prompt_comes_from_standard_input_too_whatever_its_bytes(desk):
    assert decided("-", given="How many legs?\n")["evidence"]["signals"] == decided("How many legs?")["evidence"]["signals"]
    assert decided("-", given=b"\xff\xfe")["decision"]["route"] == "rest"


def test_without_a_classifier_it_shows_what_happens_when_none_answers(desk):
    assert decided("hello", "--classifier", "none")["evidence"]["classification"]["known"] is False


def test_the_json_form_has_the_keys_that_the_docs_name(desk):
    explained = decided("hello")

    assert list(explained) == ["format", "policy", "evidence", "decision", "next"]
    assert explained["format"] == 1
    assert list(explained["policy"]) == ["name", "digest", "file"]
    assert list(explained["evidence"]) == [field.name for field in fields(Evidence)]
    assert list(explained["evidence"]["signals"]) == [field.name for field in fields(Signals)]
    assert list(explained["decision"]) == [field.name for field in fields(Decision)]
    assert explained["decision"]["gate"]["also_escalate"] == ["empty", "truncated"]
    assert explained["decision"]["trace"][0] == {"name": "screenshots", "outcome": "skipped", "detail": '"image" in signals.modalities'}


@given(prompt=st.text(alphabet=st.characters(codec="utf-8"), max_size=40), system=st.none() | st.text(max_size=20))
def test_no_word_of_the_prompt_is_in_an_explanation(prompt, system):
    marked = f"{SECRET} {prompt} {SECRET}"
    explained = explain(
        shipped_folder() / "balanced.yaml", request_of(marked, system=system and SECRET + system, attached=[], caller=Caller()), "linear"
    )

    assert SECRET not in json.dumps(explained.as_json())
    assert SECRET not in repr(explained.plan)


@pytest.mark.parametrize("policy", sorted(path.stem for path in shipped_folder().glob("*.yaml") if not path.stem.endswith("_test")))
def test_a_shipped_policy_is_known_by_name(desk, policy):
    result = CliRunner().invoke(app, ["explain", "hello", "--policy", policy])

    assert result.stdout.startswith(f"{policy}  sha256:")
    assert result.exit_code == 0


def test_a_policy_of_this_folder_comes_before_the_shipped_one_of_its_name(desk):
    (desk / "policies").mkdir()
    (desk / "policies/balanced.yaml").write_text(POLICY)

    assert CliRunner().invoke(app, ["explain", "hello"]).stdout.splitlines()[0].endswith("  policies/balanced.yaml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "balanc"], "there is no file and no policy 'balanc'; did you mean 'balanced'?\n"),
        (["--policy", "nowhere/desk.yaml"], "there is no file and no policy 'nowhere/desk.yaml'; "),
        (["--classifier", "oracle"], f"there is no classifier 'oracle'; choose one of {', '.join(sorted(registry))}\n"),
        (["--attach", "smell"], "'smell' is not one of 'image', 'pdf', 'audio', 'video', 'file'"),
    ],
)
def test_a_name_that_is_not_known_is_a_wrong_call(desk, arguments, message):
    result = CliRunner().invoke(app, ["explain", "hello", *arguments])

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_policy_that_cannot_be_used_is_told_in_full(desk):
    (desk / "desk.yaml").write_text(POLICY.replace("[small, large]", "[smal, large]").replace("gate: careful", "gate: carefull"))

    result = run("hello")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "desk.yaml:7:28: $.routes[2].cascade[0]: no alias 'smal' in models; did you mean 'small'?\n"
        "desk.yaml:7:48: $.routes[2].gate: no gate 'carefull' in gates; did you mean 'careful'?\n"
    )


def on_a_terminal(folder: Path, **environment: str) -> str:
    ours, theirs = pty.openpty()
    command = [COMMAND, "explain", "hello", "--policy", "desk.yaml"]
    with subprocess.Popen(command, cwd=folder, stdout=theirs, env={"TERM": "xterm-256color", "COLUMNS": "40", **environment}):
        os.close(theirs)
        return read_all(ours)


def read_all(descriptor: int) -> str:
    parts: list[bytes] = []
    try:
        while part := os.read(descriptor, 65536):
            parts.append(part)
    except OSError:  # Linux: the other end is closed
        pass
    os.close(descriptor)
    return b"".join(parts).decode()


def test_on_a_terminal_it_is_in_colour(desk):
    assert "\x1b[32m  matched" in on_a_terminal(desk)


def test_no_color_is_respected(desk):
    text = on_a_terminal(desk, NO_COLOR="1")

    assert "matched   rest" in text
    assert "\x1b" not in text


def test_in_a_pipe_it_is_plain_and_no_line_is_broken(desk):
    done = subprocess.run([COMMAND, "explain", "hello", "--policy", "desk.yaml"], cwd=desk, capture_output=True, text=True, check=True)

    assert "\x1b" not in done.stdout
    assert '\n            caller.tier == "gold" && caller.team == "ops" && "vip" in caller.tags\n' in done.stdout


def test_everything_that_may_come_with_a_prompt_can_be_attached():
    assert ("text", *(kind.value for kind in Attached)) == KNOWN


@pytest.mark.parametrize("score", get_args(ConfidenceRule.model_fields["score"].annotation))
@pytest.mark.parametrize("of", get_args(ConfidenceRule.model_fields["of"].annotation))
def test_every_score_has_words(score, of):
    accept_at = 0.5 if score in FRACTIONS else -0.5
    rule = {"confidence": {"score": score, "of": of}, "accept_at": accept_at, "stream": {"judge": "full"}}

    sentence, *_ = gate_sentences(GateRule.model_validate(rule).named("any"))

    endings = (" at least 0.5.", " come to the same end.") if score in FRACTIONS else (" 0.61).",)
    assert sentence.endswith(endings)
    assert "_" not in sentence


@pytest.mark.parametrize("defect", get_args(AlsoEscalate))
def test_every_defect_has_words(defect):
    sentence = list(gate_sentences(Gate(name="any", also_escalate=frozenset({defect}))))[1]

    assert sentence.startswith("An answer that ")
    assert "_" not in sentence


@pytest.mark.parametrize(
    ("abstention", "words"),
    [
        (Abstention(below=-1, then="error"), "none is served: the client gets an error."),
        (Abstention(below=-1, then="flag"), "it is served and flagged."),
        (
            Abstention(below=-1, then="large", large="big"),
            "big is asked, unjudged; if it is the last rung, the answer is served and flagged.",
        ),
    ],
)
def test_every_way_to_abstain_has_words(abstention, words):
    gate = Gate(name="any", abstain=abstention)

    assert f"When even the last rung's answer scores below -1 or has such a defect, {words}" in list(gate_sentences(gate))
    decision = Decision(policy="p", digest="", route="r", band=Band.CASCADE, ladder=("small", "large"), gate=gate)
    assert next_sentences(decision)[-1].startswith("If no answer passes, large is asked, and its answer is judged too;")


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            {"confidence": {"score": "mean"}, "accept_at": -0.5, "unknown": "self_check", "consult": {"failed": "escalate"}},
            [
                "An answer without log-probabilities is served when the model, asked whether its answer is right, says so with a "
                "probability of at least 0.5.",
                "If nothing can be told of an answer in that way within 10 s, it goes on to the next rung.",
            ],
        ),
        (
            {"confidence": {"score": "agreement"}, "accept_at": 0.6, "stream": {"judge": "full"}, "unknown": "accept"},
            ["If nothing can be told of an answer in that way within 10 s, it is served."],
        ),
        (
            {"confidence": {"score": "self_check"}, "accept_at": 0.6, "stream": {"judge": "off"}, "unknown": "agreement"},
            [
                "If nothing can be told of an answer in that way within 10 s, it is served when at least 50% of 5 further answers of the "
                "model come to the same end.",
                "If nothing can be told of an answer in that way within 10 s, it is served.",
            ],
        ),
    ],
)
def test_what_is_asked_of_the_model_again_has_words(rule, told):
    sentences = list(gate_sentences(GateRule.model_validate(rule).named("any")))

    assert sentences[1 : 1 + len(told)] == told


@pytest.mark.parametrize(("judge", "words"), [("full", "A stream is held back and judged as a whole."), ("off", "A stream is not judged.")])
def test_every_way_to_judge_a_stream_has_words(judge, words):
    assert words in list(gate_sentences(Gate(name="any", stream=StreamJudging(judge=judge))))


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, "unknown"),
        (True, "yes"),
        (0.123456, "0.1235"),
        ((), "none"),
        ("", "none"),
        (frozenset({"b", "a"}), "a, b"),
        ({"a": 0.1, "b": 0.5, "c": 0.2, "d": 0.2}, "b 0.5, c 0.2, d 0.2, 1 more"),
        ("red \x1b[31m", r"red \x1b[31m"),
        (StreamJudging(), "judge prefix, tokens 24, within_ms 400"),
    ],
)
def test_a_value_is_shown_on_one_line(value, line):
    assert shown(value) == line
