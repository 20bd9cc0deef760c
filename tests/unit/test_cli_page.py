"""docs/cli.md tells the truth."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.offline.cli import COMMANDS, app
from litellm_cascade.pipeline import decide
from litellm_cascade.policy import load_policy
from litellm_cascade.vocabulary import (
    Answered,
    Attempt,
    AuditRecord,
    Band,
    Basis,
    Costs,
    Decision,
    Endpoint,
    Envelope,
    Evidence,
    Feedback,
    Opinion,
    Outcome,
    Plan,
    Reason,
)

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
FILES = re.findall(r"```(?:yaml|json) title=(\S+)\n(.*?)```", TEXT, re.DOTALL)
EXAMPLES = re.findall(r"```console\n\$ cascade (.*?)\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").symlink_to(ROOT / "policies")
    for name, content in FILES:
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records()), encoding="utf-8")
    write_records(tmp_path)
    write_rated(tmp_path / "rated")
    return tmp_path


def write_records(folder):
    """Two requests that `greetings.yaml` decided, and the same record with a word changed in it."""
    records, policy = folder / "records", load_policy(folder / "greetings.yaml")
    records.mkdir()
    ledger = Ledger(LedgerOptions(folder=records))
    for number in (1, 2):
        envelope = Envelope(request_id=f"r-{number}", endpoint=Endpoint.CHAT, requested_model="auto", policy="greetings.yaml")
        evidence = Evidence(envelope=envelope)
        plan = Plan(evidence=evidence, decision=decide(policy, evidence, 0))
        outcome = Outcome(alias="small", reason=Reason.DIRECT, attempts=(Attempt(rung=0, alias="small"),))
        ledger(AuditRecord(plan=plan, outcome=outcome, costs=Costs(actual_usd=0.0001), took_ms=12.0))
    ledger.close()
    (file,) = records.glob("*.jsonl")
    shutil.copytree(records, folder / "tampered")
    lines = file.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"alias":"small"', b'"alias":"large"', 1)
    (folder / "tampered" / file.name).write_bytes(b"".join(lines))


def write_rated(folder):
    """Two requests to a cascade, of which the caller has said whether the answer was right."""
    folder.mkdir()
    ledger = Ledger(LedgerOptions(folder=folder))
    for number, (outcome, score) in enumerate([(Opinion.RIGHT, -0.12), (Opinion.WRONG, -0.31)]):
        envelope = Envelope(request_id=f"r-{number}", endpoint=Endpoint.CHAT, requested_model="auto", policy="balanced")
        decision = Decision(policy="balanced", digest="sha256:0", route="rest", band=Band.CASCADE, ladder=("small", "large"))
        plan = Plan(evidence=Evidence(envelope=envelope), decision=decision)
        basis = Basis(input_hash=f"{number:064x}")
        ledger(AuditRecord(plan=plan, outcome=Outcome(alias="small", reason=Reason.CONFIDENT), basis=basis))
        answered = {"alias": "small", "task": "Open QA", "score_name": "mean", "score": score, "at": float(number)}
        answer = Answered(request_id=f"r-{number}", policy="balanced", digest="sha256:0", band=Band.CASCADE, **answered)
        ledger.feedback(Feedback(answer=answer, outcome=outcome))
    ledger.close()


def records():
    """400 answers of `small`: the less likely their least likely token, the less often they are right."""
    random = Random(7)
    for _ in range(400):
        doubt = random.expovariate(1.0)
        right = {"correct": random.random() < 0.95 - 0.3 * min(doubt, 3), "correct_large": True}
        yield {"alias": "small", "task": random.choice(["Open QA", "Rewrite"]), "min": -doubt} | right


@pytest.mark.parametrize(("command", "expected"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_an_example_gives_what_it_shows(folder, command, expected):
    output = CliRunner().invoke(app, shlex.split(command)).stdout

    assert OutputChecker().check_output(expected, output, ELLIPSIS), output


def test_every_command_has_a_heading_and_an_example():
    assert [name for name in COMMANDS if f"\n## {name}\n" not in TEXT] == []
    assert {command.split()[0] for command, _ in EXAMPLES} == set(COMMANDS)


@pytest.mark.parametrize("command", [["explain"], ["classify"], ["calibrate"], ["bench", "cascade"], ["replay"], ["plan"]], ids=" ".join)
def test_every_option_is_documented(command):
    options = re.findall(r"^  (--[a-z-]+)", CliRunner().invoke(app, [*command, "--help"]).stdout, re.MULTILINE)

    assert [option for option in options if option != "--help" and f"`{option}" not in TEXT] == []
