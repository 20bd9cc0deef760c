"""A list that one thread fills while another waits for something to appear on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Board(Generic[T]):
    """Thread-safe. Waiting is woken by every change and ends with an ``AssertionError`` that shows what was there instead."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._changed = threading.Condition()

    def pin(self, *items: T) -> None:
        """Add ``items`` and wake who waits."""
        with self._changed:
            self._items.extend(items)
            self._changed.notify_all()

    def touch(self) -> None:
        """Say that an item has changed in place."""
        with self._changed:
            self._changed.notify_all()

    def clear(self) -> None:
        """Take everything down."""
        with self._changed:
            self._items.clear()

    @property
    def items(self) -> list[T]:
        """A copy of what is there now."""
        with self._changed:
            return list(self._items)

    def wait_until(self, holds: Callable[[list[T]], bool], timeout: float) -> list[T]:
        """The items, as soon as ``holds`` is true of all of them together."""
        with self._changed:
            if self._changed.wait_for(lambda: holds(list(self._items)), timeout):
                return list(self._items)
            raise AssertionError(self._report(timeout))

    def wait_for(self, wanted: Callable[[T], bool], timeout: float) -> T:
        """The first item that is ``wanted``, now or within ``timeout`` seconds."""
        items = self.wait_until(lambda items: any(map(wanted, items)), timeout)
        return next(filter(wanted, items))

    def _report(self, timeout: float) -> str:
        there = "\n".join(f"  {item}" for item in self._items) or "  nothing"
        return f"not seen within {timeout} s; there was:\n{there}"
