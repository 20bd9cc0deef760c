"""A policy, ready to decide: the first route that takes the request chooses, and the decision says all there is to say about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from litellm_cascade.policy.conditions import EVALUATION_ERRORS, Condition, context_of
from litellm_cascade.policy.constraints import asked_of
from litellm_cascade.policy.document import Document
from litellm_cascade.policy.estimates import Estimator
from litellm_cascade.policy.fitness import Fitness
from litellm_cascade.policy.options import Choice, Chooser, InOrder, Option, Situation
from litellm_cascade.policy.overrides import CHOICES, Admission, in_vain, override_reasons
from litellm_cascade.policy.sessions import SESSION_NAMES, Stickiness
from litellm_cascade.vocabulary import AliasFacts, Band, Decision, Evidence, Gate, Limit, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRoute:
    """A route with its condition and its action ready to run. ``condition`` is None where it takes every request."""

    name: str
    condition: Condition | None
    chooser: Chooser
    sticks: bool
    reason: str
    trace: tuple[Step, ...]

    def takes(self, context: object) -> bool | None:
        """Whether this route takes the request; None when its condition failed."""
        return True if self.condition is None else self.condition.holds(context)

    def choose(self, situation: Situation) -> Choice:
        """What its action chooses. On evidence that no signal or classifier gives, the last option."""
        try:
            return self.chooser.choose(situation)
        except EVALUATION_ERRORS:
            return Choice(option=self.chooser.options[-1], confidence=0.5, degraded=(f"choice_failed:{self.name}",))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policy:
    """What the operator wants, as a function of the evidence. Immutable; equal evidence gets an equal decision.

    ``files`` are those the policy names, relative to its folder: a change in one of them makes another policy. ``facts`` is what it was
    told of each alias, and ``price_table`` names the prices among it.
    """

    document: Document
    digest: str
    routes: tuple[CompiledRoute, ...]
    gates: Mapping[str, Gate]
    estimator: Estimator
    fitness: Fitness
    names: frozenset[str]
    admission: Admission
    facts: Mapping[str, AliasFacts]
    price_table: str
    files: tuple[str, ...] = ()
    _by_name: Mapping[str, CompiledRoute] = field(init=False)
    _largest: str = field(init=False)
    _stickiness: Stickiness = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {route.name: route for route in self.routes})
        object.__setattr__(self, "_largest", self.document.largest)
        asked = {alias: self.document.models[alias] for alias in self.aliases}
        object.__setattr__(self, "_stickiness", Stickiness.of(self.document.sessions, asked, self._largest))

    @property
    def name(self) -> str:
        """What the policy calls itself."""
        return self.document.name

    @property
    def short_digest(self) -> str:
        """The digest as people compare it: ``sha256:`` and its first 16 hexadecimal digits."""
        return self.digest[: len("sha256:") + 16]

    @property
    def limits(self) -> tuple[Limit, ...]:
        """How much escalating it allows."""
        return self.document.limits.named() if self.document.limits is not None else ()

    @property
    def ladders(self) -> tuple[tuple[str, ...], ...]:
        """The aliases of every cascade, cheapest first; each ladder once."""
        return tuple(dict.fromkeys(option.ladder for option in self._options if option.gate is not None))

    @property
    def judged(self) -> tuple[tuple[str, Gate], ...]:
        """Every rung whose answers are judged, with the gate that does; each pair once."""
        cascades = [(option.ladder, option.gate) for option in self._options if option.gate is not None]
        return tuple(dict.fromkeys((alias, gate) for ladder, gate in cascades for alias in ladder[:-1]))

    @property
    def aliases(self) -> tuple[str, ...]:
        """Every alias that may be asked, once: those of the routes, in their order, and the pool's where clients may choose."""
        clients = self.document.models if {"alias", "band"} & set(self.admission.allow) else ()
        judges = (option.ensemble.judge for option in self._options if option.ensemble is not None)
        beyond = (option.gate.abstain.large for option in self._options if option.gate is not None and option.gate.abstain is not None)
        asked = [alias for option in self._options for alias in option.ladder]
        return tuple(dict.fromkeys([*asked, *(alias for alias in (*judges, *beyond) if alias is not None), *clients]))

    @property
    def remembers(self) -> bool:
        """Whether what happened earlier in a conversation can change a decision."""
        return self._stickiness.stick != "never" or bool(self.names & SESSION_NAMES)

    @property
    def _options(self) -> Sequence[Option]:
        return [option for route in self.routes for option in route.chooser.options]

    def decide(self, evidence: Evidence) -> Decision:
        """What to do with a request. There always is an answer: some route takes every request. Never raises.

        A condition that fails on this request counts as false and is named in ``degraded``. Nothing is left to chance: a split is decided
        by the caller's hash, so that a replay of a request's record makes the same choice.
        """
        evidence = self.admission.heed(evidence)
        first, failed = self._first_match(evidence)
        situation = self._situation(evidence)
        asked = self._asked_for(first, situation)
        route, choice = first, asked or first.choose(situation)
        while choice.option.route is not None:  # ends: detours lead to later routes only
            route = self._by_name[choice.option.route]
            choice = choice.then(route.name, route.choose(situation))
        if asked is None or len(choice.option.ladder) > 1:
            choice = self._in_session(choice, situation, sticks=asked is None and first.sticks and route.sticks)
        return self._decision(first, route, choice, situation, failed)

    def _in_session(self, choice: Choice, situation: Situation, *, sticks: bool) -> Choice:
        """What the conversation so far makes of a choice."""
        bound = self._stickiness.bound(choice, situation)
        if bound is not None:
            return bound
        return self._stickiness.kept(choice, situation) if sticks else choice

    def limited_to(self, decision: Decision, aliases: Collection[str], why: str = "no_access") -> Decision:
        """The decision without the rungs that are not among ``aliases``; one of them must be. Without its judge an ensemble is one.

        ``why`` is given as the reason.
        """
        gate = _abstaining_within(decision.gate, aliases)
        decision = decision if gate is decision.gate else replace(decision, gate=gate)
        left = tuple(alias for alias in decision.ladder if alias in aliases)
        lost = tuple(alias for alias in decision.aliases if alias not in aliases)
        if not lost:
            return decision
        if decision.ensemble is not None and decision.ensemble.judge in lost:
            left = left[:1]
        several = len(left) > 1
        return replace(
            decision,
            ladder=left,
            band=decision.band if several else self._band(left),
            gate=decision.gate if several else None,
            hedge=decision.hedge and several,
            carry_over=decision.carry_over and several,
            ensemble=decision.ensemble if several else None,
            reasons=(*decision.reasons, *(f"{why}:{alias}" for alias in lost)),
            alternatives=tuple(sorted((*decision.alternatives, *lost))),
        )

    def _asked_for(self, first: CompiledRoute, situation: Situation) -> Choice | None:
        """What the client chose itself, where it may and there is such a thing."""
        asked = situation.evidence.overrides
        for name, option in (("alias", self._option_of_alias(asked.alias)), ("band", self._option_of_band(asked.band, first))):
            if option is not None:
                choice = InOrder(options=(option,)).choose(situation)
                step = Step(name="override", outcome=name, detail=option.label)
                return replace(choice, reasons=(f"override:{name}",), steps=(step, *choice.steps))
        return None

    def _option_of_alias(self, alias: str | None) -> Option | None:
        return Option(ladder=(alias,)) if alias in self.document.models else None

    def _option_of_band(self, band: Band | None, first: CompiledRoute) -> Option | None:
        """The largest alias, or the smallest; of the cascades one that the request's route has, else one of the first route with any."""
        if band is Band.CASCADE:
            found = (_cascades(route.chooser) for route in (first, *self.routes))
            return next((cascades[0] for cascades in found if cascades), None)
        alias = {Band.LARGE: self._largest, Band.SMALL: self.document.smallest}.get(band) if band is not None else None
        return Option(ladder=(alias,)) if alias is not None and self._band((alias,)) is band else None

    def _first_match(self, evidence: Evidence) -> tuple[CompiledRoute, tuple[str, ...]]:
        failed: list[str] = []
        context = self._context(evidence)
        for route in self.routes[:-1]:
            taken = route.takes(context)
            if taken:
                return route, tuple(failed)
            if taken is None:
                failed.append(route.name)
        return self.routes[-1], tuple(failed)  # validation saw to it that one of them has no condition

    def _context(self, evidence: Evidence) -> object:
        """What conditions see. Evidence that CEL cannot hold leaves them nothing, so that each fails and is named."""
        try:
            return context_of(evidence, self.names)
        except EVALUATION_ERRORS:
            return None

    def _situation(self, evidence: Evidence) -> Situation:
        asked, unfit = asked_of(evidence.constraints, self.document.constraints.relax), self.fitness.unfit(evidence)
        try:
            return Situation(evidence=evidence, estimates=self.estimator.of(evidence), asked=asked, unfit=unfit)
        except EVALUATION_ERRORS:
            return Situation(evidence=evidence, estimates=self.estimator.unknown, asked=asked, unfit=unfit)

    def _decision(
        self, first: CompiledRoute, route: CompiledRoute, choice: Choice, situation: Situation, failed: tuple[str, ...]
    ) -> Decision:
        option, unfit = _able(choice.option, situation.unfit)
        band, reasons = self._band_of(option), (first.reason, *choice.reasons, *unfit)
        why_direct = situation.evidence.direct_only
        if why_direct is not None and band is Band.CASCADE:  # too good an answer, never too weak a one
            option, band, reasons = Option(ladder=option.ladder[-1:]), Band.LARGE, (*reasons, f"direct_only:{why_direct}")
        elif why_direct is not None and band is Band.ENSEMBLE:  # the one that counts in doubt
            option, reasons = Option(ladder=option.ladder[:1]), (*reasons, f"direct_only:{why_direct}")
            band = self._band_of(option)
        trace = _with_failures(first.trace, failed) if failed else first.trace
        overrides = situation.evidence.overrides
        ignored = in_vain(overrides, next((name for name in CHOICES if f"override:{name}" in choice.reasons), None))
        return Decision(
            policy=self.document.name,
            digest=self.digest,
            route=route.name,
            band=band,
            ladder=option.ladder,
            gate=option.gate,
            hedge=option.hedge,
            carry_over=option.carry_over,
            ensemble=option.ensemble,
            reasons=(*reasons, *override_reasons(overrides, ignored)),
            alternatives=tuple(alias for alias in situation.estimates if alias not in option.ladder),
            propensity=choice.propensity,
            confidence=choice.confidence,
            estimates=tuple((choice.estimates or situation.estimates).values()),
            trace=(*trace, *choice.steps),
            degraded=(*(f"condition_failed:{name}" for name in failed), *choice.degraded, *unfit),
            ignored_overrides=ignored,
        )

    def _band_of(self, option: Option) -> Band:
        return Band.ENSEMBLE if option.ensemble is not None else self._band(option.ladder)

    def _band(self, ladder: Sequence[str]) -> Band:
        if len(ladder) > 1:
            return Band.CASCADE
        return Band.LARGE if ladder[0] == self._largest else Band.SMALL


