"""What a classifier believes is remembered, within bounds, and never across what would change it."""

import asyncio
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.classifiers.guard import Guarded
from litellm_cascade.classifiers.linear import Linear
from litellm_cascade.classifiers.memory import Recent, Remembering
from litellm_cascade.testing import FakeClassifier
from litellm_cascade.vocabulary import UNCLASSIFIED, Classification, Endpoint, Envelope, Request, Turn

ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="default")


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def said(*turns):
    return Request(envelope=ENVELOPE, turns=tuple(Turn(role=role, text=text) for role, text in turns))


def remembering(fake, most=10, seconds=60.0, clock=None):
    return Remembering(Guarded(fake, within_ms=10_000), most=most, seconds=seconds, clock=clock or Clock())


async def test_an_equal_prompt_is_not_asked_again_and_says_so():
    fake = FakeClassifier(answer=Classification(task="Rewrite", took_ms=9e6))
    memory = remembering(fake)
    first, second = await memory.classify(said(("user", "hello"))), await memory.classify(said(("user", "hello")))
    assert (first.cached, second.cached, len(fake.requests)) == (False, True, 1)
    assert (second.task, second.took_ms < 9e6) == ("Rewrite", True)


async def test_any_word_role_or_turn_more_is_asked_anew():
    fake = FakeClassifier()
    memory = remembering(fake)
    asked = [
        said(("user", "hello")),
        said(("user", "hello ")),
        said(("system", "hello")),
        said(("user", "hel"), ("user", "lo")),
        said(("user", "hello"), ("assistant", "yes")),
        said(("user", "\ud800")),
        said(),
    ]
    for request in asked:
        assert not (await memory.classify(request)).cached
    assert len(fake.requests) == len(asked)


async def test_a_classifier_that_reads_the_last_question_alone_knows_it_in_a_longer_conversation():
    memory = remembering(Linear())
    await memory.warm_up()
    await memory.classify(said(("user", "Write a poem about the sea.")))
    again = said(("user", "Write a poem about the sea."), ("assistant", ""), ("tool", "the sea is calm"))
    assert (await memory.classify(again)).cached
    assert not (await memory.classify(said(("user", "Write a poem about the land.")))).cached


async def test_what_went_wrong_is_not_remembered():
    for fake in (FakeClassifier(error=RuntimeError("broken")), FakeClassifier(answer=UNCLASSIFIED)):
        memory = remembering(fake)
        await memory.classify(said(("user", "hello")))
        assert not (await memory.classify(said(("user", "hello")))).cached
        assert len(fake.requests) == 2


async def test_other_weights_believe_anew():
    fake = FakeClassifier()
    memory = remembering(fake)
    await memory.classify(said(("user", "hello")))
    fake.digest = "sha256:other"
    assert not (await memory.classify(said(("user", "hello")))).cached
    assert (memory.name, memory.digest) == ("fake", "sha256:other")


async def test_a_belief_grows_old():
    clock = Clock()
    memory = remembering(FakeClassifier(), seconds=60.0, clock=clock)
    await memory.classify(said(("user", "hello")))
    clock.now += 59
    assert (await memory.classify(said(("user", "hello")))).cached
    clock.now += 1
    assert not (await memory.classify(said(("user", "hello")))).cached


async def test_nothing_is_remembered_where_nothing_shall_be():
    memory = remembering(FakeClassifier(), most=0)
    await memory.classify(said(("user", "hello")))
    assert not (await memory.classify(said(("user", "hello")))).cached
    await memory.warm_up()


@given(
    most=st.integers(0, 4),
    steps=st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(1, 5), st.integers(0, 3)), max_size=40),
)
def test_a_bounded_map_holds_the_newest_no_longer_than_asked(most, steps):
    clock, model = Clock(), OrderedDict()
    recent = Recent(most=most, clock=clock)
    for key, seconds, passing in steps:
        clock.now += passing
        if seconds is None:
            entry = model.get(key)
            expected = None
            if entry is not None and entry[0] > clock.now:
                expected = entry[1]
                model.move_to_end(key)
            elif entry is not None:
                del model[key]
            assert recent.get(key) == expected
        else:
            recent.put(key, clock.now, seconds=seconds)
            model[key] = (clock.now + seconds, clock.now)
            model.move_to_end(key)
            while len(model) > most:
                model.popitem(last=False)
        assert len(recent) == len(model) <= most


@pytest.mark.parametrize("words", [100, 1500])
@pytest.mark.parametrize("known", [True, False])
def test_a_prompt_that_is_known_is_read_in_microseconds(benchmark, words, known):
    """Without a bar: what it saves depends on the classifier. Run with --benchmark-only."""
    guarded, loop = Guarded(Linear(), within_ms=1000), asyncio.new_event_loop()
    memory = Remembering(guarded, most=10, seconds=3600)
    asked = said(("user", "Please explain the law of large numbers to a child. " * (words // 9)))
    loop.run_until_complete(memory.warm_up())
    loop.run_until_complete(memory.classify(asked))
    believed = benchmark(lambda: loop.run_until_complete((memory if known else guarded).classify(asked)))
    assert believed.cached is known
    loop.close()
