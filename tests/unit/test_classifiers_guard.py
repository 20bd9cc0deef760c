import asyncio
import logging
import threading
from dataclasses import replace

import pytest
from blockbuster import blockbuster_ctx

from litellm_cascade.classifiers import build
from litellm_cascade.classifiers.guard import Guarded
from litellm_cascade.classifiers.local import Local
from litellm_cascade.classifiers.threads import BusyError, Threads
from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import UNCLASSIFIED, Classification, Endpoint, Envelope, Request, Turn

REQUEST = Request(envelope=Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="default"))
ANSWER = Classification(task="Rewrite", classifier="scripted")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """Does what its script says, one entry a call: return a value, raise an exception, or await an event."""

    name = "scripted"
    digest = "abc"

    def __init__(self, *script):
        self.script = list(script)
        self.calls = 0
        self.cancelled = 0

    async def classify(self, request):
        self.calls += 1
        act = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(act, Exception):
            raise act
        if isinstance(act, asyncio.Event):
            try:
                await act.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            return ANSWER
        return act


def without(what: str, took_ms: float = 0.0) -> Classification:
    return replace(UNCLASSIFIED, classifier="scripted", digest="abc", took_ms=took_ms, degraded=(what,))


def guarded(classifier, clock=None, **settings) -> Guarded:
    return Guarded(classifier, clock=clock or Clock(), **{"within_ms": 1.0, "failures_to_open": 2, "cool_off_s": 10.0, **settings})


async def test_an_answer_in_time_passes_unchanged():
    assert await guarded(Scripted(ANSWER)).classify(REQUEST) is ANSWER


async def test_a_classifier_that_raises_costs_evidence_not_the_request():
    assert await guarded(Scripted(RuntimeError("boom"))).classify(REQUEST) == without("classifier_failed")


async def test_an_answer_that_is_no_classification_is_a_failure():
    assert await guarded(Scripted(None)).classify(REQUEST) == without("classifier_failed")


async def test_a_classifier_that_cancels_itself_is_a_failure():
    class Cancelling(Scripted):
        async def classify(self, request):
            raise asyncio.CancelledError

    assert await guarded(Cancelling()).classify(REQUEST) == without("classifier_failed")


async def test_late_work_is_cancelled_and_not_waited_for():
    classifier = Scripted(asyncio.Event())
    assert await guarded(classifier).classify(REQUEST) == without("classifier_late")
    await asyncio.sleep(0)
    assert classifier.cancelled == 1


async def test_late_work_that_refuses_to_stop_takes_a_place_until_it_has_ended():
    release = asyncio.Event()

    class Stubborn(Scripted):
        async def classify(self, request):
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue
            raise RuntimeError("too late to matter")

    guard = guarded(Stubborn(), at_once=1, failures_to_open=9)
    assert (await guard.classify(REQUEST)).degraded == ("classifier_late",)
    assert (await guard.classify(REQUEST)).degraded == ("classifier_busy",)
    release.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert (await guard.classify(REQUEST)).degraded == ("classifier_failed",)


async def test_after_failures_in_a_row_the_classifier_is_left_alone():
    classifier = Scripted(RuntimeError())
    guard = guarded(classifier)
    seen = [(await guard.classify(REQUEST)).degraded[0] for _ in range(4)]
    assert seen == ["classifier_failed", "classifier_failed", "classifier_open", "classifier_open"]
    assert (classifier.calls, guard.state) == (2, "open")


async def test_lateness_opens_the_breaker_too():
    guard = guarded(Scripted(asyncio.Event()))
    assert [(await guard.classify(REQUEST)).degraded[0] for _ in range(3)] == ["classifier_late", "classifier_late", "classifier_open"]


async def test_a_success_in_between_starts_the_count_anew():
    guard = guarded(Scripted(RuntimeError(), ANSWER, RuntimeError(), ANSWER))
    for _ in range(4):
        await guard.classify(REQUEST)
    assert guard.state == "closed"


