"""The heap is frozen twice: when the process is ready, and after the first full collection behind that."""

import gc

import pytest

from litellm_cascade.proxy import heap


@pytest.fixture(autouse=True)
def _thawed():
    before = list(gc.callbacks)
    yield
    gc.unfreeze()
    gc.callbacks[:] = before


def test_frozen_when_ready_and_once_more_after_the_next_full_collection():
    heap.settle()
    first = gc.get_freeze_count()
    assert first > 0
    later = [[number] for number in range(5_000)]
    gc.collect(1)
    assert gc.get_freeze_count() == first, "a young collection changes nothing"
    gc.collect()
    second = gc.get_freeze_count()
    assert second >= first + len(later)
    held = [[number] for number in range(5_000)]
    gc.collect()
    assert gc.get_freeze_count() == second, "what comes later can be collected"
    assert len(held) == len(later)


def test_garbage_is_not_frozen():
    heap.settle()
    before = gc.get_freeze_count()
    for _ in range(5_000):
        ring = []
        ring.append(ring)
    gc.collect()
    assert gc.get_freeze_count() < before + 2_500
