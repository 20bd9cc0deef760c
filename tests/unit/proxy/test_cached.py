"""What may share an answer in LiteLLM's response cache."""

from dataclasses import replace
from types import SimpleNamespace

import litellm
import pytest

from litellm_cascade.proxy.cached import came_from_the_cache, keep_apart
from litellm_cascade.vocabulary import Band, Decision, Gate

DECISION = Decision(policy="p", digest="sha256:1", route="all", band=Band.CASCADE, ladder=("small", "large"), gate=Gate(name="sure"))


@pytest.fixture
def cache(monkeypatch):
    monkeypatch.setattr(litellm, "cache", SimpleNamespace(namespace=None))
    return litellm.cache


def space(decision=DECISION, **data):
    keep_apart(data, decision)
    return data["cache"]["namespace"]


def test_equal_decisions_share_and_others_do_not(cache):
    others = [
        replace(DECISION, digest="sha256:2"),
        replace(DECISION, route="golden"),
        replace(DECISION, ladder=("small", "sql", "large")),
        replace(DECISION, ladder=("large",), gate=None),
        replace(DECISION, gate=Gate(name="strict")),
    ]
    assert space() == space()
    assert len({space(), *(space(other) for other in others)}) == 6


@pytest.mark.parametrize(
    ("configured", "data"),
    [("outer", {}), (None, {"cache": {"namespace": "outer"}}), (None, {"metadata": {"redis_namespace": "outer"}})],
)
def test_a_namespace_that_is_there_stays_the_outer_one(cache, configured, data):
    cache.namespace = configured
    assert space(**data).startswith("outer:cascade:")


def test_what_a_client_asks_of_the_cache_stays(cache):
    data = {"cache": {"no-store": True}}
    keep_apart(data, DECISION)
    assert data["cache"]["no-store"] is True
    data = {"cache": "nonsense"}
    keep_apart(data, DECISION)
    assert set(data["cache"]) == {"namespace"}


def test_without_a_cache_nothing_is_added(monkeypatch):
    monkeypatch.setattr(litellm, "cache", None)
    data = {}
    keep_apart(data, DECISION)
    assert data == {}


@pytest.mark.parametrize(("details", "hit"), [({"cache_hit": True}, True), ({"cache_hit": False}, False), (None, False), ("odd", False)])
def test_a_hit_is_what_litellm_says_is_one(details, hit):
    assert came_from_the_cache(SimpleNamespace(caching_details=details)) is hit
    assert came_from_the_cache(None) is False
