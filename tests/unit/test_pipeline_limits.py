"""Limits and ill rungs along the life of a request, from its plan to its record."""

import asyncio

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from litellm_cascade.audit import Tracing
from litellm_cascade.breaker import Breaker, Breakers, InARow
from litellm_cascade.escalation import Answer, AnswerStream, Budgets, Piece
from litellm_cascade.pipeline import Pipeline
from litellm_cascade.policy import parse_policy
from litellm_cascade.proxy.headers import headers_of
from litellm_cascade.testing import FakeClassifier, RememberingSink
from litellm_cascade.vocabulary import Band, Completion, Endpoint, Envelope, Reason, Request, TokenLogprob, Turn, Usage

POLICY = """
version: 1
name: test
models: {{tiny: {{tier: budget}}, small: {{tier: standard}}, large: {{tier: premium}}}}
routes: [{{name: all, cascade: [tiny, small, large], gate: careful}}]
gates: {{careful: {{accept_at: -0.5, stream: {{tokens: 1}}}}}}
limits: {limits}
"""
SPEND = "{{extra_spend: {{usd: {usd}, over: 1h, then: {then}}}}}"
UNSURE = Completion(text="perhaps", tokens=(TokenLogprob("perhaps", -2.0),))


class InMemory(Tracing):
    def __init__(self):
        super().__init__({})
        self.exporter = InMemorySpanExporter()
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def _resolve(self):
        return self._provider

    def _tracer_of(self, provider):
        return provider.get_tracer("litellm_cascade")

    @property
    def route(self):
        return next(span for span in reversed(self.exporter.get_finished_spans()) if span.name == "cascade.route")


class Rungs:
    """Never sure, a dollar each; those in ``broken`` fail."""

    def __init__(self, journey, broken=()):
        self.journey, self.broken, self.asked = journey, broken, []

    async def ask(self, ask):
        self.asked.append(ask.alias)
        self.journey.attempt_started(ask.rung, ask.alias)
        if ask.alias in self.broken:
            raise ConnectionError(ask.alias)
        return Answer(ask.alias, UNSURE)

    async def open(self, ask):
        await self.ask(ask)
        return Stream([Piece(ask.alias, text="perhaps", tokens=UNSURE.tokens, finish_reason="stop")])

    def ended(self, rung):
        self.journey.attempt_ended(rung, Usage(), 1.0)


class Stream(AnswerStream):
    def __init__(self, pieces):
        self._pieces = pieces

    async def __aiter__(self):
        for piece in self._pieces:
            yield piece

    async def abandon(self):
        pass


class World:
    """A pipeline whose rungs are ill after one failure, until ten seconds have passed."""

    def __init__(self, limits="{}"):
        self.now = 0.0
        self.policy = parse_policy(POLICY.format(limits=limits))
        self.tracing, self.sink = InMemory(), RememberingSink()
        self.budgets = Budgets(Breakers(lambda: Breaker(InARow(1), cool_off_s=10, clock=lambda: self.now)), clock=lambda: self.now)
        self.pipeline = Pipeline(FakeClassifier(), self.tracing, self.sink, budgets=self.budgets)

    async def plan(self):
        envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="test")
        journey = self.pipeline.begin(envelope)
        await self.pipeline.plan(Request(envelope=envelope, turns=(Turn(role="user", text="?"),)), self.policy, journey)
        return journey

    async def ask(self, *, broken=(), stream=False):
        """One request; the rungs that were asked, and what was served."""
        journey = await self.plan()
        rungs = Rungs(journey, broken)
        if stream:
            served = [payload async for payload in journey.settle_stream(rungs)][-1]
        else:
            served = await journey.settle(rungs)
        return rungs.asked, served


def without_estimates(usd, then="accept"):
    return SPEND.format(usd=usd, then=then)


@pytest.mark.parametrize("stream", [False, True])
async def test_over_budget_the_answer_at_hand_is_served_and_says_why(stream):
    world = World(without_estimates(2))
    assert await world.ask(stream=stream) == (["tiny", "small", "large"], "large")
    assert await world.ask(stream=stream) == (["tiny"], "tiny")
    outcome = world.sink.last.outcome
    assert (outcome.reason, outcome.degraded) == (Reason.OVER_BUDGET, ("over_budget:extra_spend",))
    assert [(left.limit, left.band) for left in outcome.budgets] == [("extra_spend", "over")]
    assert world.tracing.route.attributes["cascade.budget"] == "over"
    assert world.tracing.route.attributes["cascade.budget.remaining_ratio"] == 0.0
    assert world.tracing.route.attributes["cascade.budget.limit"] == "extra_spend"
    assert world.tracing.route.attributes["cascade.budget.shared"] is False


