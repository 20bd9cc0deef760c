"""What every strategy has, and what it must say of itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from litellm_cascade.policy.options import Chooser, Kit
from litellm_cascade.policy.strict import Strict

Place = tuple[str, ...]
"""Keys below a strategy; ``*`` stands for every entry of a list or a mapping."""


class StrategyBase(Strict):
    """How to choose, written below ``choose:``.

    ``targets`` says where its aliases, cascades and routes stand, so that they can be looked up before it is known whether the rest is
    right. ``file`` names the key that names a file, and ``content`` what that file holds.
    """

    targets: ClassVar[tuple[Place, ...]] = (("candidates", "*"),)
    file: ClassVar[str | None] = None
    content: ClassVar[type[BaseModel] | None] = None

    strategy: str = Field(description="Which strategy.")

    @classmethod
    def weighed(cls, written: Mapping[str, Any]) -> tuple[str, ...]:
        """What must be known of each candidate: any of quality, cost, latency. ``written`` may have any shape."""
        del written
        return ()

    @classmethod
    def silent_on(cls, content: Any, alias: str) -> bool:
        """Whether the file says too little about a candidate for this to work."""
        del content, alias
        return False

    @abstractmethod
    def chooser(self, kit: Kit) -> Chooser:
        """Ready to run."""
