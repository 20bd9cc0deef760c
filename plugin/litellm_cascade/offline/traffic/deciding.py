"""Recorded requests, decided with a policy of today."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from litellm_cascade.offline.policy_files import from_here
from litellm_cascade.offline.records import decided_again
from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.pipeline import decide
from litellm_cascade.policy import Policy, load_policy, parse_policy
from litellm_cascade.policy.pool import Table, known_from
from litellm_cascade.vocabulary import AliasFacts, Decision

KEPT = 64
"""Policies compiled with different prices and limits, kept at once: a record has as many as LiteLLM's table had versions."""
_NO_ACCESS = "no_access:"

_Facts = frozenset[tuple[str, AliasFacts]]


class Decider:
    """One policy: a file, or another ``text`` in its place. A record's requests are decided with what was known of the aliases then:
    prices, context, modalities.
    """

    def __init__(self, file: Path, text: str | None = None) -> None:
        self.file, self._text = file, text
        self.policy = self._load(None)
        self._with: dict[_Facts, Policy] = {}

    @property
    def as_json(self) -> dict[str, str]:
        """Which policy it is."""
        return {"name": self.policy.name, "digest": self.policy.digest, "file": from_here(self.file)}

    def policy_for(self, item: Item) -> Policy:
        """The policy with what was known of the aliases when the request was recorded."""
        if item.record is None or not item.record.basis.aliases:
            return self.policy
        return self._with_facts(item.record.basis.aliases)

    def decide(self, item: Item) -> Decision:
        """What the policy decides now. The rungs that the caller may not call stay out; with the recorded policy, the ill ones too."""
        policy, record = self.policy_for(item), item.record
        if record is not None and policy.digest == record.plan.decision.digest:
            return decided_again(record, policy)
        return self.decide_anew(item)

    def decide_anew(self, item: Item) -> Decision:
        """As if every rung that the caller may call were well, also with the recorded policy."""
        policy, record = self.policy_for(item), item.record
        if record is None:
            return decide(policy, item.evidence)
        decision = decide(policy, item.evidence)
        refused = {reason.removeprefix(_NO_ACCESS) for reason in record.plan.decision.reasons if reason.startswith(_NO_ACCESS)}
        left = [alias for alias in decision.aliases if alias not in refused]
        return policy.limited_to(decision, left) if any(alias in left for alias in decision.ladder) else decision

    def _with_facts(self, facts: Mapping[str, AliasFacts]) -> Policy:
        key = frozenset(facts.items())
        if key not in self._with:
            if len(self._with) >= KEPT:
                self._with.clear()
            self._with[key] = self._load({alias: known_from(fact) for alias, fact in facts.items()})
        return self._with[key]

    def _load(self, table: Table | None) -> Policy:
        if self._text is None:
            return load_policy(self.file, table=table)
        return parse_policy(self._text, name=str(self.file), folder=self.file.parent, table=table)
