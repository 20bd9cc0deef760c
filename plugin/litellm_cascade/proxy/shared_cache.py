"""A small memory of this process, and LiteLLM's Redis behind it where one is configured. Late or broken, it has nothing to say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from litellm.proxy import proxy_server

from litellm_cascade.classifiers.memory import Recent

LATE = "memory_late"
FAILED = "memory_failed"
MOST_WRITES = 256
"""Writes to the shared cache under way at one time; with more it is slower than the traffic, and further ones are left out."""


class Remote(Protocol):
    """The part of LiteLLM's ``RedisCache`` that is used."""

    async def async_batch_get_cache(self, key_list: list[str]) -> Mapping[str, Any]: ...

    async def async_set_cache(self, key: str, value: Any, *, ttl: int) -> Any: ...


def litellm_redis() -> Remote | None:
    """The Redis that LiteLLM's workers coordinate through; None where they have none."""
    router = proxy_server.llm_router
    found: Remote | None = proxy_server.redis_usage_cache or getattr(getattr(router, "cache", None), "redis_cache", None)
    return found


class SharedCache:
    """JSON values by key, for some seconds each. ``remote`` is asked for anew each time, since LiteLLM may replace it.

    ``now`` gives seconds since the epoch: of two values of a key the one written later counts, whoever wrote it.
    """

    def __init__(
        self,
        local: Recent[Any],
        *,
        within_ms: float,
        remote: Callable[[], Remote | None] = litellm_redis,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._local = local
        self._now = now
        self._within_s = within_ms / 1000
        self._remote = remote
        self._writing: set[asyncio.Task[None]] = set()

    async def get(self, keys: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What is known of the keys, and what went wrong."""
        known = {key: entry for key in keys if (entry := self._local.get(key)) is not None}
        shared, degraded = await self._shared(keys)
        for key, entry in shared.items():
            if key not in known or entry["at"] > known[key]["at"]:
                known[key] = entry
        return {key: entry["value"] for key, entry in known.items()}, degraded

    async def _shared(self, keys: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
        remote = self._remote()
        if remote is None:
            return {}, ()
        try:
            async with asyncio.timeout(self._within_s):
                found = await remote.async_batch_get_cache(list(keys))
        except TimeoutError:
            return {}, (LATE,)
        except Exception:  # noqa: BLE001 - whatever the client of a cache raises, a request can do without the cache
            return {}, (FAILED,)
        return {key: entry for key, entry in (found or {}).items() if isinstance(entry, dict) and {"at", "value"} <= entry.keys()}, ()

    def put(self, key: str, value: Any, *, seconds: float) -> None:
        """Here at once; in the shared cache as soon as it takes it, without anyone waiting."""
        entry, remote = {"at": self._now(), "value": value}, self._remote()
        self._local.put(key, entry, seconds=seconds)
        if remote is not None and len(self._writing) < MOST_WRITES:
            task = asyncio.ensure_future(_quietly(remote.async_set_cache(key, entry, ttl=max(1, int(seconds)))))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)


async def _quietly(write: Coroutine[Any, Any, Any]) -> None:
    try:
        await write
    except Exception:  # noqa: BLE001 - as above; LiteLLM has logged it
        return
