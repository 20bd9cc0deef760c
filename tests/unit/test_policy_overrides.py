"""What clients may ask for themselves, what becomes of it, and what becomes of the rest."""

from __future__ import annotations

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import parse_policy
from litellm_cascade.vocabulary import Band, Caller, Endpoint, Envelope, Evidence, Overrides

POLICY = """\
version: 1
name: example
models:
  small: {tier: budget, latency_ms: 60}
  sql: {tier: budget, latency_ms: 120}
  large: {tier: premium, latency_ms: 600}
routes:
  - name: gold callers
    when: caller.tier == "gold"
    send: large
  - name: the rest
    choose:
      strategy: per_caller
      by: team
      map: {red: {cascade: [sql, large], gate: careful}, blue: {cascade: [small, large], gate: careful}}
      default: large
gates:
  careful: {accept_at: -0.35}
overrides:
  allow: [max_latency_ms, alias, band]
  when: caller.team == "a"
"""
ADMITTED = Caller(team="a")
GOLD = Caller(team="a", tier="gold")


def decide(caller: Caller = ADMITTED, text: str = POLICY, direct_only: str | None = None, **asked):
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="example")
    evidence = Evidence(envelope=envelope, caller=caller, overrides=Overrides(**asked), direct_only=direct_only)
    return parse_policy(text).decide(evidence)


def test_an_admitted_caller_gets_the_alias_it_asks_for():
    decision = decide(alias="sql")

    assert (decision.ladder, decision.band, decision.gate, decision.route) == (("sql",), Band.SMALL, None, "the rest")
    assert decision.reasons == ("otherwise", "override:alias")
    assert [(step.name, step.outcome, step.detail) for step in decision.trace][-1] == ("override", "alias", "sql")
    assert decision.ignored_overrides == ()


@pytest.mark.parametrize(("band", "ladder"), [(Band.SMALL, ("small",)), (Band.LARGE, ("large",)), (Band.CASCADE, ("small", "large"))])
@pytest.mark.parametrize("caller", [ADMITTED, GOLD])
def test_an_admitted_caller_gets_the_band_it_asks_for(caller, band, ladder):
    decision = decide(caller, band=band)

    assert (decision.band, decision.ladder) == (band, ladder)
    assert decision.reasons[1:] == ("override:band",)


def test_a_limit_that_may_be_asked_counts_like_any_constraint():
    decision = decide(max_latency_ms=100.0)

    assert decision.reasons == ("otherwise", "per_caller:team=others", "override:max_latency_ms")
    assert decision.degraded == ("constraint_relaxed:latency",), "a table is the operator's word, but says what it breaks"


def test_an_alias_goes_before_a_band_and_a_limit_it_breaks_is_named():
    decision = decide(alias="large", band=Band.SMALL, max_latency_ms=100.0)

    assert decision.ladder == ("large",)
    assert decision.reasons == ("otherwise", "override:alias", "override:max_latency_ms", "override_ignored:band")
    assert decision.ignored_overrides == ("band",)
    assert decision.degraded == ("constraint_relaxed:latency",)


@pytest.mark.parametrize(
    ("caller", "asked", "ignored"),
    [
        (Caller(team="b"), {"alias": "sql"}, ("alias",)),
        (Caller(), {"band": Band.SMALL, "max_latency_ms": 1.0}, ("max_latency_ms", "band")),
        (ADMITTED, {"min_quality": 0.9}, ("min_quality",)),
        (ADMITTED, {"alias": "gpt-5"}, ("alias",)),
        (ADMITTED, {"ignored": ("unknown",)}, ("unknown",)),
        (Caller(team="\ud800"), {"alias": "sql"}, ("alias",)),
    ],
    ids=["another team", "nobody", "not allowed", "not in the pool", "not understood", "half a character"],
)
def test_what_is_not_allowed_or_not_there_changes_nothing_but_the_reasons(caller, asked, ignored):
    decision, plain = decide(caller, **asked), decide(caller)

    assert (decision.ladder, decision.band, decision.gate, decision.degraded) == (plain.ladder, plain.band, plain.gate, plain.degraded)
    assert decision.reasons == (*plain.reasons, *(f"override_ignored:{name}" for name in ignored))
    assert decision.ignored_overrides == ignored


def test_a_policy_without_the_section_allows_nothing():
    decision = decide(text=POLICY.partition("overrides:")[0], alias="sql")

    assert (decision.ladder, decision.ignored_overrides) == (("large",), ("alias",))


@pytest.mark.parametrize("band", [Band.SMALL, Band.CASCADE])
def test_a_band_that_a_policy_does_not_have_is_ignored(band):
    text = "version: 1\nname: p\nmodels: {only: {tier: budget}}\nroutes: [{name: all, send: only}]\noverrides: {allow: [band]}\n"

    assert decide(text=text, band=band).ignored_overrides == ("band",)


