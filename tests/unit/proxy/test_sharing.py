"""Budgets that several processes count together, over a Redis that may fail."""

import asyncio

import pytest

from litellm_cascade.audit import metrics
from litellm_cascade.breaker import Breaker, Breakers, InARow
from litellm_cascade.escalation import Budgets
from litellm_cascade.proxy.sharing import Sharing
from litellm_cascade.vocabulary import Band, Caller, Decision, Limit

LIMIT = Limit(name="escalation_rate", at_most=0.3, over_s=600.0, per="team")
DECISION = Decision(policy="sharing", digest="", route="r", band=Band.CASCADE, ladder=("small", "large"))


class FakeRedis:
    """The one method that is used, as LiteLLM's: totals after the increments; ``fails`` and ``hangs`` when told."""

    def __init__(self):
        self.totals, self.trips, self.ttls = {}, 0, {}
        self.fails = self.hangs = False

    async def async_increment_pipeline(self, increment_list):
        self.trips += 1
        if self.hangs:
            await asyncio.sleep(3600)
        if self.fails:
            raise ConnectionError("gone")
        for increment in increment_list:
            self.totals[increment["key"]] = self.totals.get(increment["key"], 0.0) + increment["increment_value"]
            self.ttls[increment["key"]] = increment["ttl"]
        return [self.totals[increment["key"]] for increment in increment_list]


class Process:
    """One worker: its budgets, and its end of the sharing."""

    def __init__(self, redis, clock):
        self.budgets = Budgets(Breakers(lambda: Breaker(InARow(5), cool_off_s=10, clock=clock)), clock=clock)
        self.sharing = Sharing(self.budgets, clock, lambda: redis)

    def allowance(self, team="a"):
        return self.budgets.allowance([LIMIT], DECISION, Caller(team=team))

    def escalate(self, times, team="a"):
        for _ in range(times):
            allowance = self.allowance(team)
            allowance.forced("large")
            allowance.settle(())

    def left(self, team="a"):
        return self.allowance(team).left()[0].remaining_ratio


@pytest.fixture
def redis():
    return FakeRedis()


@pytest.fixture
def processes(redis):
    pair = Process(redis, lambda: 1_000_000.0), Process(redis, lambda: 1_000_000.0)
    for process in pair:
        process.allowance().settle(())
    return pair


async def exchange(*processes):
    for process in processes:
        await process.sharing.once()


async def test_what_one_takes_the_other_lacks(processes):
    first, second = processes
    first.escalate(3)
    assert second.left() == 1.0
    await exchange(first, second)
    assert second.left() == pytest.approx(first.left(), abs=0.15)
    assert second.left() < 0.7
    assert second.allowance().left()[0].shared


async def test_nothing_is_counted_twice(processes, redis):
    first, second = processes
    first.escalate(2)
    for _ in range(5):
        await exchange(first, second)
    escalations = [total for key, total in redis.totals.items() if ":escalations:" in key]
    assert sum(escalations) == 2.0


async def test_a_process_that_starts_later_learns_of_the_whole_window(processes, redis):
    first, _ = processes
    first.escalate(4)
    await exchange(first)
    late = Process(redis, lambda: 1_000_400.0)
    late.allowance().settle(())
    await exchange(late)
    assert late.left() < 0.6


async def test_a_round_trip_serves_all_budgets(processes, redis):
    first, _ = processes
    for team in "abcdef":
        first.escalate(1, team)
    redis.trips = 0
    await exchange(first)
    assert redis.trips == 1
    assert set(redis.ttls.values()) == {661}


async def test_a_redis_that_fails_or_hangs_costs_nothing_but_the_others_news(processes, redis, monkeypatch):
    first, second = processes
    await exchange(first, second)
    redis.fails = True
    first.escalate(2)
    await exchange(first, second)
    assert first.budgets.degraded == second.budgets.degraded == ("budgets_local",)
    assert first.left() < second.left() == 1.0
    redis.fails, redis.hangs = False, True
    with monkeypatch.context() as impatient:
        impatient.setattr("litellm_cascade.proxy.sharing.WITHIN_S", 0.01)
        await exchange(first)
    assert first.budgets.degraded == ("budgets_local",)
    redis.hangs = False
    await exchange(first, second)  # what was not sent then is sent now
    assert first.budgets.degraded == second.budgets.degraded == ()
    assert second.left() < 1.0


async def test_without_a_redis_each_process_counts_alone_and_nothing_is_degraded():
    alone = Process(None, lambda: 1_000_000.0)
    alone.escalate(1)
    await exchange(alone)
    assert alone.budgets.degraded == ()
    assert not alone.allowance().left()[0].shared


async def test_the_least_that_anybody_has_left_is_a_metric(processes):
    first, _ = processes
    first.escalate(3, "b")
    await exchange(first)
    value = metrics.BUDGET_REMAINING.labels("sharing", "escalation_rate")._value.get()
    assert value == pytest.approx(first.left("b"))
