"""docs/cli.md tells the truth."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from random import Random

import onnx
import pytest
from onnx import TensorProto, helper
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
from traffic_records import write_lines

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
FILES = re.findall(r"```(?:yaml|json) title=(\S+)\n(.*?)```", TEXT, re.DOTALL)
EXAMPLE = re.compile(r"```console\n\$ cascade (.*?)\n(.*?)```", re.DOTALL)
EXAMPLES = EXAMPLE.findall(TEXT)
GUIDED = EXAMPLE.findall((ROOT / "docs/tuning.md").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").symlink_to(ROOT / "policies")
    for name, content in FILES:
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "tuned_by_hand.yaml").write_text((tmp_path / "careful.yaml").read_text().replace("-0.5", "-0.4"), encoding="utf-8")
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records()), encoding="utf-8")
    write_lines(tmp_path / "judged.jsonl", judged(400, doubt=1.0))
    write_lines(tmp_path / "later.jsonl", judged(400, doubt=2.5))
    write_lines(tmp_path / "labelled.jsonl", labels(tmp_path / "requests.jsonl"))
    write_records(tmp_path)
    write_rated(tmp_path / "rated")
    write_tiny_onnx(tmp_path / "tiny.onnx")
    return tmp_path


def judged(count, *, doubt):
    """Requests with an answer of each alias judged, and how sure the small one was of its."""
    random = Random(5)
    for number in range(count):
        score, hard = -doubt * random.random(), number % 3 == 0
        right = {"small": random.random() < (0.5 if hard else 0.95) + 0.3 * score, "large": random.random() < 0.9}
        messages = [{"role": "user", "content": f"Question {number}" + " of many" * (number % 7)}]
        form = {"type": "json_object" if hard else "text"}
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        yield {"messages": messages, "response_format": form, "usage": usage, "correct": right, "scores": {"small": {"mean": score}}}


def labels(requests):
    """As `cascade label` leaves them."""
    for line in requests.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        (prompt,) = [hashlib.sha256(json.dumps(row["messages"], sort_keys=True).encode()).hexdigest()[:16]]
        how = {"id": prompt, "judge": "large", "aliases": ["small", "large"], "all": False, "cost_usd": 0.0021}
        yield row | {"label": "small", "correct": {"small": True}, "labelled": how}


def write_tiny_onnx(path):
    """The tokens that count, times 0: as many logits as eight heads have."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["prompts", "tokens"]) for name in ("input_ids", "attention_mask")]
    constants = [
        helper.make_tensor("zeros", TensorProto.FLOAT, [1, 32], [0.0] * 32),
        helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
    ]
    nodes = [
        helper.make_node("Cast", ["attention_mask"], ["counted"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["counted", "axes"], ["total"], keepdims=1),
        helper.make_node("MatMul", ["total", "zeros"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes, "tiny", inputs, [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["prompts", 32])], constants
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def write_records(folder):
    """Two requests that `greetings.yaml` decided, and the same record with a word changed in it."""
    records, policy = folder / "records", load_policy(folder / "greetings.yaml")
    records.mkdir()
    ledger = Ledger(LedgerOptions(folder=records))
    for number in (1, 2):
        envelope = Envelope(request_id=f"r-{number}", endpoint=Endpoint.CHAT, requested_model="auto", policy="greetings.yaml")
        evidence = Evidence(envelope=envelope)
        plan = Plan(evidence=evidence, decision=decide(policy, evidence))
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


@pytest.mark.parametrize(("command", "expected"), [*EXAMPLES, *GUIDED], ids=[command for command, _ in [*EXAMPLES, *GUIDED]])
def test_an_example_gives_what_it_shows(folder, command, expected):
    output = CliRunner().invoke(app, shlex.split(command)).stdout

    assert OutputChecker().check_output(expected, output, ELLIPSIS), output


def test_every_command_has_a_heading_and_an_example():
    assert [name for name in COMMANDS if f"\n## {name}\n" not in TEXT] == []
    assert {command.split()[0] for command, _ in EXAMPLES} == set(COMMANDS)


DESCRIBED = ("explain", "classify", "calibrate", "bench cascade", "bench service", "serve-classifier", "export-triton", "replay", "plan")
OF_TRAFFIC = ("tune", "drift", "report", "label", "train gain", "train sequence")


@pytest.mark.parametrize("command", [command.split() for command in DESCRIBED + OF_TRAFFIC], ids=" ".join)
def test_every_option_is_documented(command):
    options = re.findall(r"^  (--[a-z-]+)", CliRunner().invoke(app, [*command, "--help"]).stdout, re.MULTILINE)

    assert [option for option in options if option != "--help" and f"`{option}" not in TEXT] == []