def test_a_request_that_cannot_pass_through_a_cascade_does_not_do_so_because_its_client_wants_it_to():
    decision = decide(band=Band.CASCADE, direct_only="images")

    assert (decision.ladder, decision.band, decision.gate) == (("large",), Band.LARGE, None)
    assert decision.reasons == ("otherwise", "override:band", "direct_only:images")


def test_a_condition_that_cannot_be_evaluated_admits_nobody():
    text = POLICY.replace('caller.team == "a"', "1 / (size(caller.tags) - 7) < 2")

    assert decide(Caller(team="a", tags=("t",) * 7), text, alias="sql").ignored_overrides == ("alias",)


def test_a_caller_that_cel_cannot_hold_is_not_admitted():
    text = POLICY.replace('caller.team == "a"', "size(caller.tags) == 0")

    assert decide(Caller(tags=7), text, alias="sql").ignored_overrides == ("alias",)  # type: ignore[arg-type]


def test_every_alias_of_the_pool_may_be_asked_where_clients_choose():
    text = POLICY.replace("{cascade: [sql, large], gate: careful}", "large")

    assert set(parse_policy(text).aliases) == {"small", "sql", "large"}
    assert set(parse_policy(text.replace("alias, band", "min_quality")).aliases) == {"small", "large"}


def test_the_section_is_part_of_the_digest_and_its_order_is_not():
    digest = parse_policy(POLICY).digest

    assert parse_policy(POLICY.replace("max_latency_ms, alias, band", "band, alias, band, max_latency_ms")).digest == digest
    assert parse_policy(POLICY.replace("max_latency_ms, alias, band", "alias, band")).digest != digest
    assert parse_policy(POLICY.replace('team == "a"', 'team == "b"')).digest != digest


def test_where_clients_ask_for_a_band_the_digest_says_which_alias_is_the_smallest():
    first, second = "  small: {tier: budget, latency_ms: 60}\n", "  sql: {tier: budget, latency_ms: 120}\n"
    turned = POLICY.replace(first + second, second + first)

    assert decide(text=turned, band=Band.SMALL).ladder == ("sql",)
    assert parse_policy(turned).digest != parse_policy(POLICY).digest
    assert parse_policy(turned.replace(", band", "")).digest == parse_policy(POLICY.replace(", band", "")).digest


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("allow:", "alow:", "20:3: $.overrides.alow: unknown key; did you mean 'allow'?"),
        ("[max_latency_ms, alias, band]", "alias", "20:10: $.overrides.allow: must be a list, not text"),
        (
            "[max_latency_ms, alias, band]",
            "[alias, model]",
            "20:18: $.overrides.allow[1]: is 'model'; write 'max_cost_usd', 'max_latency_ms', 'min_quality', 'alias' or 'band'",
        ),
        ('caller.team == "a"', "caller.teem == 'a'", "21:9: $.overrides.when: unknown name 'caller.teem'; did you mean 'team'?"),
        (
            'caller.team == "a"',
            "caller.team == 'a' && signals.tools == 0",
            "21:31: $.overrides.when: 'signals' does not say who asks; use caller and request",
        ),
        (
            'caller.team == "a"',
            "caller.team",
            "21:9: $.overrides.when: `caller.team` is text, not true or false; compare it, e.g. with > or ==",
        ),
    ],
)
def test_a_mistake_in_the_section_is_named_where_it_is(old, new, problem):
    assert old in POLICY
    with pytest.raises(PolicyError) as caught:
        parse_policy(POLICY.replace(old, new), name="p")

    assert list(caught.value.problems) == [f"p:{problem}"]


# --- access ------------------------------------------------------------------------------------------------------------------------


def test_a_decision_loses_the_rungs_that_may_not_be_asked():
    policy, decision = parse_policy(POLICY), decide(band=Band.CASCADE)

    limited = policy.limited_to(decision, ["small", "sql"])

    assert (limited.ladder, limited.band, limited.gate) == (("small",), Band.SMALL, None)
    assert limited.alternatives == ("large", "sql")
    assert limited.reasons == (*decision.reasons, "no_access:large")
    assert policy.limited_to(decision, ["small", "large"]) is decision


def test_a_ladder_that_keeps_two_rungs_remains_a_cascade():
    text = POLICY.replace("[small, large]", "[small, sql, large]").replace("[sql, large]", "[small, sql, large]")
    decision = decide(text=text, band=Band.CASCADE)

    limited = parse_policy(text).limited_to(decision, ["large", "small"])

    assert (limited.ladder, limited.band, limited.gate) == (("small", "large"), Band.CASCADE, decision.gate)
