"""Recorded traffic: a decision record that a real policy decided, and the other two forms."""

import json
from dataclasses import replace

from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.pipeline import decide
from litellm_cascade.policy import load_policy
from litellm_cascade.vocabulary import (
    Attempt,
    AuditRecord,
    Basis,
    Caller,
    Classification,
    Confidence,
    Costs,
    Endpoint,
    Envelope,
    Evidence,
    Judgement,
    Outcome,
    Plan,
    Reason,
    Signals,
    Usage,
    Verdict,
)

TASKS, TEAMS = ("Open QA", "Rewrite", "Code Generation"), ("red", "blue")
CASCADE = """\
version: 1
name: desk
models:
  small: {tier: budget, quality: {general: 0.7}, price: {input_usd_per_million: 1, output_usd_per_million: 2}}
  large: {tier: premium, quality: {general: 0.9}, price: {input_usd_per_million: 10, output_usd_per_million: 20}}
routes:
  - {name: long, when: signals.input_tokens > 1000, send: large}
  - {name: rest, cascade: [small, large], gate: sure}
gates: {sure: {confidence: {score: mean}, accept_at: -0.5}}
"""
LARGE = CASCADE.split("routes:", maxsplit=1)[0] + "routes: [{name: all, send: large}]\n"
SMALL = CASCADE.split("routes:", maxsplit=1)[0] + "routes: [{name: all, send: small}]\n"


def recorded(file, number, score, **changes):
    """A record as the pipeline leaves it: the small model's answer has a ``score``, and is judged by the policy's own gate."""
    policy = load_policy(file)
    evidence = Evidence(
        envelope=Envelope(request_id=f"r-{number}", endpoint=Endpoint.CHAT, requested_model="auto", policy="desk"),
        caller=Caller(team=TEAMS[number % 2]),
        signals=Signals(input_tokens=2000 if number % 5 == 0 else 20),
        classification=Classification(task=TASKS[number % 3]),
    )
    decision = decide(policy, evidence)
    record = AuditRecord(
        plan=Plan(evidence=evidence, decision=decision),
        outcome=outcome_of(decision, score),
        basis=Basis(seed=7, aliases=policy.facts, smallest="small", largest="large"),
        costs=Costs(actual_usd=0.001),
    )
    return replace(record, **changes)


def outcome_of(decision, score):
    """What came of it: 100 tokens in, 10 out."""
    usage = Usage(input_tokens=100, output_tokens=10)
    last = Attempt(rung=len(decision.ladder) - 1, alias=decision.ladder[-1], usage=usage, served=True)
    if decision.gate is None:
        return Outcome(alias=last.alias, reason=Reason.DIRECT, attempts=(last,))
    accepted = score >= decision.gate.accept_at
    judgement = Judgement(
        verdict=Verdict.ACCEPT if accepted else Verdict.ESCALATE,
        reason=Reason.CONFIDENT if accepted else Reason.LOW_CONFIDENCE,
        confidence=Confidence(name="mean", score=score, threshold=decision.gate.accept_at, tokens=10),
    )
    first = Attempt(rung=0, alias="small", judgement=judgement, usage=usage, served=accepted)
    return Outcome(alias="small" if accepted else "large", reason=judgement.reason, attempts=(first,) if accepted else (first, last))


def write_record(folder, records):
    """A closed chain of these records."""
    folder.mkdir(exist_ok=True)
    ledger = Ledger(LedgerOptions(folder=folder))
    for record in records:
        ledger(record)
    ledger.close()


def request_row(number=0, **changes):
    """A request as OpenAI's clients write it."""
    messages = [{"role": "user", "content": f"How many legs have {number} spiders?"}]
    return {"messages": messages, "model": "auto", "user": "u", "metadata": {"team": TEAMS[number % 2]}} | changes


def spend_row(number=0, **changes):
    """A row as LiteLLM's /spend/logs gives it."""
    metadata = {"user_api_key_team_id": TEAMS[number % 2]}
    row = {"request_id": f"s-{number}", "call_type": "acompletion", "spend": 0.01, "prompt_tokens": 100, "completion_tokens": 10}
    return row | {"model_group": "gpt-4", "metadata": json.dumps(metadata), "messages": "{}", "startTime": "2026-01-31T00:00:00Z"} | changes


def write_lines(file, rows):
    """One object a line."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
