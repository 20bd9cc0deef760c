"""How a route chooses. One strategy, one file, one line here.

A strategy is a pydantic model of what is written below ``choose:`` that makes itself ready to run: ``chooser(kit)``. Each has a heading
in docs/policies.md, with its formula and an example.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from litellm_cascade.policy.strategies.base import StrategyBase
from litellm_cascade.policy.strategies.learned import Learned
from litellm_cascade.policy.strategies.multi_objective import MultiObjective
from litellm_cascade.policy.strategies.neighbours import Neighbours
from litellm_cascade.policy.strategies.per_caller import PerCaller
from litellm_cascade.policy.strategies.quality_first import QualityFirst
from litellm_cascade.policy.strategies.split import Split
from litellm_cascade.policy.strategies.thresholds import Thresholds
from litellm_cascade.policy.strategies.utility import Utility

Strategy = Annotated[
    Thresholds | Utility | MultiObjective | QualityFirst | Neighbours | Learned | Split | PerCaller,
    Field(discriminator="strategy"),
]

STRATEGIES: dict[str, type[StrategyBase]] = {
    get_args(strategy.model_fields["strategy"].annotation)[0]: strategy for strategy in get_args(get_args(Strategy)[0])
}
"""By name."""
