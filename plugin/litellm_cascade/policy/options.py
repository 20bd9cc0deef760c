"""What a route may decide: the options it has, and the choice among them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from litellm_cascade.policy.constraints import Limit, admitted
from litellm_cascade.vocabulary import Ensemble, Estimate, Evidence, Gate, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One alias, a ladder with its gate, the members of an ensemble, or another route that decides instead."""

    ladder: tuple[str, ...] = ()
    gate: Gate | None = None
    hedge: bool = False
    carry_over: bool = False
    ensemble: Ensemble | None = None
    route: str | None = None

    @property
    def label(self) -> str:
        """As a trace shows it."""
        if self.route is not None:
            return f"route {self.route}"
        return (" > " if self.ensemble is None else " + ").join(self.ladder)

    def narrowed_to(self, ladder: tuple[str, ...]) -> Option:
        """With these rungs only; a single one answers alone and unjudged."""
        return replace(self, ladder=ladder) if len(ladder) > 1 else Option(ladder=ladder)

    def is_able(self, unfit: Container[str]) -> bool:
        """True when some rung can answer, or another route will say."""
        return self.route is not None or any(alias not in unfit for alias in self.ladder)

    def expected(self, estimates: Mapping[str, Estimate]) -> Estimate | None:
        """What this option costs and takes at worst, and how good it is at best; None when another route will say.

        At worst every rung of a ladder is asked, one after the other; with a hedge, and in an ensemble, they are asked at once, and
        an ensemble's judge after them.
        """
        if len(self.ladder) == 1:
            return estimates[self.ladder[0]]
        if self.route is not None:
            return None
        rungs = [estimates[alias] for alias in self.ladder]
        judge = [estimates[self.ensemble.judge]] if self.ensemble is not None and self.ensemble.judge is not None else []
        qualities = [rung.quality for rung in rungs if rung.quality is not None]
        together = self.hedge or self.ensemble is not None
        answers_ms = (_longest if together else _sum)([rung.latency_ms for rung in rungs])
        return Estimate(
            alias=self.label,
            quality=max(qualities, default=None),
            cost_usd=_sum([rung.cost_usd for rung in (*rungs, *judge)]),
            latency_ms=_sum([answers_ms, *(rung.latency_ms for rung in judge)]),
        )


def _longest(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) if len(known) == len(values) else None


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One request as a route sees it. ``asked`` are its constraints, beginning with the one that gives way first.

    ``unfit`` names the aliases that cannot answer it, each with the reason.
    """

    evidence: Evidence
    estimates: Mapping[str, Estimate]
    asked: tuple[tuple[Limit, float], ...] = ()
    unfit: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen, how sure that is, and why. ``estimates`` replaces the situation's where the strategy knows better."""

    option: Option
    confidence: float = 1.0
    propensity: float = 1.0
    reasons: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    degraded: tuple[str, ...] = ()
    estimates: Mapping[str, Estimate] | None = None

    def then(self, route: str, later: Choice) -> Choice:
        """What another route chose, to which this choice led."""
        taken = Step(name=route, outcome="taken", detail="chosen by an earlier route")
        return Choice(
            option=later.option,
            confidence=min(self.confidence, later.confidence),
            propensity=self.propensity * later.propensity,
            reasons=self.reasons + later.reasons,
            steps=(*self.steps, taken, *later.steps),
            degraded=self.degraded + later.degraded,
            estimates=later.estimates,
        )


class Chooser(Protocol):
    """The action of a route, ready to run. ``options`` are all that it may ever choose."""

    @property
    def options(self) -> tuple[Option, ...]: ...

    def choose(self, situation: Situation) -> Choice: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What an action needs to get ready: the policy's gates, the name of its route, and the file that it names, read."""

    gates: Mapping[str, Gate] = field(default_factory=dict)
    route: str = ""
    content: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """The places of the options that a request's constraints leave."""

    places: Sequence[int]
    steps: tuple[Step, ...] = ()
    degraded: tuple[str, ...] = ()


def narrow(options: Sequence[Option], situation: Situation, estimates: Mapping[str, Estimate] | None = None) -> Narrowed:
    """The options that can answer and keep to the request's constraints; when there is none, some constraints give way, and are named."""
    able = _able(options, situation.unfit)
    if not situation.asked:
        return Narrowed(places=able)
    kept, relaxed = admitted([options[place].expected(estimates or situation.estimates) for place in able], situation.asked)
    places = [able[place] for place in kept]
    left = ", ".join(options[place].label for place in places)
    return Narrowed(
        places=places,
        steps=(Step(name="constraints", outcome=", ".join(name for name, _ in situation.asked), detail=f"leave {left}"),),
        degraded=tuple(f"constraint_relaxed:{name}" for name in relaxed),
    )


def _able(options: Sequence[Option], unfit: Container[str]) -> Sequence[int]:
    """The places of the options that can answer; all of them where none can, which the decision will say."""
    everyone = range(len(options))
    return (unfit and [place for place in everyone if options[place].is_able(unfit)]) or everyone


@dataclass(frozen=True, slots=True, kw_only=True)
class InOrder:
    """The first option that keeps to the request's constraints."""

    options: tuple[Option, ...]

    def choose(self, situation: Situation) -> Choice:
        """A rule is sure of itself."""
        narrowed = narrow(self.options, situation)
        return Choice(option=self.options[narrowed.places[0]], steps=narrowed.steps, degraded=narrowed.degraded)