async def test_over_budget_the_last_rung_may_be_asked_at_once():
    world = World(without_estimates(2, "large"))
    await world.ask()
    journey = await world.plan()
    decision = journey.decided_plan.decision
    assert (decision.band, decision.ladder, decision.gate) == (Band.LARGE, ("large",), None)
    assert decision.degraded == ("over_budget:extra_spend",)
    journey.ended()
    world.now += 4000
    assert (await world.plan()).decided_plan.decision.band is Band.CASCADE


async def test_a_journey_with_a_spend_limit_needs_costs_though_nobody_watches():
    world = World(without_estimates(2))
    world.pipeline = Pipeline(FakeClassifier(), Tracing({}), budgets=world.budgets)
    assert (await world.plan()).is_watched
    world.policy = parse_policy(POLICY.format(limits="{}"))
    assert not (await world.plan()).is_watched


@pytest.mark.parametrize("stream", [False, True])
async def test_an_ill_rung_is_skipped_probed_by_one_request_and_comes_back(stream):
    world = World()
    assert await world.ask(broken=["tiny"], stream=stream) == (["tiny", "small", "large"], "large")
    assert await world.ask(stream=stream) == (["small", "large"], "large")
    assert world.sink.last.outcome.degraded == ("rung_open:tiny",)
    assert "rung_open:tiny" in world.sink.last.plan.decision.reasons
    world.now += 10
    probing = await world.plan()
    assert probing.decided_plan.decision.alias == "tiny"
    assert (await world.ask(stream=stream))[0] == ["small", "large"]
    await probing.settle(Rungs(probing))
    assert (await world.ask(stream=stream))[0] == ["tiny", "small", "large"]


async def test_a_probe_that_nobody_waited_for_is_left_to_another():
    world = World()
    await world.ask(broken=["tiny"])
    world.now += 10
    probing = await world.plan()
    settling = asyncio.create_task(probing.settle(Hanging(probing)))
    await asyncio.sleep(0)
    settling.cancel()
    await asyncio.gather(settling, return_exceptions=True)
    assert (await world.ask())[0] == ["tiny", "small", "large"]


class Hanging(Rungs):
    async def ask(self, ask):
        await super().ask(ask)
        await asyncio.Event().wait()


async def test_when_all_below_are_ill_the_last_is_asked_alone_and_when_it_is_ill_too_it_is_asked_anyway():
    world = World()
    with pytest.raises(ConnectionError):
        await world.ask(broken=["tiny", "small", "large"])
    decision = (await world.plan()).decided_plan.decision
    assert (decision.band, decision.ladder) == (Band.LARGE, ("large",))
    assert decision.degraded == ("rung_open:tiny", "rung_open:small")


async def test_an_ill_last_rung_is_asked_for_an_answer_but_not_for_a_better_one():
    world = World()
    assert await world.ask(broken=["large"]) == (["tiny", "small", "large"], "small")
    assert await world.ask() == (["tiny", "small"], "small")
    assert (world.sink.last.outcome.reason, world.sink.last.outcome.degraded) == (Reason.RUNG_OPEN, ("rung_open:large",))
    assert await world.ask(broken=["tiny", "small"]) == (["tiny", "small", "large"], "large")


async def test_counts_that_are_not_shared_though_they_should_be_are_said_where_there_are_limits():
    world = World(without_estimates(100))
    world.budgets.degraded = ("budgets_local",)
    await world.ask()
    assert world.sink.last.outcome.degraded == ("budgets_local",)
    world.policy = parse_policy(POLICY.format(limits="{}"))
    await world.ask()
    assert world.sink.last.outcome.degraded == ()


async def test_the_long_headers_say_what_is_left():
    world = World(without_estimates(4))
    journey = await world.plan()
    await journey.settle(Rungs(journey))
    assert headers_of(journey, everything=True)["x-cascade-budget"] == "extra_spend=0.50"
