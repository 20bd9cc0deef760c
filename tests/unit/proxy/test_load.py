"""How busy an alias is: LiteLLM's cooldowns as it keeps them in memory, and the calls under way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litellm import Router

from litellm_cascade.proxy.load import LONGEST_CALL_SECONDS, InFlight, loads
from litellm_cascade.vocabulary import Load


def deployment(alias, number):
    return {"model_name": alias, "litellm_params": {"model": "openai/x", "api_key": "k"}, "model_info": {"id": f"{alias}-{number}"}}


@pytest.fixture
def router():
    return Router(model_list=[deployment("small", 1), deployment("small", 2), deployment("large", 1)])


def cool_down(router, *ids, seconds=60.0):
    for model_id in ids:
        router.cooldown_cache.add_deployment_to_cooldown(model_id, RuntimeError("busy"), 429, seconds)


@given(st.lists(st.tuples(st.sampled_from(["small", "large"]), st.integers(0, 3)), max_size=30))
def test_as_many_calls_are_under_way_as_began_and_have_not_ended(calls):
    in_flight, left = InFlight(), {"small": 0, "large": 0}
    for alias, times_ended in calls:
        ended = in_flight.began(alias)
        for _ in range(times_ended):
            ended()
        left[alias] += times_ended == 0
    assert {alias: in_flight.of(alias) for alias in left} == left


def test_a_call_nobody_ended_is_forgotten_in_time():
    now = [0.0]
    in_flight = InFlight(clock=lambda: now[0])
    in_flight.began("small")
    now[0] = LONGEST_CALL_SECONDS
    in_flight.began("small")
    assert in_flight.of("small") == 2
    now[0] += 1.0
    assert in_flight.of("small") == 1


def test_an_alias_cools_down_when_all_of_its_deployments_do(router):
    cool_down(router, "small-1")
    assert loads(router, ["small"], InFlight()) == {"small": Load(available=1)}
    cool_down(router, "small-2")
    assert loads(router, ["small", "large"], InFlight()) == {"small": Load(cooling_down=True, available=0), "large": Load()}


def test_a_cooldown_ends_even_where_memory_keeps_it_longer(router):
    cool_down(router, "large-1", seconds=60.0)
    memory = router.cooldown_cache.in_memory_cache
    key = router.cooldown_cache.get_cooldown_cache_key("large-1")
    memory.set_cache(key, {**memory.get_cache(key), "timestamp": 0.0}, ttl=600)
    assert loads(router, ["large"], InFlight())["large"].cooling_down is False


def test_an_alias_without_deployments_of_its_own_is_taken_to_be_there(router):
    in_flight = InFlight()
    in_flight.began("wild/card")
    assert loads(router, ["wild/card"], in_flight) == {"wild/card": Load(in_flight=1)}
    assert loads(None, ["small"], in_flight) == {"small": Load()}


def test_three_aliases_are_looked_at_in_50_microseconds(router, benchmark):
    cool_down(router, "small-1", "small-2")
    found = benchmark(loads, router, ("small", "large", "other"), InFlight())
    assert found["small"].cooling_down
    assert benchmark.stats.stats.median <= 50e-6
