"""Limits on escalation: what they hold while the mix of prompts changes, and which answers they let go on."""

import math
from random import Random

import pytest

from litellm_cascade.breaker import Breaker, Breakers, InARow
from litellm_cascade.escalation import Budgets
from litellm_cascade.escalation import budgets as registry
from litellm_cascade.escalation.window import SharedSum
from litellm_cascade.vocabulary import (
    Attempt,
    Band,
    Caller,
    Confidence,
    Decision,
    Estimate,
    Gate,
    Limit,
    Reason,
)

GATE = Gate(name="gate", accept_at=math.log(0.6))
REQUESTS = 1000
DRIFTS = {
    "slowly": lambda t: 0.35 + 0.45 * t,
    "suddenly": lambda t: 0.35 if t < 0.5 else 0.85,
    "in waves": lambda t: 0.6 + 0.25 * math.sin(8 * math.pi * t),
    "in bursts": lambda t: 0.9 if int(t * 10) % 2 else 0.35,
    "never, all is hard": lambda _: 0.95,
}


class World:
    def __init__(self, *limits):
        self.now = 1_000_000.0
        self.limits = limits
        self.breakers = Breakers(lambda: Breaker(InARow(2), cool_off_s=10, clock=lambda: self.now))
        self.budgets = Budgets(self.breakers, clock=lambda: self.now)

    def allowance(self, caller=Caller(), large_usd=None):  # noqa: B008 - frozen
        estimates = (Estimate(alias="large", cost_usd=large_usd),)
        ladder = ("small", "large")
        decision = Decision(policy="p", digest="", route="r", band=Band.CASCADE, ladder=ladder, gate=GATE, estimates=estimates)
        return self.budgets.allowance(self.limits, decision, caller)

    def climbs(self, score=-2.0, cost_usd=None, large_usd=None, **of):
        """One request that asks for an escalation: whether it is granted. ``cost_usd``: what that turns out to cost."""
        allowance = self.allowance(large_usd=large_usd, **of)
        granted = allowance.refusal("large", sure(score)) is None
        allowance.settle((attempt(0, 0.001), *([attempt(1, cost_usd)] if granted else ())))
        return granted


def sure(score):
    return Confidence(name="mean", score=score, threshold=GATE.accept_at)


def attempt(rung, cost_usd):
    return Attempt(rung=rung, alias=("small", "large")[rung], cost_usd=cost_usd)


def rate(at_most, **more):
    return Limit(name="escalation_rate", at_most=at_most, **({"over_s": 600.0} | more))


def spend(usd, **more):
    return Limit(name="extra_spend", at_most=usd, **({"over_s": 600.0} | more))


