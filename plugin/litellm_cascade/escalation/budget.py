"""Keeping escalations inside a policy's limits, without a hard end: the less is left, the less confident an answer must be to go on.

Both budgets say what is left as a ratio. While half of it or more is left, every escalation that a gate asks for is granted. Below that,
the share that is granted falls in proportion, the least confident first (``pace.Pace``): escalating slows down until it equals what the
window gives back, so the end of a window is not starved. With nothing left, none is granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from litellm_cascade.escalation.window import SharedSum
from litellm_cascade.vocabulary import CHOOSY_BELOW, Limit

LEAST_HEADROOM, USUAL_HEADROOM = 5.0, 20.0
"""Escalations that may come early, in any window and in one of 200 requests or more: chance alone brings prompts of a kind together."""
HEADROOM_SHARE, USUAL_SHARE = 0.02, 0.1
"""The headroom against the window's requests: 2 % where they are many, 10 % until it has grown to the usual one."""

News = Mapping[tuple[str, int], tuple[float, float]]
"""By series and bucket: what this process has just shared of it, and the total over all processes."""


class Budget(Protocol):
    """One limit, for one scope. Times are seconds since the epoch."""

    limit: Limit
    series: Mapping[str, SharedSum]

    def arrived(self, now: float, *, asks: bool) -> None:
        """A request's first answer has been judged: a gate asks for its escalation, or does not."""

    def took(self, now: float, *, first: bool, expected_usd: float | None) -> float:
        """An escalation is under way, ``first`` of its request. The USD it is booked with."""

    def billed(self, now: float, *, booked_usd: float, usd: float) -> None:
        """What escalations that were booked with ``booked_usd`` have cost."""

    def granted_share(self, now: float, *, first: bool, expected_usd: float | None) -> float:
        """The share of those who ask now that may be granted; 0 when one more is too many."""

    def remaining_ratio(self, now: float) -> float:
        """What is left, 0 to 1; 0 where one more is too many."""

    def heard(self, now: float, news: News) -> None:
        """What other processes have counted."""


class RateBudget:
    """``escalation_rate``: a share of the requests that were judged.

    A token bucket: each request puts in ``at_most``, its first escalation takes 1, and it holds no more than the headroom. So of any n
    requests in a row, ``at_most * n + headroom`` or fewer are granted an escalation. Escalations that had to be, because there was no
    answer to keep, are taken too; a debt of more than one headroom is forgiven, so that an outage is not paid for all day.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._requests, self._asked = SharedSum(limit.over_s), SharedSum(limit.over_s)
        self._escalations = SharedSum(limit.over_s)
        self.series: Mapping[str, SharedSum] = {"requests": self._requests, "asked": self._asked, "escalations": self._escalations}
        self._tokens = LEAST_HEADROOM

    def arrived(self, now: float, *, asks: bool) -> None:
        """Puts ``at_most`` into the bucket; the first request after a window without any finds it full."""
        if self._requests.total(now) == 0:
            self._tokens = LEAST_HEADROOM
        self._requests.add(now, 1.0)
        self._asked.add(now, float(asks))
        self._move(now, self.limit.at_most)

    def took(self, now: float, *, first: bool, expected_usd: float | None) -> float:  # noqa: ARG002 - a rate has no price
        """Only a request's first escalation counts: the share is one of requests."""
        if first:
            self._escalations.add(now, 1.0)
            self._move(now, -1.0)
        return 0.0

    def billed(self, now: float, *, booked_usd: float, usd: float) -> None:
        """A rate has no bill."""

    def granted_share(self, now: float, *, first: bool, expected_usd: float | None) -> float:  # noqa: ARG002
        """All, while the gates themselves ask for no larger a share than is allowed; else by what is left."""
        if not first:
            return 1.0
        left = self.remaining_ratio(now)
        if left and self._asked.total(now) <= self.limit.at_most * self._requests.total(now):
            return 1.0
        return min(1.0, left / CHOOSY_BELOW)

    def remaining_ratio(self, now: float) -> float:
        """Tokens against headroom; less than one token is none."""
        return min(1.0, self._tokens / self._headroom(now)) if self._tokens >= 1.0 else 0.0

    def heard(self, now: float, news: News) -> None:
        """The requests of others fill the bucket and their escalations empty it, in one move: else the filling would run over."""
        worth = {"requests": self.limit.at_most, "asked": 0.0, "escalations": -1.0}
        self._move(now, sum(worth[name] * self.series[name].heard(bucket, *shared) for (name, bucket), shared in news.items()))

    def _move(self, now: float, tokens: float) -> None:
        headroom = self._headroom(now)
        self._tokens = max(-headroom, min(headroom, self._tokens + tokens))

    def _headroom(self, now: float) -> float:
        requests = self._requests.total(now)
        return max(LEAST_HEADROOM, HEADROOM_SHARE * requests, min(USUAL_HEADROOM, USUAL_SHARE * requests))


class SpendBudget:
    """``extra_spend``: what escalations cost over the window, in USD.

    An escalation is booked with what it is expected to cost (the pool's estimate, else what the last one cost), and corrected once its
    bill is known: many at the same time do not overlook each other.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._spent = SharedSum(limit.over_s)
        self.series: Mapping[str, SharedSum] = {"usd": self._spent}
        self._last_usd = 0.0

    def arrived(self, now: float, *, asks: bool) -> None:
        """Requests are free."""

    def took(self, now: float, *, first: bool, expected_usd: float | None) -> float:  # noqa: ARG002
        """Every escalation is booked, also a request's second."""
        booked_usd = self._expected(expected_usd)
        self._spent.add(now, booked_usd)
        return booked_usd

    def billed(self, now: float, *, booked_usd: float, usd: float) -> None:
        """Corrects what was booked."""
        self._spent.add(now, usd - booked_usd)
        self._last_usd = usd

    def granted_share(self, now: float, *, first: bool, expected_usd: float | None) -> float:  # noqa: ARG002
        """By what is left."""
        if self._spent.total(now) + self._expected(expected_usd) > self.limit.at_most:
            return 0.0
        return min(1.0, self.remaining_ratio(now) / CHOOSY_BELOW)

    def remaining_ratio(self, now: float) -> float:
        """What has not been spent, against the limit."""
        left_usd = max(0.0, self.limit.at_most - self._spent.total(now))
        return left_usd / self.limit.at_most if left_usd else 0.0

    def heard(self, now: float, news: News) -> None:  # noqa: ARG002
        """What others spent is gone for all."""
        for (name, bucket), shared in news.items():
            self.series[name].heard(bucket, *shared)

    def _expected(self, expected_usd: float | None) -> float:
        return self._last_usd if expected_usd is None else expected_usd


def budget_for(limit: Limit) -> Budget:
    """A budget that nothing has been taken of."""
    return RateBudget(limit) if limit.name == "escalation_rate" else SpendBudget(limit)
