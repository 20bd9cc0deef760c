"""The ``limits:`` section of a policy."""

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import parse_policy
from litellm_cascade.vocabulary import Limit

POLICY = """\
version: 1
name: limited
models: {{small: {{tier: budget}}, large: {{tier: premium}}}}
routes: [{{name: all, cascade: [small, large], gate: sure}}]
gates: {{sure: {{accept_at: -0.35}}}}
limits: {limits}
"""


def limited(text):
    return parse_policy(POLICY.format(limits=text))


def test_limits_are_what_is_written():
    policy = limited("{escalation_rate: {at_most: 0.30, over: 10m, then: accept}, extra_spend: {usd: 5, over: 1h, per: team, then: large}}")
    assert policy.limits == (
        Limit(name="escalation_rate", at_most=0.3, over_s=600, per="policy", then="accept"),
        Limit(name="extra_spend", at_most=5.0, over_s=3600, per="team", then="large"),
    )


@pytest.mark.parametrize("text", ["null", "{}"])
def test_there_need_not_be_any(text):
    assert limited(text).limits == ()


def test_one_may_stand_alone():
    assert [limit.name for limit in limited("{extra_spend: {usd: 5, over: 7d}}").limits] == ["extra_spend"]


@pytest.mark.parametrize(("written", "seconds"), [("10s", 10), ("90s", 90), ("2m", 120), ("1h", 3600), ("7d", 604_800)])
def test_durations_have_a_unit(written, seconds):
    assert limited(f"{{extra_spend: {{usd: 5, over: {written}}}}}").limits[0].over_s == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{extra_spend: {usd: 5, over: 600}}", "over: must be text, not a number; write a number with its unit, e.g. 10m"),
        ("{extra_spend: {usd: 5, over: ten}}", "over: is 'ten'; write a whole number with its unit, e.g. 30s, 10m, 1h or 7d"),
        ("{extra_spend: {usd: 5, over: 1.5h}}", "over: is '1.5h'; write a whole number with its unit"),
        ("{extra_spend: {usd: 5, over: '10m\\n'}}", "write a whole number with its unit"),
        ("{extra_spend: {usd: 5, over: 9s}}", "over: is '9s'; write a time between 10s and 7d"),
        ("{extra_spend: {usd: 5, over: 8d}}", "over: is '8d'; write a time between 10s and 7d"),
        ("{extra_spend: {usd: -1, over: 1h}}", "usd: must be at least 0, not -1"),
        ("{extra_spend: {over: 1h}}", "usd: is missing; add it"),
        ("{escalation_rate: {at_most: 30, over: 1h}}", "at_most: must be at most 1, not 30"),
        ("{escalation_rate: {at_most: 0.3, over: 1h, per: customer}}", "per: is 'customer'; write 'policy', 'team', 'key' or 'user'"),
        ("{escalation_rate: {at_most: 0.3, over: 1h, then: refuse}}", "then: is 'refuse'; write 'accept' or 'large'"),
        ("{escalation: {at_most: 0.3, over: 1h}}", "limits.escalation: unknown key; did you mean 'escalation_rate'?"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(PolicyError) as raised:
        limited(text.replace("\\n", "\n"))
    assert said in str(raised.value)


def test_the_digest_knows_the_limit_and_not_how_its_duration_is_spelt():
    hour, minutes, longer = (limited(f"{{extra_spend: {{usd: 5, over: {over}}}}}").digest for over in ("1h", "60m", "2h"))
    assert hour == minutes != longer
    assert limited("{extra_spend: {usd: 6, over: 1h}}").digest != hour
