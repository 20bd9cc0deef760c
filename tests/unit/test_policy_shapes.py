"""Hedged cascades, drafts that are carried over, and ensembles, as a policy writes them."""

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.offline.route_wording import route_paragraphs
from litellm_cascade.offline.wording import next_sentences
from litellm_cascade.policy import parse_policy
from litellm_cascade.vocabulary import Band, Constraints, Endpoint, Ensemble, Envelope, Evidence

POLICY = """
version: 1
name: example
models:
  small: {{tier: budget, quality: {{general: 0.5}}, latency_ms: 60, price: {{input_usd_per_million: 1, output_usd_per_million: 1}}}}
  sql: {{tier: standard, quality: {{general: 0.6}}, latency_ms: 120, price: {{input_usd_per_million: 2, output_usd_per_million: 2}}}}
  large: {{tier: premium, quality: {{general: 0.9}}, latency_ms: 600, price: {{input_usd_per_million: 9, output_usd_per_million: 9}}}}
routes:
  - name: all
    {route}
gates:
  careful: {{accept_at: -0.35}}
"""
HEDGED = "{cascade: [small, large], gate: careful, hedge: true}"
JUDGED = "ensemble: {of: [small, sql], by: judge, judge: large, within_ms: 1500, judge_within_ms: 500}"


def policy_of(route):
    return parse_policy(POLICY.format(route=route))


def decide(policy, **known):
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="example")
    return policy.decide(Evidence(envelope=envelope, **known))


def problem(route):
    with pytest.raises(PolicyError) as caught:
        policy_of(route)
    return "\n".join(caught.value.problems)


def test_a_cascade_may_be_hedged_or_carry_a_draft_over_and_does_neither_by_itself():
    hedged, carrying, plain = (
        decide(policy_of(f"cascade: [small, large]\n    gate: careful\n    {more}")) for more in ("hedge: true", "carry_over: true", "")
    )
    assert [(d.hedge, d.carry_over) for d in (hedged, carrying, plain)] == [(True, False), (False, True), (False, False)]
    assert len({d.digest for d in (hedged, carrying, plain)}) == 3


def test_a_candidate_may_be_hedged():
    decision = decide(policy_of(f"choose: {{strategy: per_caller, by: tier, map: {{gold: large}}, default: {HEDGED}}}"))
    assert (decision.band, decision.hedge) == (Band.CASCADE, True)


def test_a_hedge_and_a_draft_exclude_each_other():
    told = problem("cascade: [small, large]\n    gate: careful\n    hedge: true\n    carry_over: true")
    assert "$.routes[0].carry_over: a hedge starts the next rung before there is a draft to carry over; keep one of the two" in told


def test_a_hedged_cascade_takes_as_long_as_its_slowest_rung():
    policy = policy_of("cascade: [small, large]\n    gate: careful\n    hedge: true")
    assert decide(policy, constraints=Constraints(max_latency_ms=600)).band is Band.CASCADE
    assert decide(policy, constraints=Constraints(max_latency_ms=599)).ladder == ("small",)


def test_an_ensemble_is_a_band_of_its_own():
    policy = policy_of(JUDGED)
    decision = decide(policy)
    assert (decision.band, decision.ladder, decision.gate) == (Band.ENSEMBLE, ("small", "sql"), None)
    assert decision.ensemble == Ensemble(by="judge", judge="large", within_ms=1500.0, judge_within_ms=500.0)
    assert decision.aliases == policy.aliases == ("small", "sql", "large")
    assert policy.ladders == ()


def test_an_ensemble_costs_all_and_takes_the_slowest_and_the_judge():
    (ensemble, *_) = policy_of(JUDGED).routes[0].chooser.options
    estimates = {estimate.alias: estimate for estimate in decide(policy_of(JUDGED)).estimates}
    expected = ensemble.expected(estimates)
    assert (expected.alias, expected.latency_ms) == ("small + sql", 720)
    assert expected.quality == max(estimates["small"].quality, estimates["sql"].quality)
    assert expected.cost_usd == pytest.approx(sum(estimate.cost_usd for estimate in estimates.values()))