async def test_after_the_cool_off_one_probe_closes_the_breaker():
    clock, classifier = Clock(), Scripted(RuntimeError(), RuntimeError(), ANSWER)
    guard = guarded(classifier, clock)
    for _ in range(2):
        await guard.classify(REQUEST)
    clock.now += 10
    assert guard.state == "half_open"
    assert await guard.classify(REQUEST) is ANSWER
    assert guard.state == "closed"


async def test_a_failed_probe_starts_the_cool_off_again():
    clock, classifier = Clock(), Scripted(RuntimeError())
    guard = guarded(classifier, clock)
    for _ in range(2):
        await guard.classify(REQUEST)
    clock.now += 10
    assert (await guard.classify(REQUEST)).degraded == ("classifier_failed",)
    clock.now += 9.9
    assert (await guard.classify(REQUEST)).degraded == ("classifier_open",)


async def test_only_one_request_probes():
    clock, gate = Clock(), asyncio.Event()
    classifier = Scripted(RuntimeError(), RuntimeError(), gate)
    guard = guarded(classifier, clock, within_ms=5_000)
    for _ in range(2):
        await guard.classify(REQUEST)
    clock.now += 10
    probe = asyncio.create_task(guard.classify(REQUEST))
    await asyncio.sleep(0)
    assert (await guard.classify(REQUEST)).degraded == ("classifier_open",)
    gate.set()
    assert await probe is ANSWER


async def test_a_client_that_leaves_cancels_the_work_and_frees_the_probe():
    clock, classifier = Clock(), Scripted(RuntimeError(), RuntimeError(), asyncio.Event(), ANSWER)
    guard = guarded(classifier, clock, within_ms=5_000)
    for _ in range(2):
        await guard.classify(REQUEST)
    clock.now += 10
    probe = asyncio.create_task(guard.classify(REQUEST))
    for _ in range(3):
        await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert classifier.cancelled == 1
    assert await guard.classify(REQUEST) is ANSWER


async def test_too_many_at_once_are_turned_away_without_blaming_the_classifier():
    gate = asyncio.Event()
    classifier = Scripted(gate)
    guard = guarded(classifier, within_ms=5_000, at_once=2)
    first = [asyncio.create_task(guard.classify(REQUEST)) for _ in range(2)]
    await asyncio.sleep(0)
    assert [(await guard.classify(REQUEST)).degraded for _ in range(5)] == [("classifier_busy",)] * 5
    gate.set()
    assert await asyncio.gather(*first) == [ANSWER, ANSWER]
    assert guard.state == "closed"


async def test_a_busy_pool_is_not_a_failure():
    guard = guarded(Scripted(BusyError("full")))
    assert [(await guard.classify(REQUEST)).degraded for _ in range(5)] == [("classifier_busy",)] * 5
    assert guard.state == "closed"


async def test_what_it_took_is_told():
    clock = Clock()

    class Slow(Scripted):
        async def classify(self, request):
            clock.now += 0.5
            raise RuntimeError

    assert await guarded(Slow(), clock).classify(REQUEST) == without("classifier_failed", took_ms=500.0)


async def test_the_log_names_our_sentence_but_never_a_strangers_message(caplog):
    with caplog.at_level(logging.WARNING):
        await guarded(Scripted(ClassifierError("weights are missing")), failures_to_open=1).classify(REQUEST)
        await guarded(Scripted(ValueError("the prompt was: secret")), failures_to_open=1).classify(REQUEST)
    assert "weights are missing" in caplog.text
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text


class Timed(Local):
    """Of this process, and as slow as it says."""

    name = "timed"

    def __init__(self, *took_ms):
        super().__init__()
        self.took_ms = [*took_ms]

    def _load(self):
        return Scripted(ANSWER)

    async def _read(self, model, text):
        return replace(ANSWER, took_ms=self.took_ms.pop(0)), {}


