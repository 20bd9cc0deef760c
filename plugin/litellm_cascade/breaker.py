"""When to stop asking something that keeps failing, and when to try again. Pure but for the clock it is given.

One breaker for everything that may be ill: classifiers, rungs, and the calls with which an answer is checked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol


class Permit(Enum):
    """The answer to "may I ask now?"."""

    REFUSED = "refused"
    CALL = "call"
    PROBE = "probe"  # the one call that finds out whether it works again


class Tally(Protocol):
    """Counts how calls ended, and says when it is enough."""

    def note(self, *, failed: bool) -> bool:
        """A call has ended. True when it is time to stop asking."""

    def clear(self) -> None:
        """Begin anew: it works again."""


class InARow:
    """Enough is ``failures`` failures without a success between them."""

    def __init__(self, failures: int) -> None:
        self._enough = failures
        self._failures = 0

    def note(self, *, failed: bool) -> bool:
        """A call has ended."""
        self._failures = self._failures + 1 if failed else 0
        return self._failures >= self._enough

    def clear(self) -> None:
        """Begin anew."""
        self._failures = 0


class ShareFailing:
    """Enough is ``at_least`` failures within ``over_s`` seconds that are at least ``share`` of the calls that ended in them."""

    def __init__(self, *, at_least: int, share: float, over_s: float, clock: Callable[[], float]) -> None:
        self._at_least = at_least
        self._share = share
        self._over_s = over_s
        self._clock = clock
        self._ended: deque[tuple[float, bool]] = deque()
        self._failures = 0

    def note(self, *, failed: bool) -> bool:
        """A call has ended."""
        now = self._clock()
        self._ended.append((now, failed))
        self._failures += failed
        while now - self._ended[0][0] > self._over_s:
            self._failures -= self._ended.popleft()[1]
        return self._failures >= self._at_least and self._failures >= self._share * len(self._ended)

    def clear(self) -> None:
        """Begin anew."""
        self._ended.clear()
        self._failures = 0


class Breaker:
    """Closed until its tally has had enough, then open for ``cool_off_s`` seconds, then half open: one probe decides.

    ``clock`` returns seconds that never go back.
    """

    def __init__(self, tally: Tally, *, cool_off_s: float, clock: Callable[[], float]) -> None:
        self._tally = tally
        self._cool_off_s = cool_off_s
        self._clock = clock
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half_open``."""
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._probing or self._cooled(self._opened_at) else "open"

    def ask(self) -> Permit:
        """Whether a call may be made now. Whoever gets a permit settles it with ``succeeded``, ``failed`` or ``gave_up``."""
        if self._opened_at is None:
            return Permit.CALL
        if self._probing or not self._cooled(self._opened_at):
            return Permit.REFUSED
        self._probing = True
        return Permit.PROBE

    def succeeded(self, permit: Permit) -> None:
        """It works. Closes the breaker after a probe; of a call that began before it opened it is old news."""
        if permit is Permit.PROBE:
            self._opened_at, self._probing = None, False
            self._tally.clear()
        elif self._opened_at is None:
            self._tally.note(failed=False)

    def failed(self, permit: Permit) -> bool:
        """It does not. True when this very failure opened the breaker, or kept it open after a probe."""
        opens = permit is Permit.PROBE or (self._opened_at is None and self._tally.note(failed=True))
        if opens:
            self._opened_at, self._probing = self._clock(), False
        return opens

    def gave_up(self, permit: Permit) -> None:
        """Nobody waited for the answer, so nothing was learnt; another may probe."""
        if permit is Permit.PROBE:
            self._probing = False

    def _cooled(self, opened_at: float) -> bool:
        return self._clock() - opened_at >= self._cool_off_s


class Breakers:
    """One breaker for each name, alike, made when the name is first asked for."""

    def __init__(self, make: Callable[[], Breaker]) -> None:
        self._make = make
        self._breakers: dict[str, Breaker] = {}

    def __getitem__(self, name: str) -> Breaker:
        if name not in self._breakers:
            self._breakers[name] = self._make()
        return self._breakers[name]
