"""The ``privacy:`` section: whether what was said is kept."""

from __future__ import annotations

from random import Random
from typing import Literal

from pydantic import Field

from litellm_cascade.policy.strict import Strict


class PrivacyRule(Strict):
    """Whether prompts and answers go into the decision record. They never go anywhere else."""

    record_prompts: Literal["never", "sampled", "always"] = Field(
        default="never", description="Whether the decision record holds the prompts and answers of this policy's requests."
    )
    sampled_share: float = Field(default=0.01, gt=0, le=1, description="Of `sampled`: the share of requests, chosen by chance.")

    def keeps(self, drawn_by: str) -> bool:
        """Whether a request's texts are kept. The same ``drawn_by`` always draws the same."""
        if self.record_prompts == "sampled":
            return Random(drawn_by).random() < self.sampled_share
        return self.record_prompts == "always"

    @property
    def share(self) -> str:
        """Of how many requests, in words."""
        return {"never": "no", "sampled": f"{self.sampled_share:.4g} of all", "always": "all"}[self.record_prompts]
