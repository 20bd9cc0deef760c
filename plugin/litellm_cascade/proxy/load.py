"""How busy the aliases are: LiteLLM's cooldowns, and our own count of calls under way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from litellm_cascade.vocabulary import Load

LONGEST_CALL_SECONDS = 600.0
"""A call that nobody reported the end of is counted no longer than this: LiteLLM's own default timeout."""


class InFlight:
    """Calls under way in this process, by alias."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: dict[str, dict[int, float]] = {}
        self._last = 0

    def began(self, alias: str) -> Callable[[], None]:
        """A call begins; call the result when it has ended, as often as you like."""
        self._last += 1
        number, calls = self._last, self._begun.setdefault(alias, {})
        calls[number] = self._clock()

        def ended() -> None:
            calls.pop(number, None)

        return ended

    def of(self, alias: str) -> int:
        """How many there are."""
        calls = self._begun.get(alias)
        if not calls:
            return 0
        while calls and self._clock() - calls[oldest := next(iter(calls))] > LONGEST_CALL_SECONDS:
            del calls[oldest]
        return len(calls)


def loads(router: Any, aliases: Iterable[str], in_flight: InFlight) -> dict[str, Load]:
    """The load of each alias. Looks at memory only, so it costs microseconds.

    A cooldown that another process of the proxy wrote to Redis counts once LiteLLM itself has read it, which it does when it chooses
    among the alias's deployments.
    """
    now = time.time()
    return {alias: _load(router, alias, in_flight.of(alias), now) for alias in aliases}


def _load(router: Any, alias: str, in_flight: int, now: float) -> Load:
    deployments = router.get_model_ids(alias) if router is not None else ()
    if not deployments:  # a wildcard, or another name for a group: which deployments it reaches is LiteLLM's to say
        return Load(in_flight=in_flight)
    available = sum(not _is_cooling_down(router, deployment, now) for deployment in deployments)
    return Load(cooling_down=available == 0, in_flight=in_flight, available=available)


def _is_cooling_down(router: Any, deployment: str, now: float) -> bool:
    cooldowns = router.cooldown_cache
    entry = cooldowns.in_memory_cache.get_cache(cooldowns.get_cooldown_cache_key(deployment))
    # What LiteLLM copied from Redis may be kept longer than it is true.
    return isinstance(entry, Mapping) and entry["timestamp"] + entry["cooldown_time"] > now