def drive(drift, seed, *limits, shown=lambda score, _: score):
    """A thousand requests in as many seconds, harder and easier: for each how likely the small answer is wrong, asked, granted.

    ``shown``: what the controller is told instead of the score.
    """
    world, rng, others = World(*limits), Random(seed), Random(seed + 1)
    for number in range(REQUESTS):
        world.now += 1.0
        hardness = drift(number / REQUESTS)
        wrong = rng.betavariate(1 + 6 * hardness, 1 + 6 * (1 - hardness))
        score = math.log(max(1e-9, 1 - wrong))
        allowance = world.allowance()
        asked = score < GATE.accept_at
        granted = asked and allowance.refusal("large", sure(shown(score, others))) is None
        allowance.settle(())
        yield wrong, asked, granted


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("drift", DRIFTS)
@pytest.mark.parametrize("over_s", [60.0, 600.0, 3600.0])
def test_thirty_percent_are_held_within_two_points_while_the_mix_drifts(drift, seed, over_s):
    history = list(drive(DRIFTS[drift], seed, rate(0.3, over_s=over_s)))
    assert sum(asked for _, asked, _ in history) > 0.4 * REQUESTS
    assert sum(granted for *_, granted in history) / REQUESTS == pytest.approx(0.3, abs=0.02)
    halves = history[: REQUESTS // 2], history[REQUESTS // 2 :]
    for half in halves:  # nor is the end starved for the beginning
        assert sum(granted for *_, granted in half) / len(half) == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize("drift", DRIFTS)
def test_what_goes_on_is_more_often_wrong_than_what_chance_would_send_on(drift):
    def mean_wrong(shown):
        runs = [drive(DRIFTS[drift], seed, rate(0.3), shown=shown) for seed in range(5)]
        granted = [wrong for run in runs for wrong, _, granted in run if granted]
        return sum(granted) / len(granted)

    chosen = mean_wrong(lambda score, _: score)
    by_chance = mean_wrong(lambda _, rng: rng.random())
    assert chosen > by_chance + 0.03


@pytest.mark.parametrize("seed", range(5))
def test_where_the_natural_rate_is_below_the_limit_nothing_changes(seed):
    history = list(drive(lambda t: 0.12 + 0.05 * t, seed, rate(0.3)))
    assert 0 < sum(asked for _, asked, _ in history) / REQUESTS < 0.25
    assert all(granted for _, asked, granted in history if asked)


def test_money_is_spent_more_slowly_the_less_is_left_and_never_beyond_the_limit():
    world, granted = World(spend(10.0)), []
    rng = Random(0)
    for _ in range(3000):  # three windows, in which the gates ask for thrice the money
        world.now += 0.6
        granted.append(world.climbs(score=-rng.random(), cost_usd=0.03, large_usd=0.03))
    windows = [sum(granted[start : start + 1000]) * 0.03 for start in range(0, 3000, 1000)]
    assert all(6.5 < spent <= 10.0 for spent in windows)
    assert all(sum(granted[start : start + 250]) for start in range(0, 3000, 250))


def test_the_least_confident_get_what_money_is_left():
    world, rng = World(spend(10.0)), Random(0)
    history = []
    for _ in range(2000):
        world.now += 0.6
        score = -rng.random()
        history.append((score, world.climbs(score=score, cost_usd=0.03, large_usd=0.03)))
    late = history[500:]
    mean = [sum(scores) / len(scores) for scores in ([s for s, g in late if g], [s for s, g in late if not g])]
    assert mean[0] < mean[1] - 0.2


def test_a_bill_that_is_higher_than_expected_counts_as_it_is():
    world = World(spend(1.0))
    assert world.climbs(cost_usd=0.9, large_usd=0.1)
    assert not world.climbs(cost_usd=0.9, large_usd=0.2)


def test_a_bill_that_nobody_knows_counts_as_expected():
    world = World(spend(1.0))
    assert world.climbs(cost_usd=None, large_usd=0.9)
    assert not world.climbs(large_usd=0.2)


def test_without_an_estimate_the_last_bill_is_expected():
    world = World(spend(1.0))
    assert world.climbs(cost_usd=0.4)
    assert world.climbs(cost_usd=0.4)
    assert not world.climbs(cost_usd=0.4)


def test_escalations_at_the_same_time_do_not_overlook_each_other():
    world = World(spend(1.0))
    under_way = [world.allowance(large_usd=0.4) for _ in range(3)]
    assert [allowance.refusal("large", None) is None for allowance in under_way] == [True, True, False]


def test_what_had_to_be_is_booked_and_a_long_outage_is_not_paid_for_all_day():
    world = World(rate(0.3))
    for _ in range(300):
        world.now += 1
        allowance = world.allowance()
        allowance.forced("large")
        allowance.settle(())
    assert not world.climbs()
    quiet = 0
    while not world.climbs():
        world.now += 1
        quiet += 1
    assert quiet < 100  # a debt of one headroom, 20 escalations, is 67 requests; 300 of them would be 700


def test_a_requests_second_escalation_costs_money_but_no_share():
    world = World(rate(0.3), spend(1.0))
    for _ in range(3):
        allowance = world.allowance(large_usd=0.1)
        assert allowance.refusal("large", None) is None
        assert allowance.refusal("large", None) is None
        allowance.settle([attempt(0, 0.01), attempt(1, 0.1), attempt(1, 0.1)])
    assert [left.limit for left in world.allowance().left()] == ["escalation_rate", "extra_spend"]
    assert [left.band for left in world.allowance().left()] == ["within", "short"]
    assert world.allowance().left()[1].remaining_ratio == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("per", "callers"),
    [
        ("team", (Caller(team="a"), Caller(team="b"))),
        ("key", (Caller(key_hash="a"), Caller(key_hash="b"))),
        ("user", (Caller(user="a"), Caller())),
    ],
)
def test_each_scope_has_its_own(per, callers):
    world = World(spend(1.0, per=per))
    assert world.climbs(caller=callers[0], cost_usd=1.0)
    assert not world.climbs(caller=callers[0], cost_usd=1.0)
    assert world.climbs(caller=callers[1], cost_usd=1.0)


