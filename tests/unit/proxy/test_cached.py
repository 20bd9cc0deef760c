"""What may share an answer in LiteLLM's response cache."""

from dataclasses import replace
from types import SimpleNamespace

import litellm
import pytest

from litellm_cascade.proxy.cached import came_from_the_cache, keep_apart, keep_out
from litellm_cascade.vocabulary import Attempt, Band, Decision, Gate, Judgement, Outcome, Reason, Verdict

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


@pytest.mark.parametrize(
    ("verdict", "served", "stored"),
    [(Verdict.ACCEPT, True, True), (Verdict.ESCALATE, True, False), (Verdict.ABSTAIN, True, False), (Verdict.ESCALATE, False, True)],
)
def test_an_answer_that_did_not_pass_its_gate_is_not_stored(cache, verdict, served, stored):
    data = {}
    told = keep_apart(data, DECISION)
    judgement = Judgement(verdict=verdict, reason=Reason.CONFIDENT)
    attempts = (Attempt(rung=0, alias="small", judgement=judgement, served=served), Attempt(rung=1, alias="large"))
    keep_out(told, Outcome(alias="small", reason=Reason.CONFIDENT, attempts=attempts))
    assert data["cache"].get("no-store", False) is not stored


def test_without_a_cache_nothing_is_added(monkeypatch):
    monkeypatch.setattr(litellm, "cache", None)
    data = {}
    assert keep_apart(data, DECISION) == {}
    assert data == {}


@pytest.mark.parametrize(("details", "hit"), [({"cache_hit": True}, True), ({"cache_hit": False}, False), (None, False), ("odd", False)])
def test_a_hit_is_what_litellm_says_is_one(details, hit):
    assert came_from_the_cache(SimpleNamespace(caching_details=details)) is hit
    assert came_from_the_cache(None) is False
