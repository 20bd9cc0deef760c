"""The figures of a report, gathered from a stream of recorded requests. Sums, counts and eight bytes a latency: no request stays in memory.

Escalations, by what callers said of the answers they were served, and by the calibrated probability p that the draft was right:

- rescued: an escalated request whose answer is rated right, as far as the draft was wrong: the sum of 1 - p
- wasted: an escalated request whose draft was right: the sum of p
- missed: an accepted answer that is rated wrong

Where the gate has no calibration of that (none, or one of the event ``no_worse``) nobody knows of a draft that was never shown: rescued
is then at most the escalated answers rated right.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from litellm_cascade.offline.traffic.items import Item
from litellm_cascade.offline.traffic.profile import Profile
from litellm_cascade.offline.traffic.resampling import Resampled
from litellm_cascade.offline.wilson import widened
from litellm_cascade.vocabulary import RIGHT, AliasFacts, AuditRecord, Band

ALL = "all"
NOBODY = "nobody"
CACHE = "(response cache)"
CLASSIFIER = "(classifier)"
_COLUMNS = ("n", "priced", "actual_usd", "large_usd", "rated", "right")
_AT = {name: index for index, name in enumerate(_COLUMNS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its 95 % interval, of ``n`` requests."""

    value: float
    low: float
    high: float
    n: int


@dataclass(slots=True, kw_only=True)
class Escalations:
    """Counts of cascaded requests. ``drafts_known``: the escalated requests whose draft has a calibrated probability."""

    cascaded: int = 0
    escalated: int = 0
    drafts_known: int = 0
    wasted: float = 0.0
    rated_escalated: int = 0
    right_escalated: int = 0
    rescued: float = 0.0
    rescued_of: int = 0  # escalated, rated, and the draft's probability known
    rated_accepted: int = 0
    missed: int = 0


@dataclass(slots=True, kw_only=True)
class Priced:
    """An alias's prices, and since when the record has them."""

    facts: AliasFacts
    since: str
    changed: bool = False