def test_the_scope_that_was_not_heard_of_for_the_longest_time_begins_anew(monkeypatch):
    monkeypatch.setattr(registry, "MOST_SCOPES", 2)
    world = World(spend(1.0, per="team"))
    for team in ("a", "b", "c"):
        assert world.climbs(caller=Caller(team=team), cost_usd=1.0)
    assert not world.climbs(caller=Caller(team="b"), cost_usd=1.0)
    assert world.climbs(caller=Caller(team="a"), cost_usd=1.0)


def test_only_scopes_in_use_are_shared_and_the_latest_of_too_many():
    world = World(spend(1.0, per="team"))
    for team in ("a", "b", "c"):
        world.now += 10
        world.climbs(caller=Caller(team=team))
    assert [key.of for key in world.budgets.in_use(within_s=15, most=9)] == ["c", "b"]
    assert [key.of for key in world.budgets.in_use(within_s=99, most=1)] == ["c"]
    assert {key.of for key in world.budgets.all()} == {"a", "b", "c"}


def test_over_the_limit_new_requests_go_straight_and_those_under_way_go_on():
    world = World(rate(0.3, then="large"))
    under_way = [world.allowance() for _ in range(20)]
    assert all(allowance.refusal("large", sure(-2.0)) is None for allowance in under_way)
    for allowance in under_way:
        allowance.settle(())
    assert world.allowance().straight_because == "escalation_rate"
    assert world.allowance().left()[0].band == "over"
    for _ in range(100):
        world.allowance().settle(())
    assert world.allowance().straight_because is None


def test_an_answer_from_the_cache_earns_no_escalation():
    world = World(rate(0.5))
    while world.climbs():
        pass
    (before,) = world.allowance().left()
    for _ in range(20):
        from_the_cache = world.allowance()
        from_the_cache.unused()
        from_the_cache.settle(())
    assert world.allowance().left() == (before,)
    world.allowance().settle((attempt(0, 0.001),))
    assert world.allowance().left()[0].remaining_ratio > before.remaining_ratio


def test_a_rung_that_is_ill_is_not_asked_for_a_better_answer():
    world = World()
    for _ in range(2):
        world.breakers["large"].failed(world.breakers["large"].ask())
    refusal = world.allowance().refusal("large", sure(-2.0))
    assert (refusal.reason, refusal.degraded) == (Reason.RUNG_OPEN, "rung_open:large")


def test_totals_that_were_lost_do_not_undo_what_was_heard():
    mine = SharedSum(600.0)
    mine.add(1_000_000.0, 5.0)
    bucket = mine.buckets(1_000_000.0)[-1]
    assert mine.heard(bucket, 5.0, 12.0) == 7.0
    assert mine.heard(bucket, 0.0, 1.0) == 0.0
    assert mine.total(1_000_000.0) == 12.0


def test_what_others_spent_is_gone():
    world = World(spend(1.0))
    assert world.climbs(large_usd=0.1)
    (budget,) = world.budgets.all().values()
    bucket = budget.series["usd"].buckets(world.now)[-1]
    budget.heard(world.now, {("usd", bucket): (0.1, 0.95)})
    assert not world.climbs(large_usd=0.1)
