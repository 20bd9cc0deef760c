"""The ``privacy:`` section of a policy."""

import re

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import Capacity, Known, Price, parse_policy
from litellm_cascade.policy.pool import known_from
from litellm_cascade.vocabulary import AliasFacts

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
    assert (rule.record_prompts, rule.share, rule.keeps("1")) == ("never", "no", False)


def test_always_is_always():
    rule = privacy("record_prompts: always")
    assert (rule.share, [rule.keeps(f"{seed}") for seed in range(50)]) == ("all", [True] * 50)


def test_a_sample_is_drawn_by_chance_and_again_in_the_same_way():
    rule = privacy("record_prompts: sampled, sampled_share: 0.25")
    drawn = [rule.keeps(f"{seed}") for seed in range(2000)]
    assert 400 < sum(drawn) < 600
    assert drawn == [rule.keeps(f"{seed}") for seed in range(2000)]
    assert rule.share == "0.25 of all"


def test_keeping_texts_makes_another_policy():
    assert parse_policy(POLICY).digest != parse_policy(f"{POLICY}privacy: {{record_prompts: always}}\n").digest


@pytest.mark.parametrize("written", ["record_prompts: true", "record_prompts: sampled, sampled_share: 0", "record_texts: always"])
def test_a_mistake_is_refused(written):
    with pytest.raises(PolicyError):
        privacy(written)


def test_a_policy_knows_what_it_was_told_of_each_alias():
    table = Known(
        price=Price(input_usd_per_million=5, output_usd_per_million=6),
        capacity=Capacity(context_tokens=1000, output_tokens=100, modalities=frozenset({"text"}), tools=False),
    )
    assert parse_policy(POLICY).facts == {
        "small": AliasFacts(input_usd_per_million=1.0, output_usd_per_million=2.0),
        "large": AliasFacts(),
    }
    known = parse_policy(POLICY, table={"small": table, "large": table}).facts
    assert known["small"].input_usd_per_million == 1.0
    assert known["large"] == AliasFacts(
        input_usd_per_million=5,
        output_usd_per_million=6,
        context_tokens=1000,
        output_tokens=100,
        modalities=frozenset({"text"}),
        tools=False,
    )
    assert known_from(known["large"]) == table
    assert known_from(AliasFacts()) == Known()


def test_other_prices_are_another_price_table_and_nothing_else_is():
    def version(text=POLICY, **table):
        return parse_policy(text, table=table).price_table

    price, dearer = (Price(input_usd_per_million=5, output_usd_per_million=output) for output in (6, 7))
    assert version() == version(small=Known(price=price)), "the policy's own price counts"
    assert version(large=Known(price=price)) == version(large=Known(price=price, capacity=Capacity(tools=False)))
    assert len({version(), version(large=Known(price=price)), version(large=Known(price=dearer))}) == 3
    assert re.fullmatch(r"sha256:[0-9a-f]{16}", version())