def test_an_ensemble_of_which_something_is_unknown_takes_nobody_knows_how_long():
    policy = parse_policy(POLICY.format(route="ensemble: {of: [small, sql], by: vote}").replace(", latency_ms: 120", ""))
    (ensemble, *_) = policy.routes[0].chooser.options
    assert ensemble.expected({estimate.alias: estimate for estimate in decide(policy).estimates}).latency_ms is None


def test_where_constraints_leave_no_room_for_all_one_answers():
    assert decide(policy_of(JUDGED), constraints=Constraints(max_latency_ms=100)).ladder == ("small",)


def test_a_request_that_an_ensemble_cannot_answer_goes_to_its_first():
    decision = decide(policy_of("ensemble: {of: [large, small], by: vote}"), direct_only="thinking")
    assert (decision.band, decision.ladder, decision.ensemble) == (Band.LARGE, ("large",), None)
    assert "direct_only:thinking" in decision.reasons


@pytest.mark.parametrize(
    ("route", "left", "ladder", "band"),
    [
        (JUDGED, {"small", "large"}, ("small",), Band.SMALL),
        (JUDGED, {"small", "sql"}, ("small",), Band.SMALL),  # without the judge
        ("ensemble: {of: [small, sql, large], by: vote}", {"small", "large"}, ("small", "large"), Band.ENSEMBLE),
        ("cascade: [small, sql, large]\n    gate: careful\n    hedge: true", {"small", "large"}, ("small", "large"), Band.CASCADE),
        ("cascade: [small, large]\n    gate: careful\n    hedge: true", {"large"}, ("large",), Band.LARGE),
    ],
)
def test_what_a_caller_may_not_ask_is_left_out(route, left, ladder, band):
    policy = policy_of(route)
    limited = policy.limited_to(decide(policy), left)
    assert (limited.ladder, limited.band) == (ladder, band)
    assert (limited.ensemble is not None) is (band is Band.ENSEMBLE)
    assert limited.hedge is (band is Band.CASCADE)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("{of: [small], by: vote}", "$.routes[0].ensemble.of"),
        ("{of: [small, small], by: vote}", "$.routes[0].ensemble.of: asks 'small' twice; keep one"),
        ("{of: [small, larg], by: vote}", "$.routes[0].ensemble.of[1]: no alias 'larg' in models; did you mean 'large'?"),
        ("{of: [small, sql], by: chance}", "$.routes[0].ensemble.by"),
        ("{of: [small, sql]}", "$.routes[0].ensemble.by: is missing; add it"),
        ("{of: [small, sql], by: judge}", "$.routes[0].ensemble.judge: by: judge needs an alias that judges; write e.g. judge: large"),
        ("{of: [small, sql], by: vote, judge: large}", "$.routes[0].ensemble.judge: nobody is asked to judge with by: vote"),
        ("{of: [small, sql], by: judge, judge: big}", "$.routes[0].ensemble.judge: no alias 'big' in models"),
    ],
)
def test_what_cannot_work_is_told_where_it_stands(rule, told):
    assert told in problem(f"ensemble: {rule}")


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (JUDGED, "`small` and `sql` are asked at once, and the answer that `large` prefers is served; in doubt that of `small`."),
        ("cascade: [small, large]\n    gate: careful\n    hedge: true", "The next model is started together with each that is judged"),
        (
            "cascade: [small, large]\n    gate: careful\n    carry_over: true",
            "A whole draft that does not pass is handed to the next model",
        ),
    ],
)
def test_documents_and_explanations_say_so(route, told):
    policy = policy_of(route)
    assert told in "\n".join(route_paragraphs(1, policy.document.routes[0]))
    assert told.replace("`", "") in "\n".join(next_sentences(decide(policy)))
