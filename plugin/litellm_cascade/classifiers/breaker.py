"""When to stop asking something that keeps failing, and when to try again. Pure but for the clock it is given."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Permit(Enum):
    """The answer to "may I ask now?"."""

    REFUSED = "refused"
    CALL = "call"
    PROBE = "probe"  # the one call that finds out whether it works again


class Breaker:
    """Closed until ``failures_to_open`` failures in a row, then open for ``cool_off_s`` seconds, then half open: one probe decides.

    ``clock`` returns seconds that never go back.
    """

    def __init__(self, *, failures_to_open: int, cool_off_s: float, clock: Callable[[], float]) -> None:
        self._failures_to_open = failures_to_open
        self._cool_off_s = cool_off_s
        self._clock = clock
        self._failures = 0
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
        """It works. Closes the breaker, unless this call began before it opened: old news."""
        if self._opened_at is None or permit is Permit.PROBE:
            self._failures, self._opened_at, self._probing = 0, None, False

    def failed(self, permit: Permit) -> bool:
        """It does not. True when this very failure opened the breaker, or kept it open after a probe."""
        self._failures += 1
        opens = permit is Permit.PROBE or (self._opened_at is None and self._failures >= self._failures_to_open)
        if opens:
            self._opened_at, self._probing = self._clock(), False
        return opens

    def gave_up(self, permit: Permit) -> None:
        """Nobody waited for the answer, so nothing was learnt; another may probe."""
        if permit is Permit.PROBE:
            self._probing = False

    def _cooled(self, opened_at: float) -> bool:
        return self._clock() - opened_at >= self._cool_off_s
