import asyncio
from collections import Counter

import pytest

from litellm_cascade.escalation import Answer, AnswerStream, EnsembleRun, Piece, StreamedEnsemble, settle_ensemble
from litellm_cascade.vocabulary import Band, Completion, Decision, Ensemble, Reason

HANG = object()
MEMBERS = ("small", "sql", "large")


class Upstream:
    """Aliases that say, raise, or never answer, whole or in pieces of a word each."""

    def __init__(self, **script):
        self.script = script
        self.asks = []
        self.ends = Counter()
        self.abandoned = []

    async def ask(self, ask):
        return Answer(f"{ask.alias}'s payload", Completion(text=await self._said(ask)))

    async def open(self, ask):
        return Stream(self, ask.alias, await self._said(ask))

    def ended(self, rung):
        self.ends[rung] += 1

    async def _said(self, ask):
        self.asks.append(ask)
        said = self.script[ask.alias]
        if said is HANG:
            await asyncio.Event().wait()
        if isinstance(said, Exception):
            raise said
        return said


class Stream(AnswerStream):
    def __init__(self, upstream, alias, said):
        self.upstream, self.alias, self.said = upstream, alias, said

    async def __aiter__(self):
        for word in self.said.split():
            if word == "HANG":
                await asyncio.Event().wait()
            yield Piece(f"{self.alias}: {word}", text=f"{word} ", pieces_of_output=1)
        yield Piece(f"{self.alias} ends", finish_reason="stop")

    async def abandon(self):
        self.upstream.abandoned.append(self.alias)


async def whole(run, upstream):
    return (await asyncio.wait_for(settle_ensemble(run, upstream), 5)).removesuffix("'s payload")


async def streamed(run, upstream):
    shown = await asyncio.wait_for(read(StreamedEnsemble(run, upstream)), 5)
    aliases = {payload.partition(":")[0] for payload in shown[:-1]}
    assert len(aliases) <= 1
    assert [payload.partition(": ")[2] for payload in shown[:-1]] == upstream.script[shown[-1].removesuffix(" ends")].split()
    return shown[-1].removesuffix(" ends")


async def read(stream):
    return [payload async for payload in stream]


both = pytest.mark.parametrize("served", [whole, streamed])


def run_of(by, judge=None, members=MEMBERS, within_ms=40.0):
    ensemble = Ensemble(by=by, judge=judge, within_ms=within_ms, judge_within_ms=40.0)
    decision = Decision(policy="p", digest="", route="r", band=Band.ENSEMBLE, ladder=members, ensemble=ensemble, degraded=("late",))
    return EnsembleRun(decision, ensemble)


def told(run):
    outcome = run.outcome()
    return outcome.alias, outcome.reason, outcome.degraded[1:]


@both
async def test_the_majority_is_served_and_everybody_was_asked(served):
    run, upstream = run_of("vote"), Upstream(small="41", sql="It is 42", large="it is 42.")
    assert await served(run, upstream) == "sql"
    assert told(run) == ("sql", Reason.VOTE, ())
    assert upstream.ends == {0: 1, 1: 1, 2: 1}
    assert [(attempt.served, attempt.spare) for attempt in run.outcome().attempts] == [(False, True), (True, False), (False, True)]
    assert not run.outcome().escalated
    assert not any(run.judges(rung) for rung in range(3)), "no log-probabilities are wanted"


@both
async def test_without_a_majority_the_first_counts(served):
    run = run_of("vote")
    assert await served(run, Upstream(small="a", sql="b", large="c")) == "small"


@both
async def test_the_longest_is_served(served):
    run = run_of("longest")
    assert await served(run, Upstream(small="a", sql="a longer one", large="short")) == "sql"
    assert told(run) == ("sql", Reason.LONGEST, ())


@both
async def test_a_judge_is_shown_the_answers_and_picks(served):
    run, upstream = run_of("judge", "judge"), Upstream(small="a", sql="b", large="c", judge="2")
    assert await served(run, upstream) == "sql"
    assert told(run) == ("sql", Reason.JUDGE, ())
    ask = upstream.asks[-1]
    assert (ask.rung, ask.alias, ask.judges) == (3, "judge", True)
    assert "Candidate 3:\nc" in ask.turns[0].text
    assert upstream.ends == {0: 1, 1: 1, 2: 1, 3: 1}
    judged = run.outcome().attempts[3]
    assert (judged.alias, judged.served, judged.spare) == ("judge", False, True)


@both
async def test_a_member_may_judge(served):
    run = run_of("judge", "large", ("small", "large"))
    assert await served(run, Upstream(small="1 it is", large="2")) == "large"


@both
async def test_who_agrees_needs_no_judge(served):
    run, upstream = run_of("judge", "judge"), Upstream(small="yes", sql="Yes.", large="yes", judge=HANG)
    assert await served(run, upstream) == "small"
    assert (told(run)[1], len(upstream.asks)) == (Reason.VOTE, 3)


@both
@pytest.mark.parametrize(
    ("judge", "degraded"),
    [
        ("both are fine", ("judge_unclear",)),
        (OSError(), ("judge_failed", "judge_failed")),  # of the alias, and of its office
        (HANG, ("judge_late", "judge_late")),
    ],
)
async def test_without_a_verdict_the_first_counts(served, judge, degraded):
    run = run_of("judge", "judge")
    upstream = Upstream(small=OSError(), sql="b", large="c", judge=judge)
    assert await served(run, upstream) == "sql"
    assert told(run) == ("sql", Reason.NOT_JUDGED, ("small_failed", *degraded))
    assert upstream.ends == {0: 1, 1: 1, 2: 1, 3: 1}


@both
async def test_members_that_fail_or_are_late_do_not_count(served):
    run, upstream = run_of("vote"), Upstream(small=OSError(), sql=HANG, large="me")
    assert await served(run, upstream) == "large"
    assert told(run) == ("large", Reason.VOTE, ("small_failed", "sql_late"))
    assert upstream.ends == {0: 1, 1: 1, 2: 1}


@both
async def test_an_empty_answer_counts_only_where_there_is_no_other(served):
    assert await served(run_of("vote"), Upstream(small="", sql="", large="yes")) == "large"
    assert await served(run_of("vote"), Upstream(small="", sql="", large=OSError())) == "small"


@both
async def test_when_all_fail_the_last_members_error_is_raised(served):
    error = PermissionError("402")
    run, upstream = run_of("vote"), Upstream(small=OSError(), sql=HANG, large=error)
    with pytest.raises(PermissionError) as raised:
        await served(run, upstream)
    assert raised.value is error
    assert told(run) == (None, Reason.ERROR, ("large_failed", "small_failed", "sql_late")) or len(told(run)[2]) == 3
    assert upstream.ends == {0: 1, 1: 1, 2: 1}


@pytest.mark.parametrize("members", [("small", "sql")])
async def test_a_stream_that_stops_in_the_middle_is_late(members):
    run, upstream = run_of("longest", members=members), Upstream(small="so much to HANG", sql="short")
    assert await streamed(run, upstream) == "sql"
    assert told(run) == ("sql", Reason.LONGEST, ("small_late",))
    assert upstream.abandoned == ["small"]


async def test_a_client_that_leaves_an_ensemble_ends_every_call():
    run, upstream = run_of("vote", within_ms=60_000.0), Upstream(small=HANG, sql=HANG, large="c")
    settling = asyncio.create_task(settle_ensemble(run, upstream))
    for _ in range(5):
        await asyncio.sleep(0)
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert upstream.ends == {0: 1, 1: 1, 2: 1}
