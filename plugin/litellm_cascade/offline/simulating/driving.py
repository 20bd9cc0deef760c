"""The product's own pipeline on simulated deployments: plan, cascade, gates. Nobody waits; latencies are added up as they would pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from litellm_cascade.audit import Tracing
from litellm_cascade.classifiers import build
from litellm_cascade.classifiers.guard import Guarded
from litellm_cascade.escalation import Answer, Ask, Consult
from litellm_cascade.journey import Journey
from litellm_cascade.offline.explaining import PATIENCE_MS
from litellm_cascade.pipeline import Pipeline
from litellm_cascade.policy import Policy
from litellm_cascade.vocabulary import Band, Completion, Decision, Endpoint, Envelope, Overrides, Request, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One simulated answer: what a gate sees of it, whether it is right (0 or 1), and what it costs."""

    completion: Completion
    correct: float
    cost_usd: float
    latency_ms: float


Answers = Callable[[str, str], Said]
"""What an alias says to a prompt; always the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """How a request went. ``asked`` every alias that was, in order; the money of all of them, the time until the last was there."""

    alias: str
    asked: tuple[str, ...]
    band: str
    correct: float
    cost_usd: float
    latency_ms: float
    complexity: float
    dimensions: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A prompt, and what its caller asks besides."""

    id: str
    text: str
    overrides: Overrides = field(default_factory=Overrides)


async def served_by(
    policy: Policy,
    prompts: Sequence[Asked],
    answers: Answers,
    *,
    classifier: str,
    seed: int,
    advance: Callable[[], object] = lambda: None,
) -> list[Served]:
    """Each prompt, asked alone. ``advance`` is called after each."""
    guarded = Guarded(build(classifier), within_ms=PATIENCE_MS)
    await guarded.warm_up()
    pipeline = Pipeline(guarded, Tracing(environ={}), seed=seed, salt=b"simulated")
    served = []
    for prompt in prompts:
        served.append(await _served(pipeline, policy, prompt, answers))
        advance()
    return served


async def _served(pipeline: Pipeline, policy: Policy, prompt: Asked, answers: Answers) -> Served:
    envelope = Envelope(request_id=prompt.id, endpoint=Endpoint.CHAT, requested_model="auto", policy=policy.name)
    request = Request(envelope=envelope, turns=(Turn(role="user", text=prompt.text),), overrides=prompt.overrides)
    journey = pipeline.begin(envelope)
    plan = await pipeline.plan(request, policy, journey)
    upstream = _Upstream(prompt.text, answers)
    alias = await _alias_of(journey, plan.decision, upstream)
    journey.ended()
    asked = tuple(said for said, _ in upstream.asked)
    belief = plan.evidence.classification
    return Served(
        alias=alias,
        asked=asked,
        band=str(plan.decision.band.value),
        correct=answers(prompt.text, alias).correct,
        cost_usd=sum(said.cost_usd for _, said in upstream.asked),
        latency_ms=_waited(plan.decision, [said.latency_ms for _, said in upstream.asked], asked.index(alias)),
        complexity=belief.complexity,
        dimensions=belief.dimensions,
    )


async def _alias_of(journey: Journey, decision: Decision, upstream: _Upstream) -> str:
    """Who answered in the end."""
    if not journey.cascades:
        await upstream.ask(Ask(rung=0, alias=decision.alias))
        return decision.alias
    payload = await journey.settle(upstream)
    return str(payload)


def _waited(decision: Decision, latencies: Sequence[float], served: int) -> float:
    """Rungs are asked one after the other; with a hedge at once, and nobody waits for those above the served one. An ensemble waits."""
    if decision.band is Band.ENSEMBLE:
        return max(latencies)
    return max(latencies[: served + 1]) if decision.hedge else sum(latencies)


class _Upstream:
    """Who is asked; the payload of an answer is its alias."""

    def __init__(self, prompt: str, answers: Answers) -> None:
        self._prompt, self._answers = prompt, answers
        self.asked: list[tuple[str, Said]] = []

    async def ask(self, ask: Ask) -> Answer:
        """At once."""
        said = self._answers(self._prompt, ask.alias)
        self.asked.append((ask.alias, said))
        return Answer(payload=ask.alias, completion=said.completion)

    def ended(self, rung: int) -> None:
        """Nothing is held."""

    async def consult(self, asked: Consult) -> float | None:
        """Simulated models cannot be asked how sure they are: unknown."""
        del asked
        return None
