"""Which rungs one request may ask: not those whose breaker is open. (Aliases whose deployments all cool down the policy leaves out.)"""

from __future__ import annotations

from litellm_cascade.breaker import Breakers, Permit


class RungPermits:
    """The permits one request holds. Whatever it was given is settled by ``ended``, or given back by ``release``."""

    def __init__(self, breakers: Breakers) -> None:
        self._breakers = breakers
        self._held: dict[str, Permit] = {}

    def admits(self, alias: str) -> bool:
        """Whether a rung may be asked; then its permit is held, and it may be the one probe of a rung that was ill."""
        if alias in self._held:
            return True
        permit = self._breakers[alias].ask()
        if permit is not Permit.REFUSED:
            self._held[alias] = permit
        return permit is not Permit.REFUSED

    def ended(self, alias: str, *, failed: bool | None) -> bool:
        """A rung that was asked, with leave or without, has answered or failed (None: nobody waited). True when it is now left alone."""
        breaker, permit = self._breakers[alias], self._held.pop(alias, Permit.CALL)
        if failed:
            return breaker.failed(permit)
        if failed is None:
            breaker.gave_up(permit)
        else:
            breaker.succeeded(permit)
        return False

    def release(self) -> None:
        """The request is over: rungs that it did not ask may be probed by another."""
        while self._held:
            alias, permit = self._held.popitem()
            self._breakers[alias].gave_up(permit)
