"""docs/cascade.md tells the truth about budgets and ill rungs."""

import re
from pathlib import Path

import pytest
import yaml

from litellm_cascade.audit import attributes
from litellm_cascade.escalation.budget import HEADROOM_SHARE, LEAST_HEADROOM, USUAL_HEADROOM, USUAL_SHARE
from litellm_cascade.escalation.pace import REMEMBERED
from litellm_cascade.policy import parse_policy
from litellm_cascade.proxy.settings import RungSettings, Settings
from litellm_cascade.proxy.sharing import IN_USE_S, LOCAL, MOST_SHARED
from litellm_cascade.vocabulary import CHOOSY_BELOW, BudgetLeft, Reason

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "cascade.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
POLICY = """
version: 1
name: documented
models: {small: {tier: budget}, large: {tier: premium}}
routes: [{name: all, cascade: [small, large], gate: sure}]
gates: {sure: {accept_at: -0.35}}
"""


@pytest.mark.parametrize("text", [TEXT, (DOCS / "policies.md").read_text(encoding="utf-8")], ids=["cascade", "policies"])
def test_the_limits_that_are_shown_load(text):
    (block,) = re.findall(r"```yaml\n(limits:.*?)```", text, re.DOTALL)
    assert [limit.name for limit in parse_policy(POLICY + block).limits] == ["escalation_rate", "extra_spend"]


def test_the_settings_that_are_shown_are_the_defaults():
    (block,) = (block for block in BLOCKS if "rungs:" in block)
    assert RungSettings(**yaml.safe_load(block)["callback_settings"]["cascade"]["rungs"]) == RungSettings()
    assert Settings().budget_sync_seconds == 1


def test_the_numbers_that_are_told_are_the_ones_in_use():
    assert (LEAST_HEADROOM, USUAL_HEADROOM, USUAL_SHARE, HEADROOM_SHARE) == (5, 20, 0.1, 0.02)
    assert (CHOOSY_BELOW, REMEMBERED, IN_USE_S, MOST_SHARED) == (0.5, 100, 60, 1000)


def test_what_can_be_searched_for_is_named_as_it_is():
    bands = [BudgetLeft(limit="", remaining_ratio=ratio).band for ratio in (1, 0.1, 0)]
    names = [*bands, attributes.BUDGET, attributes.BUDGET_LIMIT, LOCAL, Reason.OVER_BUDGET.value, Reason.RUNG_OPEN.value]
    assert [name for name in names if name not in TEXT] == []
