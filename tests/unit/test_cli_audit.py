"""`cascade audit` and `cascade explain --record`."""

import json
import re
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from ledger_records import record, write_chain
from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.audit.ledger.chain import Sealer
from litellm_cascade.audit.ledger.files import chains_in
from litellm_cascade.offline.cli import app
from litellm_cascade.pipeline import decide
from litellm_cascade.policy import Capacity, Known, Price, load_policy
from litellm_cascade.vocabulary import (
    Attempt,
    AuditRecord,
    Basis,
    Classification,
    Costs,
    Endpoint,
    Envelope,
    Evidence,
    Outcome,
    Plan,
    Reason,
    Signals,
)

KEY = "k" * 32
CHOICE = "choose: {strategy: utility, candidates: [small, large], weights: {quality: 1, cost: 20}}"
POLICY = f"""\
version: 1
name: desk
models:
  small: {{tier: budget, quality: {{general: 0.7}}, latency_ms: 100}}
  large: {{tier: premium, quality: {{general: 0.9}}, latency_ms: 900}}
routes:
  - {{name: long, when: signals.input_tokens > 1000, send: large}}
  - {{name: rest, {CHOICE}}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "desk.yaml").write_text(POLICY)
    return tmp_path / "record"


def run(*arguments, **options):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)


def verified(*arguments, **options):
    result = run("audit", "verify", *arguments, **options)
    return result.exit_code, result.stdout.splitlines()


def only_file(folder):
    ((_, files),) = chains_in([folder]).items()
    return files[1]


def tampered(folder, change):
    file = only_file(folder)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(change(lines)))
    return file


# --- verify ------------------------------------------------------------------------------------------------------------------------


def test_a_sound_record_of_several_chains_is_found_sound(folder):
    folder.mkdir()
    write_chain(folder, 3)
    write_chain(folder, 12, rotate_bytes=9000)
    assert verified(folder) == (0, ["2 chains, 4 files, 15 requests: no findings"])
    assert verified(*folder.glob("*.jsonl"))[0] == 0


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        (
            lambda lines: [*lines[:2], lines[2].replace(b'"small"', b'"large"'), *lines[3:]],
            ["3: seq 2: this line was changed after it was written, or put there"],
        ),
        (lambda lines: [*lines[:2], *lines[3:]], ["3: seq 2 is missing before this line"]),
        (lambda lines: [*lines[:1], *lines[3:]], ["2: seq 1 to 2 are missing before this line"]),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], ["3: seq 1: this line was moved; it belongs before {file}:2"]),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], ["3: seq 1: this line stands here once more, or was put there"]),
        (lambda lines: [*lines[:2], b"hello\n", *lines[2:]], ["3: seq unknown: this line was changed after it was written, or put there"]),
        (lambda lines: lines[:-2], [" seq 3 to 4 are missing at the end: cut off"]),
    ],
    ids=["edited", "removed", "two removed", "swapped", "copied", "inserted", "cut off"],
)
def test_tampering_is_told_with_its_place(folder, change, findings):
    folder.mkdir()
    write_chain(folder, 3)
    file = tampered(folder, change)
    code, lines = verified(folder)
    assert code == 1
    assert lines[: len(findings)] == [f"{file}:{finding.format(file=file)}" for finding in findings]
    assert lines[-1].endswith(f": {len(findings)} finding")


def test_the_key_is_named_and_not_given(folder):
    folder.mkdir()
    write_chain(folder, 2, key=KEY.encode())
    without = run("audit", "verify", folder)
    assert without.exit_code == 2
    assert "with a key (id" in without.stderr
    assert "name the variable that holds it with --hmac-key-env" in re.sub(r"\s+", " ", without.stderr)
    assert verified(folder, "--hmac-key-env", "RECORD_KEY", env={"RECORD_KEY": KEY})[0] == 0
    unset = run("audit", "verify", folder, "--hmac-key-env", "RECORD_KEY", env={"RECORD_KEY": ""})
    assert (unset.exit_code, "the environment variable RECORD_KEY is not set" in unset.stderr) == (2, True)


def test_a_head_whose_files_are_gone_is_a_finding(folder):
    folder.mkdir()
    write_chain(folder, 1)
    only_file(folder).unlink()
    write_chain(folder, 1)
    code, lines = verified(folder)
    assert code == 1
    assert lines[0].endswith(".head: the files of this chain are missing; only its head is left")


@pytest.mark.parametrize("command", ["audit verify {}", "audit show {}", "audit outcomes {}", "explain --record r-0 --records {}"])
def test_what_cannot_be_opened_is_told_in_a_sentence(folder, command):
    folder.mkdir()
    write_chain(folder, 1)
    file = only_file(folder)
    file.unlink()
    file.mkdir()
    result = run(*command.format(folder).split())
    (sentence,) = result.stderr.splitlines()
    assert (result.exit_code, sentence.startswith(f"{file} cannot be opened (Is a directory)")) == (1, True)


def test_what_somebody_put_there_forges_no_line_of_the_findings(folder):
    folder.mkdir()
    write_chain(folder, 2)
    word = "x\x1b[2J\n1 chain, 1 file, 2 requests: no findings"
    file = tampered(folder, lambda lines: [*lines[:2], Sealer().sealed(json.dumps({"chain": word, "seq": 2}))[0], *lines[3:]])
    code, lines = verified(folder)
    assert (code, len(lines)) == (1, 3)
    assert lines[0].startswith(f"{file}:3: seq 2: this line belongs to the chain x\\x1b[2J\\n1 chain")
    keyed = {"kind": "genesis", "genesis": {"algorithm": "hmac-sha256", "key_id": word}}
    tampered(folder, lambda lines: [Sealer().sealed(json.dumps(keyed))[0], *lines[1:]])
    refused = run("audit", "verify", folder).stderr
    assert ("with a key" in refused, "\x1b" in refused, "\n1 chain" in refused) == (True, False, False)


def test_where_there_is_no_record_there_is_nothing_to_verify(folder):
    folder.mkdir()
    result = run("audit", "verify", folder)
    assert (result.exit_code, "there is no file of a record in what was named" in result.stderr) == (2, True)


def test_requests_that_were_not_recorded_are_a_note(folder):
    ledger = Ledger(LedgerOptions(folder=folder, queue_records=2))
    for number in range(4):
        ledger(record(number))
    folder.mkdir()
    ledger.close()
    code, lines = verified(folder)
    assert code == 0
    assert re.fullmatch(r"note: \S+: seq 2: 3 requests are not recorded, \S+ to \S+: queue_full", lines[0])
    assert lines[1] == "1 chain, 1 file, 1 request: no findings, 3 requests not recorded"


# --- show and explain --------------------------------------------------------------------------------------------------------------


TABLE = {
    "small": Known(price=Price(input_usd_per_million=1, output_usd_per_million=1), capacity=Capacity(context_tokens=100)),
    "large": Known(price=Price(input_usd_per_million=90, output_usd_per_million=90)),
}


def decided(policy_file, request_id="r-1", trace_id="ab" * 16, may_call=None, input_tokens=20, outcome=None):
    """A record as the pipeline leaves it."""
    policy = load_policy(policy_file, table=TABLE)
    evidence = Evidence(
        envelope=Envelope(request_id=request_id, endpoint=Endpoint.CHAT, requested_model="auto", policy="desk"),
        signals=Signals(input_tokens=input_tokens),
        classification=Classification(complexity=0.4, degraded=("classifier_late",)),
    )
    decision = decide(policy, evidence)
    decision = policy.limited_to(decision, may_call) if may_call else decision
    return AuditRecord(
        plan=Plan(evidence=evidence, decision=decision),
        outcome=outcome or Outcome(alias=decision.alias, reason=Reason.DIRECT, attempts=(Attempt(rung=0, alias=decision.alias),)),
        basis=Basis(seed=7, aliases=policy.facts, smallest="small", largest="large"),
        costs=Costs(actual_usd=0.00012),
        took_ms=123.4,
        trace_id=trace_id,
    )


def written(folder, *records):
    folder.mkdir(exist_ok=True)
    ledger = Ledger(LedgerOptions(folder=folder))
    for one in records:
        ledger(one)
    ledger.close()


@pytest.fixture
def two(folder):
    policy = folder.parent / "policies" / "desk.yaml"
    both = (Attempt(rung=0, alias="small"), Attempt(rung=1, alias="large", served=True))
    escalated = Outcome(alias="large", reason=Reason.LOW_CONFIDENCE, attempts=both)
    written(folder, decided(policy), decided(policy, "r-2", "cd" * 16, outcome=escalated))
    return folder


def test_show_lists_the_requests(two):
    lines = run("audit", "show", two, env={"COLUMNS": "200"}).stdout.splitlines()
    assert lines[0].split() == ["time", "request", "policy", "route", "band", "alias", "rungs", "reason", "USD", "ms"]
    assert lines[1].split()[1:] == ["r-1", "desk", "rest", "small", "small", "1", "direct", "0.00012", "123.4"]
    assert lines[2].split()[1:] == ["r-2", "desk", "rest", "small", "large", "2", "low_confidence", "0.00012", "123.4"]


@pytest.mark.parametrize(
    ("options", "requests"),
    [
        ([], ["r-1", "r-2"]),
        (["--alias", "large"], ["r-2"]),
        (["--escalated"], ["r-2"]),
        (["--request", "r-1"], ["r-1"]),
        (["--request", "cd" * 16], ["r-2"]),
        (["--since", "2020-01-01"], ["r-1", "r-2"]),
        (["--since", "2999-01-01T00:00:00"], []),
    ],
)
def test_show_filters_and_gives_whole_lines(two, options, requests):
    lines = run("audit", "show", two, "--json", *options).stdout.splitlines()
    assert [json.loads(line)["record"]["plan"]["evidence"]["envelope"]["request_id"] for line in lines] == requests


@pytest.mark.parametrize("request_id", ["[/x]", "[red]here[/red]", ":smile:", "a\x1b[2Jb"])
def test_an_id_that_a_client_has_chosen_is_shown_as_it_is(folder, request_id):
    folder.mkdir()
    ledger = Ledger(LedgerOptions(folder=folder))
    of = record(0)
    envelope = replace(of.plan.evidence.envelope, request_id=request_id)
    ledger(replace(of, plan=replace(of.plan, evidence=replace(of.plan.evidence, envelope=envelope))))
    ledger.close()
    shown = run("audit", "show", folder)
    assert (shown.exit_code, request_id.replace("\x1b", r"\x1b") in shown.stdout) == (0, True)


def test_show_survives_a_line_that_says_nothing(folder):
    folder.mkdir()
    write_chain(folder, 1)
    tampered(folder, lambda lines: [lines[0], re.sub(rb'"record":.*,"hash"', b'"record":7,"hash"', lines[1])])
    assert run("audit", "show", folder).exit_code == 0


def explained(*arguments):
    return run("explain", "--records", "record", *arguments)


def test_a_recorded_decision_comes_out_the_same(two):
    result = explained("--record", "ab" * 16)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-2:] == ["record  small answered, direct", "  the decision made again is the recorded one"]
    assert "  degraded              classifier_late" in result.stdout


def test_also_where_only_litellm_knows_what_an_alias_can_take(folder):
    one = decided(folder.parent / "policies" / "desk.yaml", input_tokens=500)
    assert one.plan.decision.ladder == ("large",)
    written(folder, one)
    assert explained("--record", "r-1").exit_code == 0


def test_also_where_the_caller_may_not_call_a_rung(folder):
    (folder.parent / "policies" / "desk.yaml").write_text(
        POLICY.replace(
            "choose: {strategy: utility, candidates: [small, large], weights: {quality: 1, cost: 20}}",
            "cascade: [small, large], gate: sure",
        )
        + "gates: {sure: {accept_at: -0.5}}\n"
    )
    written(folder, decided(folder.parent / "policies" / "desk.yaml", may_call=["large"]))
    assert explained("--record", "r-1").exit_code == 0


def test_a_decision_that_was_changed_in_the_record_is_told(folder):
    one = decided(folder.parent / "policies" / "desk.yaml")
    written(folder, replace(one, plan=replace(one.plan, decision=replace(one.plan.decision, ladder=("large",), route="other"))))
    result = explained("--record", "r-1")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-2:] == ["  route: recorded other, decided now rest", "  ladder: recorded large, decided now small"]
    as_json = explained("--record", "r-1", "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["differences"] == [
        "route: recorded other, decided now rest",
        "ladder: recorded large, decided now small",
    ]


def test_a_policy_that_has_changed_since_is_told(two):
    file = two.parent / "policies" / "desk.yaml"
    before = load_policy(file).digest
    file.write_text(POLICY.replace("1000", "10"))
    result = explained("--record", "r-1")
    assert result.exit_code == 1
    assert f"  the policy that decided was {before}; policies/desk.yaml is {load_policy(file).digest} now" in result.stdout
    assert "  route: recorded rest, decided now long" in result.stdout


def test_of_a_gate_that_has_changed_only_what_has_changed_is_told(folder):
    gated = POLICY.replace(
        "choose: {strategy: utility, candidates: [small, large], weights: {quality: 1, cost: 20}}", "cascade: [small, large], gate: sure"
    )
    file = folder.parent / "policies" / "desk.yaml"
    file.write_text(gated + "gates: {sure: {accept_at: -0.5}}\n")
    written(folder, decided(file))
    file.write_text(gated + "gates: {sure: {accept_at: -0.25, stream: {tokens: 8}}}\n")
    told = json.loads(explained("--record", "r-1", "--json").stdout)["differences"]
    assert told == ["gate.accept_at: recorded -0.5, decided now -0.25", "gate.stream.tokens: recorded 24, decided now 8"]


def test_the_policy_that_decided_is_found_by_its_digest_under_any_name(two):
    policies = two.parent / "policies"
    (policies / "desk.yaml").rename(policies / "desk_of_last_year.yaml")
    (policies / "desk.yaml").write_text(POLICY.replace("1000", "10"))
    (policies / "broken.yaml").write_text("version: 7\n")
    result = explained("--record", "r-1")
    assert result.exit_code == 0
    assert "policies/desk_of_last_year.yaml" in result.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--record", "nobody"], 1, "there is no request 'nobody' in the record; `cascade audit show record` lists those there are"),
        (["--record", "r-1", "--records", "elsewhere"], 2, "there is no folder 'elsewhere'; name the one that holds the record"),
        (["--record", "r-1", "hello"], 2, "say either a prompt, or --record ID and its folder by --records"),
    ],
)
def test_what_cannot_be_explained_is_told_in_a_sentence(two, arguments, code, message):
    result = explained(*arguments)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr
