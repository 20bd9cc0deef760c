"""What the policy wants, and why."""

from __future__ import annotations

from dataclasses import dataclass

from litellm_cascade.vocabulary.evidence import Evidence
from litellm_cascade.vocabulary.gate import Gate
from litellm_cascade.vocabulary.request import Band


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a decision's trace: what was looked at, what came out, and why."""

    name: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What asking one alias alone is expected to bring for this request. None: the pool does not say."""

    alias: str
    quality: float | None = None  # how often it is right, 0..1
    cost_usd: float | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """How one of several answers is picked. ``judge`` is the alias that picks where ``by`` says ``judge``, None elsewhere."""

    by: str = "vote"  # vote | longest | judge
    judge: str | None = None
    within_ms: float = 120_000.0  # for the answers
    judge_within_ms: float = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy wants. ``ladder`` has one alias when a request is sent, two or more when it is cascaded, and the members of an
    ensemble, the most trusted first.

    ``confidence`` lies in 0..1: 1.0 for a rule, 0.5 for a tie between two candidates. ``estimates`` has one entry for each alias of the
    pool, by name. ``propensity`` is the probability with which a choice by chance fell on this ladder.
    """

    policy: str
    digest: str
    route: str
    band: Band
    ladder: tuple[str, ...]
    gate: Gate | None = None
    reasons: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    propensity: float = 1.0
    confidence: float = 1.0
    estimates: tuple[Estimate, ...] = ()
    trace: tuple[Step, ...] = ()
    degraded: tuple[str, ...] = ()
    ignored_overrides: tuple[str, ...] = ()  # the names of what the client asked for itself in vain
    hedge: bool = False  # the next rung is started together with each that is judged
    carry_over: bool = False  # a draft that was turned down is handed to the next rung
    ensemble: Ensemble | None = None

    @property
    def alias(self) -> str:
        """The alias that is asked first."""
        return self.ladder[0]

    @property
    def aliases(self) -> tuple[str, ...]:
        """Every alias that may be asked: the ladder's, an ensemble's judge, the one that is asked when the last rung is not good enough."""
        judge = self.ensemble.judge if self.ensemble is not None else None
        beyond = self.gate.abstain.large if self.gate is not None and self.gate.abstain is not None else None
        return tuple(dict.fromkeys([*self.ladder, *(alias for alias in (judge, beyond) if alias is not None)]))

    @property
    def estimate(self) -> Estimate:
        """What is expected of the alias that is asked first."""
        return next((estimate for estimate in self.estimates if estimate.alias == self.alias), Estimate(alias=self.alias))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A decision with the evidence it rests on: all that is settled before the call."""

    evidence: Evidence
    decision: Decision
