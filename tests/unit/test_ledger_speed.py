"""Sealing a record may cost half a millisecond. Run with --benchmark-only."""

from dataclasses import replace

import pytest

from ledger_records import record
from litellm_cascade.audit import Tracing
from litellm_cascade.audit.input_hash import input_hash
from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.classifiers import build
from litellm_cascade.offline.explaining import request_of
from litellm_cascade.pipeline import Pipeline
from litellm_cascade.policy import load_policy
from litellm_cascade.policy.shipped import shipped_folder
from litellm_cascade.testing import RememberingSink
from litellm_cascade.vocabulary import Attempt, AuditRecord, Caller, Judgement, Outcome, Reason, Turn, Usage, Verdict

BUDGET_SECONDS = 5e-4


@pytest.fixture
async def whole():
    """A record as a proxy with the policy `balanced` makes it."""
    sink = RememberingSink()
    pipeline = Pipeline(build("linear"), Tracing({}), sink)
    request = request_of("Write a haiku about the sea", system=None, attached=(), caller=Caller())
    journey = pipeline.begin(request.envelope)
    await pipeline.plan(request, load_policy(shipped_folder() / "balanced.yaml"), journey)
    journey.ended()
    attempts = tuple(
        Attempt(
            rung=rung,
            alias=alias,
            judgement=Judgement(verdict=Verdict.ACCEPT, reason=Reason.DIRECT),
            usage=Usage(input_tokens=17, output_tokens=120),
            cost_usd=0.01,
        )
        for rung, alias in enumerate(("small", "large"))
    )
    made: AuditRecord = sink.last
    return made, Outcome(alias="large", reason=Reason.LOW_CONFIDENCE, attempts=attempts)


def test_a_record_is_sealed(benchmark, tmp_path, whole):
    made, outcome = whole
    made = replace(made, outcome=outcome)
    ledger = Ledger(LedgerOptions(folder=tmp_path, queue_records=10**7))
    benchmark(ledger, made)
    assert benchmark.stats.stats.median < BUDGET_SECONDS
    ledger.close()
    ((file, *_),) = [sorted(tmp_path.glob("*.jsonl"))]
    benchmark.extra_info["bytes"] = len(file.read_bytes().splitlines()[1])


@pytest.mark.parametrize("kilobytes", [1, 100])
def test_an_input_is_hashed(benchmark, kilobytes):
    benchmark(input_hash, (Turn(role="user", text="word " * (kilobytes * 200)),), b"salt")


def test_a_small_record_is_sealed(benchmark, tmp_path):
    ledger = Ledger(LedgerOptions(folder=tmp_path, queue_records=10**7))
    benchmark(ledger, record(1))
    ledger.close()
