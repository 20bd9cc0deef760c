import asyncio
from collections import Counter

import pytest

from litellm_cascade.escalation import Answer, CascadeRun, settle_whole
from litellm_cascade.vocabulary import Band, Completion, Consulting, Decision, Gate, Reason, TokenLogprob

SURE = Completion(text="yes", tokens=(TokenLogprob("yes", -0.1),))
UNSURE = Completion(text="perhaps", tokens=(TokenLogprob("perhaps", -2.0),))
HANG = object()


class Whole:
    """Aliases that say, raise or await what they were told to."""

    def __init__(self, **script):
        self.script = script
        self.asked = []
        self.asks = []
        self.cancelled = []
        self.ends = Counter()
        self.under_way = asyncio.Event()

    async def ask(self, ask):
        alias = ask.alias
        self.asked.append(alias)
        self.asks.append(ask)
        self.under_way.set()
        said = self.script[alias]
        try:
            if said is HANG:
                await asyncio.Event().wait()
            if isinstance(said, asyncio.Future):
                said = await said
        except asyncio.CancelledError:
            self.cancelled.append(alias)
            raise
        if isinstance(said, Exception):
            raise said
        return Answer(f"{alias}'s payload", said)

    async def consult(self, asked):
        assert asked.rung not in self.ends, "what it costs belongs on the rung's bill"
        self.asked.append(f"{asked.alias}'s {asked.kind}")
        score = self.script[asked.kind]
        if score is HANG:
            await asyncio.Event().wait()
        if isinstance(score, Exception):
            raise score
        return score

    def ended(self, rung):
        self.ends[rung] += 1


def run_over(*ladder, whole_within_ms=20.0, **shape):
    gate = Gate(name="gate", score="mean", accept_at=-0.5, whole_within_ms=whole_within_ms)
    return CascadeRun(Decision(policy="p", digest="", route="r", band=Band.CASCADE, ladder=ladder, gate=gate, **shape))


@pytest.fixture
def run():
    return run_over("small", "large")


@pytest.fixture
def hedged():
    return run_over("small", "large", whole_within_ms=5000.0, hedge=True)


def told(run):
    outcome = run.outcome()
    return outcome.alias, outcome.reason, outcome.degraded


async def test_a_confident_small_answer_is_served_and_nobody_else_is_asked(run):
    upstream = Whole(small=SURE)
    assert await settle_whole(run, upstream) == "small's payload"
    assert told(run) == ("small", Reason.CONFIDENT, ())
    assert upstream.ends == {0: 1}


async def test_an_unsure_small_answer_escalates(run):
    upstream = Whole(small=UNSURE, large=UNSURE)
    assert await settle_whole(run, upstream) == "large's payload"
    assert told(run) == ("large", Reason.LOW_CONFIDENCE, ())
    assert upstream.ends == {0: 1, 1: 1}


async def test_a_small_model_that_fails_costs_nothing_but_its_call(run):
    upstream = Whole(small=ConnectionError(), large=SURE)
    assert await settle_whole(run, upstream) == "large's payload"
    assert told(run) == ("large", Reason.ERROR, ("small_failed",))
    assert upstream.ends == {0: 1, 1: 1}


async def test_a_small_model_that_hangs_is_left_at_its_deadline(run):
    upstream = Whole(small=HANG, large=SURE)
    assert await settle_whole(run, upstream) == "large's payload"
    assert told(run) == ("large", Reason.TIMEOUT, ("small_late",))
    assert (upstream.cancelled, upstream.ends) == (["small"], {0: 1, 1: 1})


async def test_when_the_large_model_fails_the_small_answer_is_kept(run):
    upstream = Whole(small=UNSURE, large=ConnectionError())
    assert await settle_whole(run, upstream) == "small's payload"
    assert told(run) == ("small", Reason.KEPT_EARLIER, ("large_failed",))
    assert upstream.ends == {0: 1, 1: 1}


