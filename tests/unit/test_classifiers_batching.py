import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_cascade.classifiers.batching import Batcher
from litellm_cascade.classifiers.threads import BusyError
from litellm_cascade.errors import ClassifierError


def answers_to(prompts):
    """32 numbers that tell prompts apart."""
    return np.array([[len(ids), *ids[:31], *[0] * (31 - len(ids[:31]))] for ids in prompts], np.float32)


class Recording:
    """Answers each prompt with itself, and remembers the batches. Its first batch waits for ``gate``."""

    def __init__(self, *, open_gate=True):
        self.batches = []
        self.gate = threading.Event()
        self.entered = threading.Event()
        if open_gate:
            self.gate.set()

    def logits(self, prompts):
        self.batches.append([tuple(ids) for ids in prompts])
        self.entered.set()
        assert self.gate.wait(10)
        return answers_to(prompts)


class Device(Recording):
    """The same on a device of its own: remembers what was launched and what was collected, in order."""

    def __init__(self, **options):
        super().__init__(**options)
        self.story = []

    def launch(self, prompts):
        number = len(self.batches)
        self.batches.append([tuple(ids) for ids in prompts])
        self.story.append(f"launch {number}")

        def wait():
            self.entered.set()
            assert self.gate.wait(10)
            self.story.append(f"wait {number}")
            return answers_to(prompts)

        return wait


async def entered(engine):
    assert await asyncio.to_thread(engine.entered.wait, 10)


async def behind_a_busy_engine(engine, batcher, prompts):
    """The answers to prompts that all come while the engine computes another."""
    first = asyncio.create_task(batcher.logits([1]))
    await entered(engine)
    tasks = [asyncio.create_task(batcher.logits(ids)) for ids in prompts]
    await asyncio.sleep(0)
    engine.gate.set()
    await first
    return await asyncio.gather(*tasks)


PROMPTS = st.lists(st.lists(st.integers(0, 1_000), min_size=1, max_size=40), max_size=30)


@given(PROMPTS, st.integers(1, 200), st.integers(1, 8), st.sampled_from([Recording, Device]))
@settings(max_examples=60)
def test_every_prompt_gets_its_own_answer_and_no_batch_exceeds_its_bounds(prompts, most_tokens, most_prompts, kind):
    engine = kind(open_gate=False)
    batcher = Batcher("b", engine, most_tokens=most_tokens, most_prompts=most_prompts)
    answers = asyncio.run(behind_a_busy_engine(engine, batcher, prompts))
    batcher.close()
    assert [answer.tolist() for answer in answers] == answers_to(prompts).tolist() if prompts else answers == []
    assert sorted(ids for batch in engine.batches[1:] for ids in batch) == sorted(map(tuple, prompts))
    for batch in engine.batches:
        assert len(batch) <= most_prompts
        assert len(batch) == 1 or len(batch) * max(map(len, batch)) <= most_tokens
    assert batcher.outstanding == 0


async def test_what_is_queued_while_the_engine_computes_goes_together_and_shortest_first():
    engine = Recording(open_gate=False)
    await behind_a_busy_engine(engine, Batcher("b", engine), [[7] * 9, [7], [7] * 5])
    assert engine.batches[1:] == [[(7,), (7,) * 5, (7,) * 9]]


async def test_a_device_has_its_next_batch_before_it_is_done_with_one():
    engine = Device(open_gate=False)
    engine.gate.set()
    batcher = Batcher("b", engine, most_prompts=1)
    await asyncio.gather(*(batcher.logits([number]) for number in range(3)))
    assert engine.story.index("launch 2") < engine.story.index("wait 1")
    assert [line for line in engine.story if line.startswith("wait")] == ["wait 0", "wait 1", "wait 2"]


async def test_a_prompt_that_nobody_waits_for_any_more_is_not_computed():
    engine = Recording(open_gate=False)
    batcher = Batcher("b", engine)
    first = asyncio.create_task(batcher.logits([1]))
    await entered(engine)
    left, kept = (asyncio.create_task(batcher.logits([number])) for number in (2, 3))
    await asyncio.sleep(0)
    left.cancel()
    engine.gate.set()
    await first
    assert (await kept)[1] == 3
    assert engine.batches == [[(1,)], [(3,)]]
    assert batcher.outstanding == 0


