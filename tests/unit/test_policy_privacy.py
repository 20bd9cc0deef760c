"""The ``privacy:`` section of a policy."""

from random import Random

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import Price, parse_policy

POLICY = """\
version: 1
name: p
models:
  small: {tier: budget, price: {input_usd_per_million: 1, output_usd_per_million: 2}}
  large: {tier: premium}
routes: [{name: all, send: small}]
"""


def privacy(written):
    return parse_policy(f"{POLICY}privacy: {{{written}}}\n").document.privacy


def test_without_the_section_no_text_is_kept():
    rule = parse_policy(POLICY).document.privacy
    assert (rule.record_prompts, rule.share, rule.keeps(Random(1))) == ("never", "no", False)


def test_always_is_always():
    rule = privacy("record_prompts: always")
    assert (rule.share, [rule.keeps(Random(seed)) for seed in range(50)]) == ("all", [True] * 50)


def test_a_sample_is_drawn_by_chance_and_again_in_the_same_way():
    rule = privacy("record_prompts: sampled, sampled_share: 0.25")
    drawn = [rule.keeps(Random(seed)) for seed in range(2000)]
    assert 400 < sum(drawn) < 600
    assert drawn == [rule.keeps(Random(seed)) for seed in range(2000)]
    assert rule.share == "0.25 of all"


def test_keeping_texts_makes_another_policy():
    assert parse_policy(POLICY).digest != parse_policy(f"{POLICY}privacy: {{record_prompts: always}}\n").digest


@pytest.mark.parametrize("written", ["record_prompts: true", "record_prompts: sampled, sampled_share: 0", "record_texts: always"])
def test_a_mistake_is_refused(written):
    with pytest.raises(PolicyError):
        privacy(written)


def test_the_prices_of_a_policy_are_its_own_else_those_of_the_table():
    table = Price(input_usd_per_million=5, output_usd_per_million=6)
    assert parse_policy(POLICY).prices == {"small": (1.0, 2.0)}
    assert parse_policy(POLICY, prices={"small": table, "large": table}).prices == {"small": (1.0, 2.0), "large": (5.0, 6.0)}
