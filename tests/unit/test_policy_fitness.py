"""An alias that cannot answer a request is not chosen, and not asked where another can."""

from __future__ import annotations

import pytest

from litellm_cascade.policy import Capacity, Known, parse_policy
from litellm_cascade.vocabulary import Band, Endpoint, Envelope, Evidence, Load, Signals

POOL = """\
version: 1
name: example
models:
  small: {tier: budget, context_tokens: 1000, modalities: [text, audio], tools: false, quality: {general: 0.9}}
  large: {tier: premium, quality: {general: 0.8}}
gates: {careful: {accept_at: -0.35}}
routes:
  - {name: only,
"""
LADDER = "cascade: [small, large], gate: careful}"
BEST = "choose: {strategy: quality_first, floor: 0.5, candidates: [small, large]}}"
SPLIT = "choose: {strategy: split, arms: {a: {take: small, share: 0.99}, b: {take: large, share: 0.01}}}}"


def decide(action, load=None, table=None, **signals):
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="example")
    evidence = Evidence(envelope=envelope, signals=Signals(**signals), load=load or {})
    return parse_policy(POOL.rstrip() + " " + action + "\n", table=table).decide(evidence)


TOO_MUCH = [
    ({"input_tokens": 1001}, "context"),
    ({"input_tokens": 600, "max_output_tokens": 401}, "context"),
    ({"modalities": ("text", "image")}, "image"),
    ({"tools": 1}, "tools"),
    ({"load": {"small": Load(cooling_down=True, available=0)}}, "cooling_down"),
]


@pytest.mark.parametrize(("request_of", "reason"), TOO_MUCH)
@pytest.mark.parametrize("action", [LADDER, BEST, SPLIT], ids=["a cascade", "the best", "a split"])
def test_a_request_goes_to_an_alias_that_can_answer_it(action, request_of, reason):
    decision = decide(action, **request_of)

    assert decision.ladder == ("large",)
    assert decision.band is Band.LARGE
    assert decision.gate is None
    assert (f"unfit:small:{reason}" in decision.degraded) == (action == LADDER)  # a candidate that is not chosen needs no excuse


@pytest.mark.parametrize("action", [LADDER, BEST, SPLIT], ids=["a cascade", "the best", "a split"])
def test_what_an_alias_can_take_changes_nothing(action):
    fits = decide(action, input_tokens=600, max_output_tokens=400, modalities=("text", "audio"))

    assert "small" in fits.ladder
    assert fits.degraded == ()


def test_where_nobody_can_answer_all_are_asked_nevertheless_and_the_decision_says_so():
    nobody = decide(LADDER, load={alias: Load(cooling_down=True, available=0) for alias in ("small", "large")})

    assert nobody.ladder == ("small", "large")
    assert nobody.degraded == ("unfit:small:cooling_down", "unfit:large:cooling_down")
    assert nobody.reasons[-2:] == nobody.degraded


def test_what_an_operator_sends_is_sent_and_named():
    sent = decide("send: small}", tools=2)

    assert (sent.alias, sent.degraded) == ("small", ("unfit:small:tools",))


def test_the_pool_comes_before_litellms_table():
    table = {
        "small": Known(capacity=Capacity(context_tokens=10, modalities=frozenset({"text"}), tools=True)),
        "large": Known(capacity=Capacity(context_tokens=10, modalities=frozenset({"text"}), tools=False)),
    }

    assert decide(LADDER, table=table, input_tokens=900, modalities=("text", "audio")).ladder == ("small",)
    assert decide(LADDER, table=table, tools=1).degraded == ("unfit:small:tools", "unfit:large:tools")


@pytest.mark.parametrize(("writes", "fits"), [(400, True), (401, False), (None, False)])
def test_a_limit_that_will_be_lowered_counts_as_lowered(writes, fits):
    table = {"small": Known(capacity=Capacity(output_tokens=writes))}

    assert ("small" in decide(LADDER, table=table, input_tokens=600, max_output_tokens=32_000).ladder) is fits


def test_what_nobody_says_of_an_alias_does_not_limit_it():
    table = {"large": Known(capacity=Capacity(tools=False))}

    assert decide("send: large}", table=table, tools=1).degraded == ("unfit:large:tools",)
    assert decide("send: large}", table=table, input_tokens=10**9, modalities=("text", "image")).degraded == ()