@pytest.mark.parametrize(("took_ms", "warned"), [((90, 40.4), True), ((90, 20), False)])
async def test_a_machine_too_slow_for_its_classifier_is_told_at_start_up(took_ms, warned, caplog):
    """The first time sets things up, and does not count."""
    await guarded(Timed(*took_ms), within_ms=25).warm_up()
    assert ("classifier 'timed': takes 40 ms for a long prompt on this machine, and within_ms is 25" in caplog.text) == warned


async def test_warming_up_is_loud():
    class Cold(Scripted):
        async def warm_up(self):
            raise ClassifierError("no weights")

    with pytest.raises(ClassifierError, match="no weights"):
        await guarded(Cold(ANSWER)).warm_up()
    await guarded(Scripted(ANSWER)).warm_up()  # nothing to warm up is fine


@pytest.mark.parametrize("name", ["embedded", "linear", "none"])
async def test_what_is_shipped_does_not_block_the_event_loop(name):
    guard = Guarded(build(name), within_ms=60_000)
    with blockbuster_ctx("litellm_cascade"):
        await guard.warm_up()
        assert (await guard.classify(replace(REQUEST, turns=(Turn(role="user", text="word " * 128),)))).degraded == ()


class Quick(Scripted):
    """Answers without being awaited: what ``at_once`` does the script says, too."""

    def __init__(self, *script, awaited=ANSWER):
        super().__init__(awaited)
        self.instant = list(script)

    def at_once(self, request):
        act = self.instant.pop(0)
        if isinstance(act, Exception):
            raise act
        return act


async def test_a_classifier_that_waits_for_nothing_is_not_awaited():
    quick = Quick(ANSWER)
    assert await guarded(quick).classify(REQUEST) is ANSWER
    assert quick.calls == 0


async def test_once_it_does_have_to_wait_it_is_awaited():
    quick = Quick(None)
    assert await guarded(quick).classify(REQUEST) is ANSWER
    assert quick.calls == 1


async def test_a_classifier_that_waits_for_nothing_may_fail_as_any_other():
    quick = Quick(RuntimeError("boom"), ClassifierError("no weights"), ANSWER)
    clock = Clock()
    guard = guarded(quick, clock)
    assert [await guard.classify(REQUEST) for _ in range(3)] == [without(f"classifier_{how}") for how in ("failed", "failed", "open")]
    clock.now += 10
    assert await guard.classify(REQUEST) is ANSWER
    assert (guard.state, quick.calls) == ("closed", 0)


async def test_jobs_nobody_waits_for_still_count_until_they_are_done():
    threads, release = Threads("test", workers=1, outstanding=1), threading.Event()
    late = asyncio.create_task(threads.run(lambda: release.wait(10)))
    await asyncio.sleep(0)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    with pytest.raises(BusyError, match="1 jobs are outstanding"):
        await threads.run(lambda: 1)
    release.set()
    await asyncio.wait_for(_until(lambda: not threads.outstanding), 5)
    assert await threads.run(lambda: 2) == 2
    threads.close()


async def test_a_thread_that_hangs_turns_a_crowd_away_and_recovers():
    threads, release = Threads("test", workers=1, outstanding=8), threading.Event()

    class Blocking(Scripted):
        async def classify(self, request):
            return await threads.run(lambda: ANSWER if release.wait(10) else None)

    guard = Guarded(Blocking(), within_ms=50, failures_to_open=99)
    with blockbuster_ctx("litellm_cascade"):
        crowd = await asyncio.gather(*(guard.classify(REQUEST) for _ in range(64)))
    degraded = [belief.degraded for belief in crowd]
    assert sorted(set(degraded)) == [("classifier_busy",), ("classifier_late",)]
    assert degraded.count(("classifier_late",)) == 8
    release.set()
    await asyncio.wait_for(_until(lambda: not threads.outstanding), 5)
    assert await guarded(Blocking(), within_ms=5_000).classify(REQUEST) is ANSWER
    threads.close()


async def _until(claim):
    while not claim():  # noqa: ASYNC110 -- a thread tells, not an event
        await asyncio.sleep(0)
