import subprocess
import sys

import pytest

from litellm_cascade.errors import ClassifierError
from litellm_cascade.testing import FakeClassifier, RememberingSink
from litellm_cascade.vocabulary import (
    AuditRecord,
    Band,
    Classification,
    Decision,
    Endpoint,
    Envelope,
    Evidence,
    Outcome,
    Plan,
    Reason,
    Request,
    Turn,
)

ENVELOPE = Envelope(request_id="1", endpoint=Endpoint.CHAT, requested_model="auto", policy="test")
HARD, EASY = Classification(complexity=0.9), Classification(complexity=0.1)


def request(text):
    return Request(envelope=ENVELOPE, turns=(Turn(role="user", text=text),))


async def test_the_classifier_answers_as_scripted_and_remembers_who_asked():
    classifier = FakeClassifier(answer=HARD)
    assert await classifier.classify(request("hi")) == HARD
    assert classifier.requests == [request("hi")]


async def test_the_classifier_can_answer_by_a_word_of_the_prompt():
    classifier = FakeClassifier(answer={"prove": HARD, "hello": EASY})
    assert [await classifier.classify(request(text)) for text in ("hello you", "prove it", "?")] == [EASY, HARD, Classification()]


async def test_the_classifier_can_compute_its_answer():
    classifier = FakeClassifier(answer=lambda asked: HARD if len(asked.turns) else EASY)
    assert await classifier.classify(request("hi")) == HARD


async def test_the_classifier_can_fail():
    with pytest.raises(ClassifierError, match="no model"):
        await FakeClassifier(error=ClassifierError("no model")).classify(request("hi"))


def test_the_sink_remembers_in_order_until_cleared():
    plan = Plan(
        evidence=Evidence(envelope=ENVELOPE),
        decision=Decision(policy="test", digest="", route="r", band=Band.SMALL, ladder=("small",)),
    )
    first, second = (AuditRecord(plan=plan, outcome=Outcome(alias="small", reason=Reason.DIRECT), took_ms=ms) for ms in (1, 2))
    sink = RememberingSink()
    sink(first)
    sink(second)
    assert (sink.records, sink.last) == ([first, second], second)
    sink.clear()
    assert sink.records == []


def test_the_fakes_do_not_import_litellm():
    modules = ", ".join(f"litellm_cascade.testing.{name}" for name in ("upstream", "telemetry", "proxy"))
    subprocess.run([sys.executable, "-c", f"import sys, {modules}; assert 'litellm' not in sys.modules"], check=True)