async def test_when_the_large_model_hangs_the_small_answer_is_kept(run):
    upstream = Whole(small=UNSURE, large=HANG)
    assert await settle_whole(run, upstream) == "small's payload"
    assert told(run) == ("small", Reason.KEPT_EARLIER, ("large_late",))
    assert (upstream.cancelled, upstream.ends) == (["large"], {0: 1, 1: 1})


async def test_when_all_fail_the_last_error_is_raised_as_it_was(run):
    error = PermissionError("402: the budget is spent")
    upstream = Whole(small=ConnectionError(), large=error)
    with pytest.raises(PermissionError) as raised:
        await settle_whole(run, upstream)
    assert raised.value is error
    assert told(run) == (None, Reason.ERROR, ("small_failed", "large_failed"))
    assert upstream.ends == {0: 1, 1: 1}


async def test_without_a_gate_nothing_is_judged_and_nothing_has_a_deadline():
    run = CascadeRun(Decision(policy="p", digest="", route="r", band=Band.LARGE, ladder=("large",)))
    assert await settle_whole(run, Whole(large=UNSURE)) == "large's payload"
    assert told(run) == ("large", Reason.LAST_RUNG, ())


async def test_three_rungs_go_back_to_the_best_that_answered():
    run = run_over("small", "medium", "large")
    upstream = Whole(small=UNSURE, medium=Completion(text=""), large=ConnectionError())
    run.gate = Gate(name="gate", score="mean", accept_at=-0.5, unknown="escalate")
    assert await settle_whole(run, upstream) == "small's payload"
    assert told(run) == ("small", Reason.KEPT_EARLIER, ("large_failed",))
    assert upstream.ends == {0: 1, 1: 1, 2: 1}


@pytest.mark.parametrize("script", [{"small": HANG}, {"small": UNSURE, "large": HANG}])
async def test_a_client_that_leaves_cancels_the_call_under_way(script):
    run, upstream = run_over("small", "large", whole_within_ms=60_000), Whole(**script)
    settling = asyncio.create_task(settle_whole(run, upstream))
    hanging = list(script)[-1]
    while hanging not in upstream.asked:
        await asyncio.wait_for(upstream.under_way.wait(), 1)
        upstream.under_way.clear()
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert (upstream.cancelled, upstream.asked) == ([hanging], list(script))
    assert upstream.ends == dict.fromkeys(range(len(script)), 1)


async def test_a_client_that_leaves_just_as_the_answer_comes_has_left():
    answer = asyncio.get_running_loop().create_future()
    run, upstream = run_over("small", "large", whole_within_ms=60_000), Whole(small=answer, large=SURE)
    settling = asyncio.create_task(settle_whole(run, upstream))
    await asyncio.wait_for(upstream.under_way.wait(), 1)
    asking = next(task for task in asyncio.all_tasks() if task not in {settling, asyncio.current_task()})
    asking.add_done_callback(lambda _: settling.cancel())
    answer.set_result(UNSURE)
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert (upstream.asked, upstream.ends) == (["small"], {0: 1})


# --- both at once ---------------------------------------------------------------------------------------------------------------------


async def test_a_hedge_is_asked_at_once_and_cancelled_when_it_is_not_needed(hedged):
    upstream = Whole(small=SURE, large=HANG)
    assert await settle_whole(hedged, upstream) == "small's payload"
    assert told(hedged) == ("small", Reason.CONFIDENT, ())
    assert (upstream.asked, upstream.cancelled, upstream.ends) == (["small", "large"], ["large"], {0: 1, 1: 1})
    spare = hedged.outcome().attempts[1]
    assert (spare.spare, spare.judgement, hedged.outcome().escalated) == (True, None, False)


async def test_a_hedge_that_has_answered_is_served_without_being_asked_again(hedged):
    upstream = Whole(small=UNSURE, large=UNSURE)
    assert await settle_whole(hedged, upstream) == "large's payload"
    assert told(hedged) == ("large", Reason.LOW_CONFIDENCE, ())
    assert (upstream.asked, upstream.ends) == (["small", "large"], {0: 1, 1: 1})
    assert hedged.outcome().escalated


