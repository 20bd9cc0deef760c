"""A model that cannot say how sure it is, is not asked again and again."""

import asyncio

import pytest

from litellm_cascade.breaker import Breaker, InARow
from litellm_cascade.errors import LeftAloneError
from litellm_cascade.proxy.consulting import guarded


@pytest.fixture
def breaker():
    return Breaker(InARow(2), cool_off_s=60, clock=lambda: 0.0)


def consulted(breaker, error=None, within_ms=1e9):
    with guarded(breaker, within_ms):
        if error is not None:
            raise error


def test_after_failures_in_a_row_nobody_is_asked(breaker):
    for _ in range(2):
        with pytest.raises(OSError):
            consulted(breaker, OSError())
    with pytest.raises(LeftAloneError):
        consulted(breaker)


def test_a_success_between_them_is_remembered(breaker):
    for error in (OSError(), None, OSError()):
        try:
            consulted(breaker, error)
        except OSError:
            continue
    assert breaker.state == "closed"


@pytest.mark.parametrize(("within_ms", "state"), [(0, "open"), (1e9, "closed")], ids=["late", "the client is gone"])
def test_who_is_cancelled_at_the_deadline_has_failed_and_who_is_cancelled_before_has_not(breaker, within_ms, state):
    for _ in range(2):
        with pytest.raises(asyncio.CancelledError):
            consulted(breaker, asyncio.CancelledError(), within_ms)
    assert breaker.state == state
