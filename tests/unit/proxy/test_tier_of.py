from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.errors import StartupError
from litellm_cascade.proxy.settings import read_settings
from litellm_cascade.proxy.tier_classifier import tier_of
from litellm_cascade.vocabulary import UNCLASSIFIED, Classification

cuts = st.dictionaries(st.sampled_from(["SIMPLE", "MEDIUM", "COMPLEX", "REASONING", "mine"]), st.floats(0, 1), min_size=1)


@given(cuts, st.floats(0, 1), st.floats(0, 1))
def test_a_harder_request_never_gets_a_lower_tier(from_complexity, one, other):
    easier, harder = (tier_of(Classification(complexity=c), from_complexity) for c in sorted((one, other)))
    assert {easier, harder} <= set(from_complexity)
    assert from_complexity[easier] <= from_complexity[harder]


@given(cuts)
def test_nothing_known_is_no_tier(from_complexity):
    assert tier_of(replace(UNCLASSIFIED, label="SIMPLE"), from_complexity) is None


@given(cuts, st.floats(0, 1))
def test_a_label_that_names_a_tier_is_that_tier(from_complexity, complexity):
    for tier in from_complexity:
        assert tier_of(Classification(complexity=complexity, label=tier.lower()), from_complexity) == tier


def test_the_tiers_of_the_settings_are_litellms():
    assert [tier_of(Classification(complexity=c), read_settings({}).tiers) for c in (0.0, 0.3, 0.6, 0.9)] == [
        "SIMPLE",
        "MEDIUM",
        "COMPLEX",
        "REASONING",
    ]


@pytest.mark.parametrize(
    ("tiers", "said"), [({}, "callback_settings.cascade.tiers: dictionary"), ({"SIMPLE": 2}, "tiers.SIMPLE: input sh")]
)
def test_tiers_that_cannot_be_are_named(tiers, said):
    with pytest.raises(StartupError, match=said):
        read_settings({"tiers": tiers})
