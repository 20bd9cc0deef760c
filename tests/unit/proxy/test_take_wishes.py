"""Whatever a client writes into its headers and its metadata, it is understood, or named as ignored, and never raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.proxy.wishes import take_wishes
from litellm_cascade.vocabulary import Band, Endpoint, Envelope, Hints, Overrides, Request

REQUEST = Request(envelope=Envelope(request_id="r-1", endpoint=Endpoint.CHAT, requested_model="auto", policy="test"))
NAMES = ("max_cost_usd", "max_latency_ms", "min_quality", "alias", "band")


def take_overrides(data):
    return take_wishes(REQUEST, data).overrides


def asked(headers=None, **metadata):
    return take_overrides({"proxy_server_request": {"headers": headers or {}}, **metadata})


def test_headers_are_understood():
    headers = {
        "x-cascade-max-cost-usd": "0.01",
        "X-Cascade-Max-Latency-Ms": "500",
        "x-cascade-min-quality": "0.9",
        "x-cascade-alias": "small",
        "x-cascade-band": " Large ",
        "x-other": "1",
    }

    assert asked(headers) == Overrides(max_cost_usd=0.01, max_latency_ms=500.0, min_quality=0.9, alias="small", band=Band.LARGE)


@pytest.mark.parametrize("key", ["metadata", "litellm_metadata"])
@pytest.mark.parametrize("written", [dict, json.dumps], ids=["a mapping", "JSON"])
def test_metadata_are_understood_and_do_not_go_to_the_provider(key, written):
    data = {key: {"cascade": written({"max_cost_usd": 0.01, "band": "small"}), "user_id": "u"}}

    assert take_overrides(data) == Overrides(max_cost_usd=0.01, band=Band.SMALL)
    assert data == {key: {"user_id": "u"}}


def test_headers_go_before_metadata():
    assert asked({"x-cascade-alias": "small"}, metadata={"cascade": {"alias": "large", "min_quality": 1}}) == Overrides(
        alias="small", min_quality=1.0
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in NAMES for value in (True, [], {}, "", "x" * 101)),
        *((name, value) for name in NAMES[:3] for value in (-1, "nan", "inf", float("-inf"), 10**400, "many")),
        ("min_quality", 1.1),
        ("alias", 3),
        ("band", "huge"),
    ],
    ids=lambda value: str(value)[:15],
)
def test_what_is_not_understood_is_named(name, value):
    assert asked(metadata={"cascade": {name: value}}) == Overrides(ignored=(name,))


def test_a_number_that_python_would_not_even_print_is_not_understood():
    assert asked(metadata={"cascade": {"max_cost_usd": 10**5000}}) == Overrides(ignored=("max_cost_usd",))


@pytest.mark.parametrize("cascade", ["{", "[" * 1999, 3, [1], {"price": 1}, {3: 1}, "x" * 5000])
def test_what_has_no_name_of_ours_is_named_unknown(cascade):
    assert asked(metadata={"cascade": cascade}) == Overrides(ignored=("unknown",))


def test_a_header_of_an_unknown_name_is_named_unknown_and_nothing_is_nothing():
    assert asked({"x-cascade-price": "1"}) == Overrides(ignored=("unknown",))
    assert asked(metadata={"cascade": {"alias": None}}) == Overrides()
    assert take_overrides({}) == Overrides()


@pytest.mark.parametrize(
    ("data", "hints"),
    [
        ({}, Hints()),
        (
            {"metadata": {"cascade": {"quality": "high", "urgency": "LOW", "latency_budget_ms": 800}}},
            Hints(quality="high", urgency="low", latency_budget_ms=800.0),
        ),
        ({"litellm_metadata": {"cascade": {"urgency": "normal"}}}, Hints(urgency="normal")),
        ({"metadata": {"cascade": '{"latency_budget_ms": "1500.5"}'}}, Hints(latency_budget_ms=1500.5)),
        (
            {"proxy_server_request": {"headers": {"X-Cascade-Quality": "low", "x-cascade-latency-budget-ms": "90"}}},
            Hints(quality="low", latency_budget_ms=90.0),
        ),
        (
            {"proxy_server_request": {"headers": {"x-cascade-quality": "low"}}, "metadata": {"cascade": {"quality": "high"}}},
            Hints(quality="low"),
        ),
        ({"metadata": None, "proxy_server_request": {"headers": None}}, Hints()),
    ],
)
def test_hints_are_understood(data, hints):
    request = take_wishes(REQUEST, data)

    assert (request.hints, request.overrides) == (hints, Overrides())


@pytest.mark.parametrize(
    "cascade",
    [
        {"quality": "superb", "urgency": 3, "latency_budget_ms": "soon"},
        {"quality": [], "urgency": {}, "latency_budget_ms": True},
        *({"quality": "", "urgency": " ", "latency_budget_ms": budget} for budget in (-5, 0, float("nan"), 10**400)),
    ],
    ids=repr,
)
def test_hints_that_make_no_sense_are_none_and_are_named(cascade):
    request = take_wishes(REQUEST, {"metadata": {"cascade": cascade}})

    assert (request.hints, request.overrides) == (Hints(), Overrides(ignored=("latency_budget_ms", "quality", "urgency")))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
header_names = st.sampled_from([f"x-cascade-{name.replace('_', '-')}" for name in NAMES]) | st.text(max_size=20) | st.integers()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "proxy_server_request": anything | st.fixed_dictionaries({"headers": anything | st.dictionaries(header_names, anything)}),
            "metadata": anything | st.fixed_dictionaries({"cascade": anything | anything.map(repr)}),
            "litellm_metadata": anything | st.fixed_dictionaries({"cascade": anything}),
        },
    )
)
def test_nothing_a_client_sends_raises_and_what_is_understood_is_within_bounds(data):
    overrides = take_overrides(data)

    assert set(overrides.ignored) <= {*NAMES, "unknown"}
    assert all(limit is None or 0 <= limit < float("inf") for limit in (overrides.max_cost_usd, overrides.max_latency_ms))
    assert overrides.min_quality is None or 0 <= overrides.min_quality <= 1
    assert overrides.alias is None or 0 < len(overrides.alias) <= 100
    assert overrides.band is None or overrides.band in Band
    assert not any(getattr(overrides, name) is not None for name in overrides.ignored if name in NAMES)