def _able(option: Option, unfit: Mapping[str, str]) -> tuple[Option, tuple[str, ...]]:
    """The option without the rungs that cannot answer, and these with their reasons; where none can, all are asked nevertheless."""
    out = [alias for alias in option.ladder if alias in unfit]
    if not out:
        return option, ()
    left = tuple(alias for alias in option.ladder if alias not in unfit) or option.ladder
    named = tuple(f"unfit:{alias}:{unfit[alias]}" for alias in out)
    return option.narrowed_to(left), named


def _abstaining_within(gate: Gate | None, aliases: Collection[str]) -> Gate | None:
    """The gate, which goes on to the largest alias only when that is among ``aliases``."""
    if gate is None or gate.abstain is None or gate.abstain.large is None or gate.abstain.large in aliases:
        return gate
    return replace(gate, abstain=replace(gate.abstain, large=None))


def _cascades(chooser: Chooser) -> list[Option]:
    """In an order that does not depend on how a table of the policy is written."""
    cascades = [option for option in chooser.options if option.gate is not None]
    return sorted(cascades, key=lambda option: (option.label, option.gate.name if option.gate else ""))


def _with_failures(trace: tuple[Step, ...], failed: Sequence[str]) -> tuple[Step, ...]:
    return tuple(replace(step, outcome="failed") if step.name in failed else step for step in trace)