class Gathered:
    """What a period came to."""

    def __init__(self, *, draws: int, seed: int) -> None:
        self.n = 0
        self.first = self.last = ""
        self.served: Counter[str] = Counter()
        self.cost_by_alias: defaultdict[str, float] = defaultdict(float)
        self.policies: Counter[str] = Counter()
        self.degraded: Counter[str] = Counter()
        self.first_token_ms: defaultdict[str, array[float]] = defaultdict(_numbers)
        self.took_ms: defaultdict[str, array[float]] = defaultdict(_numbers)
        self.escalations = Escalations()
        self.prices: dict[str, Priced] = {}
        self.profile = Profile()
        self._sums = Resampled(len(_COLUMNS), draws=draws, seed=seed)

    def add(self, item: Item) -> None:
        """One request of the decision record."""
        record, at = item.record, item.at or ""
        if record is None:
            return
        branch, outcome = branch_of(record), record.outcome
        self.n += 1
        self.first, self.last = min(self.first or at, at), max(self.last, at)
        self.served[outcome.answered_by(cache=CACHE, nobody=NOBODY)] += 1
        self.policies[f"{record.plan.decision.policy} {record.plan.decision.digest[:19]}"] += 1
        self.degraded.update(entry.partition(":")[0] for entry in {*record.plan.decision.degraded, *outcome.degraded})
        self.profile.add(item)
        self._sum(item, record, branch)
        self._time(record, branch)
        self._escalated(item, record)
        self._priced(record, at)

    @property
    def paid(self) -> list[str]:
        """Whoever answered, the most frequent first, then whoever only cost something."""
        return [*dict.fromkeys([*(alias for alias, _ in self.served.most_common()), *sorted(self.cost_by_alias)])]

    def savings(self) -> Interval | None:
        """The share of always asking the largest alias that was not spent, over the requests of which both costs are known."""
        ratio = self._sums.ratio(ALL, _AT["actual_usd"], _AT["large_usd"]) if self.n else None
        if ratio is None:
            return None
        value, low, high = ratio
        return Interval(value=1 - value, low=1 - high, high=1 - low, n=round(self.total("priced")))

    def quality(self, group: str = ALL) -> Interval | None:
        """The share of rated answers that are right."""
        ratio = self._sums.ratio(group, _AT["right"], _AT["rated"]) if group in self._sums.groups else None
        if ratio is None:
            return None
        value, n = ratio[0], round(self.total("rated", group))
        low, high = widened(*ratio, n)
        return Interval(value=value, low=float(low), high=float(high), n=n)

    def total(self, column: str, group: str = ALL) -> float:
        """The sum of a column."""
        return self._sums.total(group, _AT[column]) if group in self._sums.groups else 0.0

    @property
    def branches(self) -> list[str]:
        """The ways that requests took, the most frequent first."""
        groups = [str(group) for group in self._sums.groups if group != ALL]
        return sorted(groups, key=lambda group: -self.total("n", group))

    def _sum(self, item: Item, record: AuditRecord, branch: str) -> None:
        actual, large = record.costs.actual_usd, record.costs.all_large_usd
        costs = (1.0, actual, large) if actual is not None and large is not None else (0.0, 0.0, 0.0)
        right = item.correct.get(record.outcome.alias or "")
        rated = (0.0, 0.0) if right is None else (1.0, right)
        self._sums.add([ALL, branch], [1.0, *costs, *rated])
        for alias, spent in _spent(record):
            self.cost_by_alias[alias] += spent

    def _time(self, record: AuditRecord, branch: str) -> None:
        if record.outcome.first_token_ms is not None:
            self.first_token_ms[branch].append(record.outcome.first_token_ms)
        elif not record.plan.evidence.envelope.stream:
            self.took_ms[branch].append(record.took_ms)

    def _escalated(self, item: Item, record: AuditRecord) -> None:
        if record.plan.decision.band is not Band.CASCADE:
            return
        counts, right = self.escalations, item.correct.get(record.outcome.alias or "")
        counts.cascaded += 1
        if not record.outcome.escalated:
            counts.rated_accepted += right is not None
            counts.missed += right is not None and right < 0.5  # noqa: PLR2004 - more wrong than right
            return
        draft = _draft(record)
        counts.escalated += 1
        counts.rated_escalated += right is not None
        counts.right_escalated += bool(right)
        if draft is not None:
            counts.drafts_known += 1
            counts.wasted += draft
            if right is not None:
                counts.rescued_of += 1
                counts.rescued += right * (1 - draft)

    def _priced(self, record: AuditRecord, at: str) -> None:
        for alias, facts in record.basis.aliases.items():
            before = self.prices.get(alias)
            if before is None or _price(before.facts) != _price(facts):
                self.prices[alias] = Priced(facts=facts, since=at, changed=before is not None)


def branch_of(record: AuditRecord) -> str:
    """The way a request took, in words."""
    band, outcome = record.plan.decision.band, record.outcome
    if outcome.alias is None:
        return "not answered"
    if band is Band.CASCADE:
        return "cascade, escalated" if outcome.escalated else "cascade, accepted"
    return f"{outcome.alias} alone" if band is not Band.ENSEMBLE else band.value


def quantiles(values: array[float]) -> tuple[float, float]:
    """p50 and p95."""
    low, high = np.quantile(np.frombuffer(values, dtype=np.float64), (0.5, 0.95))
    return float(low), float(high)


def _spent(record: AuditRecord) -> Iterator[tuple[str, float]]:
    """Which alias cost what. Where that is not known of every one that was asked, all of it is the serving alias's."""
    actual, costs = record.costs.actual_usd or 0.0, [attempt.cost_usd for attempt in record.outcome.attempts]
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) < len(costs):
        yield record.outcome.answered_by(cache=CACHE, nobody=NOBODY), actual
        return
    yield from zip((attempt.alias for attempt in record.outcome.attempts), known, strict=True)
    if record.costs.classifier_usd:
        yield CLASSIFIER, record.costs.classifier_usd


def _draft(record: AuditRecord) -> float | None:
    """The calibrated probability that the first draft was right; None where the calibration says another thing of it."""
    gate, attempts = record.plan.decision.gate, record.outcome.attempts
    judgement = attempts[0].judgement if attempts else None
    if gate is None or judgement is None or judgement.confidence is None:
        return None
    calibration = gate.calibrations.get(attempts[0].alias)
    return judgement.confidence.probability if calibration is not None and calibration.event == RIGHT else None


def _price(facts: AliasFacts) -> tuple[Any, Any]:
    return facts.input_usd_per_million, facts.output_usd_per_million


def _numbers() -> array[float]:
    return array("d")
