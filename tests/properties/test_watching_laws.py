"""What must hold of the watch for keys whose requests are dear too often."""

import logging
import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from ledger_records import RECORD
from litellm_cascade.audit import watching
from litellm_cascade.audit.watching import FEWEST_OTHERS, SPOKEN_OF_S, UNUSUAL, EscalationWatch, evidence, tolerated_share
from litellm_cascade.vocabulary import Attempt, Band, Judgement, Outcome, Plan, Reason, Usage, Verdict

SHARES = st.floats(0, 1)
JUDGED = Judgement(verdict=Verdict.ESCALATE, reason=Reason.LOW_CONFIDENCE)
CHEAP = Outcome(alias="small", reason=Reason.CONFIDENT, attempts=(Attempt(rung=0, alias="small", usage=Usage(), served=True),))
DEAR = Outcome(
    alias="large",
    reason=Reason.LOW_CONFIDENCE,
    attempts=(Attempt(rung=0, alias="small", judgement=JUDGED), Attempt(rung=1, alias="large", served=True)),
)


def plan_of(key, *, band=Band.CASCADE, policy="watched"):
    plan = RECORD.plan
    caller = replace(plan.evidence.caller, key_hash=key)
    decision = replace(plan.decision, policy=policy, band=band, ladder=("small", "large"))
    return Plan(evidence=replace(plan.evidence, caller=caller), decision=decision)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Watched:
    """A watch with other keys that have asked enough, of which ``share`` were dear."""

    def __init__(self, share=0.2, **options):
        self.clock = Clock()
        self.watch = EscalationWatch(clock=self.clock, **options)
        for number in range(5 * FEWEST_OTHERS):
            self.ask(f"other-{number % 10}", dear=number % 100 < share * 100)

    def ask(self, key, *, dear, **changes):
        return self.watch.ended(plan_of(key, **changes), DEAR if dear else CHEAP)


def spoken_of(policy="watched"):
    return REGISTRY.get_sample_value("cascade_escalation_anomalies_total", {"policy": policy}) or 0.0


def asked_until_told(watched, key, most=1000, **changes):
    return next((number for number in range(1, most) if watched.ask(key, dear=True, **changes)), None)


# --- the test ----------------------------------------------------------------------------------------------------------------------


@given(SHARES, SHARES)
def test_one_request_is_expected_to_say_nothing_against_a_key_within_what_is_tolerated(of_others, part):
    """The expectation of the ratio is at most 1: that is all that the stated rate of false alarms rests on."""
    tolerated = tolerated_share(of_others)
    share = part * tolerated
    expected = share * math.exp(evidence(tolerated, dear=True)) + (1 - share) * math.exp(evidence(tolerated, dear=False))
    assert expected <= 1 + 1e-9


@given(SHARES)
def test_a_dear_request_speaks_against_a_key_and_a_cheap_one_for_it(of_others):
    tolerated = tolerated_share(of_others)
    assert 0 < tolerated < 1
    assert evidence(tolerated, dear=True) > 0 > evidence(tolerated, dear=False)


@given(SHARES, SHARES)
def test_what_others_do_more_often_a_key_may_do_more_often(one, other):
    low, high = sorted((one, other))
    assert tolerated_share(low) <= tolerated_share(high)
    assert evidence(tolerated_share(low), dear=True) >= evidence(tolerated_share(high), dear=True)


@settings(max_examples=30)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.data())
def test_a_request_that_were_dear_instead_never_tells_later(dear, data):
    place = data.draw(st.integers(0, len(dear) - 1))
    told = []
    for requests in (dear, [*dear[:place], True, *dear[place + 1 :]]):
        watched = Watched(false_alarms=1e-3)
        before = spoken_of()
        told.append([spoken_of() - before for one in requests if watched.ask("suspect", dear=one) is not None])
    assert all(more >= less for less, more in zip(*told, strict=True))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.45])
