"""What holds of limits, whatever requests come, in whatever order and at whatever pace."""

from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.breaker import Breaker, Breakers, InARow
from litellm_cascade.escalation import Ask, Budgets, CascadeRun
from litellm_cascade.escalation.budget import HEADROOM_SHARE, LEAST_HEADROOM, USUAL_HEADROOM, USUAL_SHARE
from litellm_cascade.escalation.window import BUCKETS, SharedSum
from litellm_cascade.vocabulary import (
    Band,
    Caller,
    Completion,
    Decision,
    Estimate,
    Gate,
    Limit,
    TokenLogprob,
    Usage,
)

OVER_S = 600.0
GATE = Gate(name="gate", score="mean", accept_at=-0.5, unknown="escalate", also_escalate=frozenset({"empty", "truncated"}))
LARGE_USD = 0.25


def decision(ladder=("small", "large")):
    estimates = (Estimate(alias="large", cost_usd=LARGE_USD),)
    return Decision(policy="p", digest="", route="r", band=Band.CASCADE, ladder=ladder, gate=GATE, estimates=estimates)


class World:
    """A clock, and budgets that follow it."""

    def __init__(self, *limits):
        self.now = 1_000_000.0
        self.limits = limits
        self.budgets = Budgets(Breakers(lambda: Breaker(InARow(5), cool_off_s=10, clock=lambda: self.now)), clock=lambda: self.now)

    def request(self, event, after_s=1.0):
        """One request, from its plan to its end: None where it went straight to the last rung, else whether it was escalated."""
        self.now += after_s
        allowance = self.budgets.allowance(self.limits, decision(), Caller())
        if allowance.straight_because is not None:
            allowance.settle(())
            return None
        run = CascadeRun(decision(), allowance=allowance)
        run.start()
        step = run.failed(ConnectionError()) if event == "failed" else run.answered(said(event))
        climbed = isinstance(step, Ask)
        if climbed:
            run.answered(said(0.0))
            run.billed(1, Usage(), LARGE_USD)
        allowance.settle(run.outcome().attempts)
        return climbed


def said(score):
    text, finish_reason = ("", "stop") if score == "empty" else ("yes", "length" if score == "cut" else "stop")
    tokens = (TokenLogprob("yes", score),) if isinstance(score, float) else None
    return Completion(text=text, tokens=tokens, finish_reason=finish_reason)


def limit(name, at_most, **more):
    return Limit(name=name, at_most=at_most, over_s=OVER_S, **more)


SCORES = st.floats(-5, 0)
JUDGED = SCORES | st.sampled_from(["unknown", "cut"])
EVENTS = JUDGED | st.sampled_from(["empty", "failed"])
SHARES = st.floats(0, 1)
PAUSES = st.sampled_from([0.0, 0.1, 1.0, 10.0, 100.0])


@given(SHARES, st.lists(st.tuples(JUDGED, PAUSES), max_size=120))
def test_of_the_requests_within_a_window_no_more_are_granted_than_the_share_and_the_headroom(at_most, requests):
    world = World(limit("escalation_rate", at_most))
    history = [(world.request(event, pause), world.now) for event, pause in requests]
    headroom = max(LEAST_HEADROOM, HEADROOM_SHARE * len(history), min(USUAL_HEADROOM, USUAL_SHARE * len(history)))
    for first, (_, began) in enumerate(history):
        granted = [climbed for climbed, at in history[first:] if at - began < OVER_S]
        assert sum(granted) <= at_most * len(granted) + headroom + 1e-6


@given(st.floats(0, 5), st.lists(st.tuples(JUDGED, PAUSES), max_size=80))
def test_what_escalations_cost_within_a_window_is_never_above_the_limit(usd, requests):
    world = World(limit("extra_spend", usd))
    history = [(world.request(event, pause), world.now) for event, pause in requests]
    for _, began in history:
        spent = sum(LARGE_USD * climbed for climbed, at in history if began <= at < began + OVER_S)
        assert spent <= usd + 1e-9


@given(st.lists(st.tuples(EVENTS, PAUSES), max_size=60), st.sampled_from(["accept", "large"]))
def test_limits_without_end_change_nothing(requests, then):
    bounded = World(limit("escalation_rate", 1.0, then=then), limit("extra_spend", 1e9, then=then))
    for event, pause in requests:
        free = CascadeRun(decision())
        free.start()
        step = free.failed(ConnectionError()) if event == "failed" else free.answered(said(event))
        assert bounded.request(event, pause) is isinstance(step, Ask)


@given(SHARES, st.lists(st.tuples(EVENTS, PAUSES), max_size=60))
def test_a_request_without_an_answer_is_always_escalated(at_most, requests):
    world = World(limit("escalation_rate", at_most), limit("extra_spend", 0.0))
    for event, pause in requests:
        climbed = world.request(event, pause)
        assert climbed is (event in {"empty", "failed"})


@given(SHARES, st.lists(st.tuples(EVENTS, PAUSES), max_size=60))
def test_where_the_large_model_is_asked_instead_no_doubtful_answer_is_kept(at_most, requests):
    world = World(limit("escalation_rate", at_most, then="large"))
    for event, pause in requests:
        climbed = world.request(event, pause)
        assert climbed is None or climbed is (not isinstance(event, float) or event < GATE.accept_at)


@given(st.floats(0.01, 1), st.lists(EVENTS, max_size=40))
def test_after_a_window_without_requests_all_is_as_in_the_beginning(at_most, events):
    world = World(limit("escalation_rate", at_most), limit("extra_spend", LARGE_USD))
    for event in events:
        world.request(event)
    world.now += OVER_S * (1 + 1 / BUCKETS)
    assert world.request(-4.0, 0.0)


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(-1, 5), PAUSES, st.booleans()), max_size=60))
def test_sums_that_are_exchanged_in_any_order_come_to_the_same(steps):
    now, totals, sums = 1_000_000.0, {}, [SharedSum(OVER_S) for _ in range(3)]

    def exchange(mine):
        unsent = dict(mine.unsent())
        for bucket in mine.buckets(now):
            totals[bucket] = totals.get(bucket, 0.0) + unsent.get(bucket, 0.0)
            mine.heard(bucket, unsent.get(bucket, 0.0), totals[bucket])

    for which, amount, pause, exchanges in steps:
        now += pause
        sums[which].add(now, max(amount, 0.0))
        if exchanges:
            exchange(sums[which])
    for mine in (*sums, *sums):
        exchange(mine)
    wanted = sum(total for bucket, total in totals.items() if bucket in sums[0].buckets(now))
    assert all(abs(mine.total(now) - wanted) < 1e-6 for mine in sums)