async def test_a_hedge_that_failed_before_it_was_needed_is_a_rung_that_failed(hedged):
    upstream = Whole(small=UNSURE, large=ConnectionError())
    assert await settle_whole(hedged, upstream) == "small's payload"
    assert told(hedged) == ("small", Reason.KEPT_EARLIER, ("large_failed",))
    assert upstream.ends == {0: 1, 1: 1}


async def test_a_hedge_runs_one_rung_ahead():
    hedged = run_over("small", "medium", "large", hedge=True)
    upstream = Whole(small=UNSURE, medium=SURE, large=HANG)
    assert await settle_whole(hedged, upstream) == "medium's payload"
    assert (upstream.asked, upstream.cancelled) == (["small", "medium", "large"], ["large"])
    assert upstream.ends == {0: 1, 1: 1, 2: 1}
    assert [attempt.spare for attempt in hedged.outcome().attempts] == [False, False, True]


async def test_a_client_that_leaves_cancels_both(hedged):
    upstream = Whole(small=HANG, large=HANG)
    settling = asyncio.create_task(settle_whole(hedged, upstream))
    while len(upstream.asked) < 2:
        await asyncio.wait_for(upstream.under_way.wait(), 1)
        upstream.under_way.clear()
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert (sorted(upstream.cancelled), upstream.ends) == (["large", "small"], {0: 1, 1: 1})


# --- a draft to improve ---------------------------------------------------------------------------------------------------------------


async def test_a_draft_is_handed_to_the_next_rung_only():
    run, upstream = run_over("small", "medium", "large", carry_over=True), Whole(small=UNSURE, medium=UNSURE, large=SURE)
    assert await settle_whole(run, upstream) == "large's payload"
    assert [[turn.text for turn in ask.turns[:1]] for ask in upstream.asks] == [[], ["perhaps"], ["perhaps"]]


async def test_a_failure_leaves_no_draft():
    run, upstream = run_over("small", "large", carry_over=True), Whole(small=ConnectionError(), large=SURE)
    await settle_whole(run, upstream)
    assert [ask.turns for ask in upstream.asks] == [(), ()]


SILENT = Completion(text="yes")


def run_that_asks_again(*kinds, unknown="accept"):
    run = run_over("small", "large")
    consulting = Consulting(kinds=kinds, accept_at=0.5, within_ms=20.0)
    run.gate = Gate(name="gate", score="mean", accept_at=-0.5, unknown=unknown, consulting=consulting)
    return run


@pytest.mark.parametrize(("score", "served", "reason"), [(0.5, "small", Reason.CONFIDENT), (0.4, "large", Reason.LOW_CONFIDENCE)])
async def test_a_model_that_sends_no_log_probabilities_is_asked_how_sure_it_is(score, served, reason):
    run, upstream = run_that_asks_again("self_check"), Whole(small=SILENT, large=SILENT, self_check=score)
    assert await settle_whole(run, upstream) == f"{served}'s payload"
    assert told(run) == (served, reason, ())
    assert upstream.asked[:2] == ["small", "small's self_check"]


@pytest.mark.parametrize(("trouble", "how"), [(HANG, "late"), (ConnectionError(), "failed"), (None, "unclear")])
async def test_whatever_goes_wrong_with_asking_costs_the_score_and_not_the_answer(trouble, how):
    run, upstream = run_that_asks_again("self_check"), Whole(small=SILENT, self_check=trouble)
    assert await settle_whole(run, upstream) == "small's payload"
    assert told(run) == ("small", Reason.UNKNOWN_CONFIDENCE, (f"small_self_check_{how}",))
    assert upstream.ends == {0: 1}


async def test_a_second_way_of_asking_follows_the_first():
    run, upstream = run_that_asks_again("self_check", "agreement"), Whole(small=SILENT, self_check=None, agreement=0.8)
    assert await settle_whole(run, upstream) == "small's payload"
    assert told(run) == ("small", Reason.CONFIDENT, ("small_self_check_unclear",))
