"""The heap is frozen twice: when the process is ready, and after the first full collection behind that."""

import gc
import weakref

import pytest

from litellm_cascade.proxy import heap

YOUNG = 1


@pytest.fixture(autouse=True)
def _thawed():
    before = list(gc.callbacks)
    yield
    gc.unfreeze()
    gc.callbacks[:] = before


class Thing:
    """Something that refers to itself, so that only the collector can free it."""

    def __init__(self):
        self.me = self


def is_looked_at(thing):
    return any(one is thing for one in gc.get_objects())


def test_frozen_when_ready_and_once_more_after_the_next_full_collection():
    early = Thing()
    heap.settle()
    assert not is_looked_at(early)
    later = Thing()
    gc.collect(YOUNG)
    assert is_looked_at(later), "a young collection changes nothing"
    gc.collect()
    assert not is_looked_at(later)
    last = Thing()
    gc.collect()
    assert is_looked_at(last), "what comes after that is never frozen"


def test_what_is_no_longer_needed_is_freed_at_all_three_times():
    for settles in (True, False, False):
        gone = weakref.ref(Thing())
        (heap.settle if settles else gc.collect)()
        assert gone() is None
