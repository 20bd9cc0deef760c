"""Budgets counted together by all workers and proxies, through the Redis that LiteLLM is configured with.

No request waits for it. Each process counts by itself, and once in a while hands on what it has counted and hears what others have: one
pipeline of atomic increments, in both directions. So a process knows of the others' escalations with a delay of one such interval.
Without a Redis, or while it is away, each process keeps to the limits by itself: a share of the requests stays the same share, an amount
of money may be spent once by each.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import litellm
from litellm._logging import verbose_proxy_logger
from litellm.caching.redis_cache import RedisCache
from litellm.proxy import proxy_server

from litellm_cascade.audit import metrics
from litellm_cascade.escalation import Budget, Budgets, ScopeKey

LOCAL = "budgets_local"
"""How it is called among degradations that a Redis is configured and cannot be reached."""
IN_USE_S, MOST_SHARED = 60.0, 1000
"""Only budgets that requests have asked lately are exchanged, so that a thousand idle users cost nothing."""
WITHIN_S = 1.0
"""A round trip that takes longer counts as failed; a request is not waiting for it."""
LATEST = 2
"""Buckets that others may still be adding to: the present one, and the one before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One counter: a bucket of a budget's series, and what to add to it."""

    budget: Budget
    series: str
    bucket: int
    amount: float
    key: str
    ttl_s: int


def redis_of_litellm() -> RedisCache | None:
    """The Redis that workers and proxies share: for coordination, for the answers' cache, or the router's own."""
    answers = litellm.cache.cache if litellm.cache is not None else None
    router = proxy_server.llm_router.cache.redis_cache if proxy_server.llm_router is not None else None
    return next((redis for redis in (proxy_server.redis_usage_cache, answers, router) if isinstance(redis, RedisCache)), None)


class Sharing:
    """Keeps ``budgets`` up to date. ``find_redis`` is asked each time: LiteLLM may be given a Redis later."""

    def __init__(self, budgets: Budgets, clock: Callable[[], float], find_redis: Callable[[], Any] = redis_of_litellm) -> None:
        self._budgets = budgets
        self._clock = clock
        self._find_redis = find_redis
        self._followed: dict[ScopeKey, Budget] = {}  # those whose whole window was read, and whose news were since

    async def keep_on(self, every_s: float) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(every_s)
            await self.once()

    async def once(self) -> None:
        """Hand on and hear, once. Raises nothing."""
        metrics.budgets_left(self._least_left())
        redis = self._find_redis()
        if redis is None:
            self._say(shared=False, degraded=())
            return
        try:
            await self._exchange(redis, self._budgets.in_use(within_s=IN_USE_S, most=MOST_SHARED))
        except Exception as error:  # noqa: BLE001 - whatever Redis or its client raises, requests go on with what is known
            if not self._budgets.degraded:
                verbose_proxy_logger.warning("cascade: budgets are counted by each process alone (%s)", type(error).__name__)
            self._say(shared=False, degraded=(LOCAL,))
            return
        self._say(shared=True, degraded=())

    async def _exchange(self, redis: Any, budgets: Mapping[ScopeKey, Budget]) -> None:
        shares = list(self._shares(budgets))
        increments = [{"key": share.key, "increment_value": share.amount, "ttl": share.ttl_s} for share in shares]
        totals = await asyncio.wait_for(redis.async_increment_pipeline(increment_list=increments), WITHIN_S)
        if totals is None or len(totals) != len(shares):
            raise ConnectionError("an answer that is none")
        heard: dict[int, tuple[Budget, dict[tuple[str, int], tuple[float, float]]]] = {}
        for share, total in zip(shares, totals, strict=True):
            heard.setdefault(id(share.budget), (share.budget, {}))[1][share.series, share.bucket] = (share.amount, total)
        for budget, news in heard.values():
            budget.heard(self._clock(), news)
        self._followed = dict(budgets)

    def _least_left(self) -> Mapping[tuple[str, str], float]:
        """By policy and limit: the least that any team, key or user has left."""
        least: dict[tuple[str, str], float] = {}
        for key, budget in self._budgets.all().items():
            name = key.policy, key.limit.name
            least[name] = min(least.get(name, 1.0), budget.remaining_ratio(self._clock()))
        return least

    def _shares(self, budgets: Mapping[ScopeKey, Budget]) -> Iterator[Share]:
        now = self._clock()
        for key, budget in budgets.items():
            for name, series in budget.series.items():
                window = series.buckets(now)
                unsent = {bucket: amount for bucket, amount in series.unsent() if bucket in window}
                # An increment by nothing reads what others have counted. A budget that is new here has a history there.
                for bucket in {*unsent, *(window[-LATEST:] if self._followed.get(key) is budget else window)}:
                    yield Share(
                        budget=budget,
                        series=name,
                        bucket=bucket,
                        amount=unsent.get(bucket, 0.0),
                        key=_name(key, name, bucket),
                        ttl_s=ceil(key.limit.over_s * 1.1) + 1,
                    )

    def _say(self, *, shared: bool, degraded: tuple[str, ...]) -> None:
        self._budgets.shared, self._budgets.degraded = shared, degraded


def _name(key: ScopeKey, series: str, bucket: int) -> str:
    """Of a length that does not depend on what teams and users are called. Window and scope are part of it, the limit's value is not."""
    scope = hashlib.sha256(f"{key.policy}\n{key.limit.name}\n{key.limit.over_s:g}\n{key.limit.per}\n{key.of}".encode()).hexdigest()[:32]
    return f"cascade:budget:{{{scope}}}:{series}:{bucket}"