class Interrupted(Recording):
    """While it computes its second batch, ``meanwhile`` happens."""

    def logits(self, prompts):
        answers = super().logits(prompts)
        if len(self.batches) == 2:
            self.meanwhile()
        return answers


async def test_nor_is_one_whose_turn_comes_after_others_that_were_queued_with_it():
    """One prompt a batch, as on a CPU: what was queued together is computed one after the other, and meanwhile callers leave."""
    engine = Interrupted(open_gate=False)
    batcher = Batcher("b", engine, most_prompts=1)
    first = asyncio.create_task(batcher.logits([1]))
    await entered(engine)
    second, third, fourth = (asyncio.create_task(batcher.logits([number])) for number in (2, 3, 4))

    async def leave():
        third.cancel()
        await asyncio.wait((third,))

    loop = asyncio.get_running_loop()
    engine.meanwhile = lambda: asyncio.run_coroutine_threadsafe(leave(), loop).result(10)
    await asyncio.sleep(0)
    engine.gate.set()
    assert [int((await one)[1]) for one in (first, second, fourth)] == [1, 2, 4]
    assert engine.batches == [[(1,)], [(2,)], [(4,)]]
    assert batcher.outstanding == 0


async def test_one_prompt_too_many_is_refused_at_once_and_the_others_are_answered():
    engine = Recording(open_gate=False)
    batcher = Batcher("b", engine, outstanding=2)
    tasks = [asyncio.create_task(batcher.logits([number])) for number in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="2 prompts are outstanding"):
        await batcher.logits([3])
    engine.gate.set()
    assert [int(answer[1]) for answer in await asyncio.gather(*tasks)] == [1, 2]
    assert int((await batcher.logits([3]))[1]) == 3


class Failing:
    def __init__(self, error):
        self.errors = [error]

    def logits(self, prompts):
        if self.errors:
            raise self.errors.pop()
        return answers_to(prompts)


class FailingLaunch(Failing):
    def launch(self, prompts):
        answers = self.logits(prompts)
        return lambda: answers


@pytest.mark.parametrize("kind", [Failing, FailingLaunch])
async def test_a_failed_batch_fails_its_prompts_without_telling_what_was_in_them_and_the_next_is_computed(kind):
    batcher = Batcher("b", kind(ValueError("the prompt was SECRET")))
    with pytest.raises(ClassifierError) as failed:
        await batcher.logits([1])
    assert str(failed.value) == "classifier 'b': its engine failed (ValueError)"
    assert int((await batcher.logits([2]))[1]) == 2


async def test_an_engine_that_forgets_a_row_fails_the_batch_rather_than_mixing_answers():
    class Forgetful:
        def logits(self, prompts):
            return answers_to(prompts)[1:]

    with pytest.raises(ClassifierError, match="0 rows of logits for 1 prompts"):
        await Batcher("b", Forgetful()).logits([1])


async def test_each_batch_is_told_of_with_what_metrics_need():
    told = []
    engine = Recording(open_gate=False)
    await behind_a_busy_engine(engine, Batcher("b", engine, on_batch=told.append), [[7] * 3, [7]])
    assert [(batch.prompts, batch.tokens, batch.longest, len(batch.waited_s)) for batch in told] == [(1, 1, 1, 1), (2, 4, 3, 2)]
    assert all(waited_s >= 0 for batch in told for waited_s in (*batch.waited_s, batch.took_s))


def test_an_event_loop_that_is_gone_hinders_no_other():
    engine = Recording(open_gate=False)
    batcher = Batcher("b", engine)

    async def impatient():
        waiting = asyncio.create_task(batcher.logits([1]))
        await entered(engine)
        waiting.cancel()

    asyncio.run(impatient())
    engine.gate.set()
    assert int(asyncio.run(batcher.logits([2]))[1]) == 2
