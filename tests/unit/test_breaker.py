"""Breakers: when to stop asking, and who finds out whether it works again."""

import pytest

from litellm_cascade.breaker import Breaker, Breakers, InARow, Permit, ShareFailing
from litellm_cascade.escalation.permits import RungPermits


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(ShareFailing(at_least=3, share=0.5, over_s=30, clock=clock), cool_off_s=10, clock=clock)


def calls(breaker, *failures):
    for failed in failures:
        permit = breaker.ask()
        (breaker.failed if failed else breaker.succeeded)(permit)


def test_it_opens_when_enough_failed_and_they_are_a_large_enough_share(breaker):
    calls(breaker, 0, 0, 0, 0, 1, 1, 1)
    assert breaker.state == "closed"  # three of seven
    calls(breaker, 1)
    assert breaker.state == "open"
    assert breaker.ask() is Permit.REFUSED


def test_few_failures_never_open_it(breaker):
    calls(breaker, 1, 1)
    assert breaker.state == "closed"


def test_what_is_older_than_the_window_does_not_count(breaker, clock):
    calls(breaker, 1, 1)
    clock.now = 31
    calls(breaker, 1)
    assert breaker.state == "closed"


def test_one_probe_decides(breaker, clock):
    calls(breaker, 1, 1, 1)
    clock.now = 10
    assert breaker.state == "half_open"
    probe = breaker.ask()
    assert (probe, breaker.ask()) == (Permit.PROBE, Permit.REFUSED)
    assert breaker.failed(probe)
    assert breaker.state == "open"
    clock.now = 20
    breaker.gave_up(breaker.ask())
    breaker.succeeded(breaker.ask())
    assert breaker.state == "closed"
    calls(breaker, 1, 1)
    assert breaker.state == "closed"  # what was before is forgotten


def test_a_success_ends_a_row_of_failures(clock):
    breaker = Breaker(InARow(2), cool_off_s=10, clock=clock)
    calls(breaker, 1, 0, 1)
    assert breaker.state == "closed"
    calls(breaker, 1)
    assert breaker.state == "open"


def test_news_of_a_call_that_began_before_it_opened_is_old(breaker):
    early = breaker.ask()
    calls(breaker, 1, 1, 1)
    breaker.succeeded(early)
    assert not breaker.failed(early)
    assert breaker.state == "open"


@pytest.fixture
def breakers(clock):
    return Breakers(lambda: Breaker(InARow(1), cool_off_s=10, clock=clock))


def test_each_name_has_its_own(breakers):
    calls(breakers["small"], 1)
    assert (breakers["small"].state, breakers["large"].state) == ("open", "closed")


def test_a_permit_that_was_not_used_goes_to_the_next_request(breakers, clock):
    calls(breakers["small"], 1)
    clock.now = 10
    first, second = RungPermits(breakers), RungPermits(breakers)
    assert first.admits("small")
    assert first.admits("small")  # it is its own
    assert not second.admits("small")
    first.release()
    assert second.admits("small")
    assert not second.ended("small", failed=None)
    assert RungPermits(breakers).admits("small")


def test_a_rung_asked_without_leave_is_not_proven_well_by_that(breakers):
    calls(breakers["small"], 1)
    permits = RungPermits(breakers)
    assert not permits.admits("small")
    permits.ended("small", failed=False)
    assert breakers["small"].state == "open"


def test_a_rung_that_fails_is_said_to_be_ill_once(breakers):
    assert RungPermits(breakers).ended("small", failed=True)
    assert not RungPermits(breakers).ended("small", failed=True)
