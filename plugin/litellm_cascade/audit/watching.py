"""Callers whose requests end at dear models far more often than other callers' do: their work is hard, or their prompts pretend to be.

A prompt can be written to look hard (arXiv 2501.01818). One such prompt cannot be told from an honest one; many of one key can. For each
policy and key this is a sequential test of the hypothesis that each of the key's requests is dear with at most ``TOLERATED`` times the
share that the policy's other keys had until then: the likelihood ratio against a share halfway between that and 1, begun anew whenever it
speaks for the hypothesis (a CUSUM). As an e-detector it is above ``1 / FALSE_ALARMS`` for the first time after ``1 / FALSE_ALARMS``
requests or more on average, whatever the shares were (Shin, Ramdas and Rinaldo, arXiv 2203.03532).
"""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import Counter

from litellm_cascade.vocabulary import Band, Outcome, Plan, Reason

TOLERATED = 2.0
"""How many times the others' share a key may have."""
FALSE_ALARMS = 1e-6
"""For each request: how often a key within what is tolerated is spoken of at the most, on average."""
SPOKEN_OF_S = 24 * 3600.0
"""For how long. Then the test of the key begins anew."""
FEWEST_OTHERS = 100
"""Requests of other keys to compare with; below that nothing is said."""
LEAST_SHARE, MOST_SHARE = 0.05, 0.95
"""What is tolerated at least, and at most: a rare event is no habit, and of a share near 1 nobody can have twice as much."""
REMEMBERED = 2_000
"""Requests of a policy: beyond that older ones count half, so that a change that all keys see is soon what is usual."""
MOST_KEYS = 10_000
"""Keys, of all policies, that are kept; the one that asked longest ago goes first."""

UNUSUAL = "unusual_escalations"
"""The word for it on the span and in the record of a dear request of such a key, among what was not as it should be."""
ANOMALIES = Counter("cascade_escalation_anomalies", "Keys whose requests went to dear models far more often than others'", ["policy"])
NOT_THE_PROMPTS = ("rung_open", "over_budget")
"""Degradations that make every caller's requests dear."""

SENTENCE = (
    "cascade: requests of the key with the hash %s go to dear models more than %g times as often as those of other keys (policy %s): look "
    "at them in the decision record; where they are not what the key is for, limit its escalations in the policy"
)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """How many requests, and how many of them were dear; fractions, as older ones count less."""

    asked: float = 0.0
    dear: float = 0.0

    def add(self, *, dear: bool) -> None:
        """One more."""
        self.asked += 1
        self.dear += dear

    def halve(self) -> None:
        """What was counted so far counts half from now on."""
        self.asked, self.dear = self.asked / 2, self.dear / 2


@dataclass(slots=True)
class Key:
    """One key of one policy."""

    tally: Tally = field(default_factory=Tally)
    log_ratio: float = 0.0
    spoken_of_until: float | None = None


class EscalationWatch:
    """Told of each request that is over. Of one process: each worker sees its share of a key's requests."""

    def __init__(self, *, false_alarms: float = FALSE_ALARMS, clock: Callable[[], float] = time.monotonic) -> None:
        self._alarm_at = -math.log(false_alarms)
        self._clock = clock
        self._policies: dict[str, Tally] = {}
        self._keys: OrderedDict[tuple[str, str], Key] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keys)

    def ended(self, plan: Plan, outcome: Outcome) -> tuple[str, ...]:
        """``UNUSUAL`` where this is a dear request of a key that has too many of them."""
        policy, name = plan.decision.policy, plan.evidence.caller.key_hash
        if name is None or not _says_something(outcome):
            return ()
        dear = is_dear(plan, outcome)
        key, total = self._key(policy, name), self._total(policy)
        if key.spoken_of_until is None:
            self._test(key, total, policy, name, dear=dear)
        for tally in (key.tally, total):
            tally.add(dear=dear)
        if total.asked > REMEMBERED:
            self._age(policy)
        return (UNUSUAL,) if dear and key.spoken_of_until is not None else ()

    def _total(self, policy: str) -> Tally:
        if policy not in self._policies:
            self._policies[policy] = Tally()
            ANOMALIES.labels(policy)  # from 0, or Prometheus would not see the first one as an increase
        return self._policies[policy]

    def _key(self, policy: str, name: str) -> Key:
        key = self._keys.setdefault((policy, name), Key())
        self._keys.move_to_end((policy, name))
        if len(self._keys) > MOST_KEYS:
            self._keys.popitem(last=False)
        if key.spoken_of_until is not None and self._clock() >= key.spoken_of_until:
            key.spoken_of_until, key.log_ratio = None, 0.0
        return key

    def _test(self, key: Key, total: Tally, policy: str, name: str, *, dear: bool) -> None:
        others, others_dear = total.asked - key.tally.asked, total.dear - key.tally.dear
        if others < FEWEST_OTHERS:
            return
        key.log_ratio = max(0.0, key.log_ratio) + evidence(tolerated_share(others_dear / others), dear=dear)
        if key.log_ratio >= self._alarm_at:
            key.spoken_of_until = self._clock() + SPOKEN_OF_S
            ANOMALIES.labels(policy).inc()
            _log.warning(SENTENCE, name, TOLERATED, policy)

    def _age(self, policy: str) -> None:
        for of, key in self._keys.items():
            if of[0] == policy:
                key.tally.halve()
        self._policies[policy].halve()


def tolerated_share(of_others: float) -> float:
    """What share of a key's requests may be dear, by that of the others' requests."""
    return min(max(TOLERATED * of_others, LEAST_SHARE), MOST_SHARE)


def evidence(tolerated: float, *, dear: bool) -> float:
    """The logarithm of the likelihood ratio of one request: of a share halfway to 1, against the one tolerated."""
    suspected = (1 + tolerated) / 2
    return math.log(suspected / tolerated) if dear else math.log((1 - suspected) / (1 - tolerated))


def is_dear(plan: Plan, outcome: Outcome) -> bool:
    """The large model was asked because of the prompt or of the answer to it."""
    return outcome.escalated or plan.decision.band is Band.LARGE


def _says_something(outcome: Outcome) -> bool:
    """Of the prompt: not where a model failed or was late, was ill, or a limit was reached."""
    if not outcome.attempts or any(entry.startswith(NOT_THE_PROMPTS) for entry in outcome.degraded):
        return False
    first = outcome.attempts[0]
    return first.error is None and (first.judgement is None or first.judgement.reason not in {Reason.ERROR, Reason.TIMEOUT})
