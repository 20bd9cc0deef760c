"""A document made ready to decide: conditions compiled, and each route's decision prepared, since it hardly depends on the request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from litellm_cascade.policy.conditions import EVALUATION_ERRORS, Condition, compiled, context_of
from litellm_cascade.policy.document import Document
from litellm_cascade.policy.routes import Route
from litellm_cascade.vocabulary import Band, Decision, Evidence, Gate, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRoute:
    """A route with its condition ready to run and the decision it stands for. ``condition`` is None where it takes every request."""

    name: str
    condition: Condition | None
    decision: Decision

    def takes(self, context: object) -> bool | None:
        """Whether this route takes the request; None when its condition failed."""
        return True if self.condition is None else self.condition.holds(context)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policy:
    """What the operator wants, as a function of the evidence. Immutable; equal evidence gets an equal decision."""

    document: Document
    digest: str
    routes: tuple[CompiledRoute, ...]
    gates: Mapping[str, Gate]
    names: frozenset[str]

    @property
    def name(self) -> str:
        """What the policy calls itself."""
        return self.document.name

    @property
    def short_digest(self) -> str:
        """The digest as people compare it: ``sha256:`` and its first 16 hexadecimal digits."""
        return self.digest[: len("sha256:") + 16]

    @property
    def ladders(self) -> tuple[tuple[str, ...], ...]:
        """The aliases of every cascade, cheapest first; each ladder once."""
        return tuple(dict.fromkeys(route.decision.ladder for route in self.routes if route.decision.band is Band.CASCADE))

    @property
    def aliases(self) -> tuple[str, ...]:
        """Every alias that some route may ask, once, in the order of the routes."""
        return tuple(dict.fromkeys(alias for route in self.routes for alias in route.decision.ladder))

    def decide(self, evidence: Evidence, rng: Random) -> Decision:
        """The decision of the first route whose condition holds. The last route has none, so there always is one; never raises.

        A condition that fails on this request counts as false and is named in ``degraded``. ``rng`` is for routes that choose by
        chance: the same seed gives the same choice.
        """
        del rng  # no action of this version chooses by chance
        chosen, failed = self._first_match(evidence)
        decision = _with_failures(chosen.decision, failed) if failed else chosen.decision
        if evidence.direct_only is None or decision.band is not Band.CASCADE:
            return decision
        return _sent_to_the_last_rung(decision, evidence.direct_only)

    def _first_match(self, evidence: Evidence) -> tuple[CompiledRoute, list[str]]:
        failed: list[str] = []
        context = self._context(evidence)
        for route in self.routes[:-1]:
            taken = route.takes(context)
            if taken:
                return route, failed
            if taken is None:
                failed.append(route.name)
        return self.routes[-1], failed  # validation saw to it that the last route has no condition

    def _context(self, evidence: Evidence) -> object:
        """What conditions see. Evidence that CEL cannot hold leaves them nothing, so that each fails and is named."""
        try:
            return context_of(evidence, self.names)
        except EVALUATION_ERRORS:
            return None


def compile_document(document: Document) -> Policy:
    """A policy from a document that has been validated."""
    digest = digest_of(document)
    gates = {name: rule.named(name) for name, rule in document.gates.items()}
    routes: list[CompiledRoute] = []
    looked_at: list[Step] = []
    for route in document.routes:
        condition = compiled(route.when)[0] if route.when is not None else None
        decision = _decision(document, digest, route, gates)
        routes.append(CompiledRoute(name=route.name, condition=condition, decision=replace(decision, trace=(*looked_at, *decision.trace))))
        looked_at.append(Step(name=route.name, outcome="skipped", detail=route.when or ""))
    names = frozenset(name for route in routes if route.condition for name in route.condition.names)
    return Policy(document=document, digest=digest, routes=tuple(routes), gates=gates, names=names)


def digest_of(document: Document) -> str:
    """``sha256:`` and 64 hexadecimal digits over the document's canonical form: defaults written out, keys sorted.

    Comments, layout and the order of keys do not change it. The largest alias is part of it, because among aliases of one tier the
    order decides which that is.
    """
    canonical = {**document.model_dump(mode="json"), "largest": document.largest}
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _decision(document: Document, digest: str, route: Route, gates: Mapping[str, Gate]) -> Decision:
    return Decision(
        policy=document.name,
        digest=digest,
        route=route.name,
        band=_band(document, route.ladder),
        ladder=route.ladder,
        gate=gates[route.gate] if route.gate is not None else None,
        reasons=(f"when:{route.when}" if route.when is not None else "otherwise",),
        alternatives=_others(document.models, route.ladder),
        trace=(Step(name=route.name, outcome="matched", detail=route.when or "otherwise"),),
    )


def _band(document: Document, ladder: Sequence[str]) -> Band:
    if len(ladder) > 1:
        return Band.CASCADE
    return Band.LARGE if ladder[0] == document.largest else Band.SMALL


def _others(pool: Mapping[str, object], ladder: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(pool.keys() - set(ladder)))


def _with_failures(decision: Decision, failed: Sequence[str]) -> Decision:
    trace = tuple(replace(step, outcome="failed") if step.name in failed else step for step in decision.trace)
    return replace(decision, trace=trace, degraded=tuple(f"condition_failed:{name}" for name in failed))


def _sent_to_the_last_rung(decision: Decision, why: str) -> Decision:
    """A request that cannot pass through a cascade goes where the cascade would end: too good an answer, never too weak a one."""
    return replace(
        decision,
        band=Band.LARGE,
        ladder=decision.ladder[-1:],
        gate=None,
        reasons=(*decision.reasons, f"direct_only:{why}"),
        alternatives=tuple(sorted({*decision.alternatives, *decision.ladder[:-1]})),
    )
