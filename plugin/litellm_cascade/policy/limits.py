"""The ``limits:`` section: how often, and for how much money, answers may be escalated."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from litellm_cascade.policy.durations import Duration, seconds_of
from litellm_cascade.policy.strict import Strict
from litellm_cascade.vocabulary import Limit


class LimitRule(Strict):
    """Over which time and for whom a limit counts, and what becomes of an answer that would go beyond it."""

    over: Duration = Field(description="The sliding window, e.g. 30s, 10m, 1h or 7d.")
    per: Literal["policy", "team", "key", "user"] = Field(
        default="policy", description="Whose escalations are counted together: all of the policy's, or those of each team, key or user."
    )
    then: Literal["accept", "large"] = Field(
        default="accept",
        description="Over the limit: keep the smaller answer (`accept`), or send new requests to the last rung without asking the smaller "
        "ones (`large`).",
    )


class RateRule(LimitRule):
    """A share of the requests that are cascaded."""

    at_most: float = Field(ge=0, le=1, description="The largest share of cascaded requests that may go beyond the first rung, 0 to 1.")


class SpendRule(LimitRule):
    """An amount of money."""

    usd: float = Field(ge=0, description="The most that rungs beyond the first may cost, in USD.")


class LimitsRule(Strict):
    """Each limit counts by itself; an escalation needs the leave of all."""

    escalation_rate: RateRule | None = Field(default=None, description="How large a share of the requests may be escalated.")
    extra_spend: SpendRule | None = Field(default=None, description="How much escalations may cost.")

    def named(self) -> tuple[Limit, ...]:
        """The limits as the cascade uses them."""
        rate, spend = self.escalation_rate, self.extra_spend
        return (
            *([_limit("escalation_rate", rate.at_most, rate)] if rate is not None else ()),
            *([_limit("extra_spend", spend.usd, spend)] if spend is not None else ()),
        )


def _limit(name: str, at_most: float, rule: LimitRule) -> Limit:
    return Limit(name=name, at_most=at_most, over_s=seconds_of(rule.over), per=rule.per, then=rule.then)