def test_keys_at_the_edge_of_what_is_tolerated_are_spoken_of_no_more_often_than_stated(share):
    random, false_alarms, requests = Random(7), 1 / 300, 60_000
    watched = Watched(share, false_alarms=false_alarms)
    before = spoken_of()
    for number in range(requests):
        if number % 5 == 0:
            watched.ask("edge", dear=random.random() < 2 * share)
        else:  # others go on, so that the share that is doubled stays what it is
            watched.ask(f"other-{number % 9}", dear=random.random() < share)
        watched.clock.now += 2 * SPOKEN_OF_S / 5  # what was said of the key is over when it asks next
    assert spoken_of() - before <= false_alarms * requests / 5


# --- whom it finds -----------------------------------------------------------------------------------------------------------------


def test_a_key_that_forces_the_large_model_is_told_and_its_dear_requests_bear_the_word(caplog):
    watched, before = Watched(0.2), spoken_of()
    with caplog.at_level(logging.WARNING, "litellm_cascade"):
        needed = asked_until_told(watched, "k" * 64)
    assert needed < 40
    assert watched.ask("k" * 64, dear=True) == (UNUSUAL,)
    assert watched.ask("k" * 64, dear=False) == ()
    assert watched.ask("other-1", dear=True) == ()
    (said,) = (entry.getMessage() for entry in caplog.records)
    assert said.startswith(f"cascade: requests of the key with the hash {'k' * 64} go to dear models more than 2 times as often")
    assert spoken_of() - before == 1


def test_a_request_that_its_classification_sent_straight_to_the_large_model_counts_too():
    watched = Watched(0.2)
    assert next(number for number in range(100) if watched.watch.ended(plan_of("liar", band=Band.LARGE), CHEAP)) < 40


def test_a_key_that_turns_bad_after_a_long_good_time_is_found_as_fast():
    watched = Watched(0.2)
    for number in range(1000):
        watched.ask("stolen", dear=number % 5 == 0)
    assert asked_until_told(watched, "stolen") < 80


def test_a_day_later_it_may_be_told_again():
    watched, before = Watched(0.2), spoken_of()
    asked_until_told(watched, "suspect")
    watched.clock.now += SPOKEN_OF_S
    assert watched.ask("suspect", dear=True) == ()
    assert asked_until_told(watched, "suspect") is not None
    assert spoken_of() - before == 2


# --- whom it leaves alone ----------------------------------------------------------------------------------------------------------


def test_where_all_keys_do_the_same_nobody_is_unusual():
    watched = Watched(0.9)
    assert asked_until_told(watched, "suspect", most=100) is None


def test_without_others_there_is_nothing_to_compare_with():
    alone = EscalationWatch()
    assert [alone.ended(plan_of("only"), DEAR) for _ in range(500)] == [()] * 500


def test_what_no_prompt_can_help_says_nothing():
    watched = Watched(0.2)
    failed = replace(DEAR, attempts=(replace(DEAR.attempts[0], error="TimeoutError"), DEAR.attempts[1]))
    late = replace(DEAR, attempts=(replace(DEAR.attempts[0], judgement=replace(JUDGED, reason=Reason.TIMEOUT)), DEAR.attempts[1]))
    ill, over = (replace(DEAR, degraded=(word,)) for word in ("rung_open:small", "over_budget:daily"))
    for outcome in (failed, late, ill, over, replace(DEAR, attempts=())):
        assert {watched.watch.ended(plan_of("suspect"), outcome) for _ in range(200)} == {()}


def test_what_all_keys_do_from_now_on_is_soon_what_is_usual():
    """A small model that has become worse: most keys are left alone once others have been seen to escalate as well."""
    watched, before = Watched(0.2), spoken_of()
    for number in range(20_000):
        watched.ask(f"other-{number % 50}", dear=number % 10 < 7)
    assert spoken_of() - before < 50 / 4


def test_callers_without_a_key_are_not_watched():
    watched = EscalationWatch()
    watched.ended(plan_of(None), DEAR)
    assert len(watched) == 0


# --- what it keeps -----------------------------------------------------------------------------------------------------------------


def test_memory_is_bounded_and_no_key_becomes_a_label():
    watch = EscalationWatch()
    for number in range(watching.MOST_KEYS + 500):
        watch.ended(plan_of(f"key-{number}"), DEAR)
    assert len(watch) == watching.MOST_KEYS
    labels = [sample.labels for family in REGISTRY.collect() if "anomalies" in family.name for sample in family.samples]
    assert {name for found in labels for name in found} == {"policy"}
