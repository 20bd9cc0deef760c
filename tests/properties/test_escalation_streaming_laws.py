"""What holds of every cascade, hedged or not, and of every ensemble over streams, whatever the rungs and the client do, and whenever.

Time is virtual: a loop with nothing to do jumps to its next timer, so that deadlines of seconds pass at once and in the same order on
every machine. A loop with nothing to do and no timer is stuck for good, which is an error.
"""

import asyncio
import selectors
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from litellm_cascade.escalation import AnswerStream, Ask, CascadeRun, EnsembleRun, Piece, StreamedAnswer, StreamedCascade, StreamedEnsemble
from litellm_cascade.vocabulary import Band, Consulting, Decision, Ensemble, Gate, Reason, StreamJudging, TokenLogprob, Verdict

LADDER = ("tiny", "small", "medium", "large")
FOREVER = 1e6  # seconds; longer than every deadline
GATE = Gate(name="gate", score="mean", accept_at=-0.5, whole_within_ms=4000.0, first_chunk_within_ms=1000.0)


class VirtualTime(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 0.0
        self.reported: list[Any] = []
        super().__init__(Jumping(self))
        self.set_exception_handler(lambda _, context: self.reported.append(context))

    def time(self) -> float:
        return self.now


class Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout is None:
            raise AssertionError("nothing will ever happen again")
        self._loop.now += timeout or 0.0
        return found


# --- scripts --------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wait:
    seconds: float


def mostly(usual: st.SearchStrategy[Any], *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Were everything to go wrong as often as not, hardly a rung would ever be judged."""
    return st.integers(0, 15).flatmap(lambda drawn: st.one_of(others) if drawn == 9 else usual)


WAITS = st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 5.0, FOREVER]).map(Wait)
ERRORS = st.sampled_from([ConnectionError, TimeoutError, ValueError]).map(lambda kind: kind("from the provider"))
PIECES = st.builds(
    Piece,
    payload=st.none(),
    text=st.sampled_from(["", " ", "word"]),
    tokens=st.lists(st.builds(TokenLogprob, st.just("word"), st.sampled_from([-0.1, -0.2, -2.0]), st.just(())), max_size=3).map(tuple),
    pieces_of_output=st.integers(0, 1),
)
ITEMS = mostly(PIECES, WAITS, ERRORS)
OPENINGS = mostly(st.just(Wait(0.0)), WAITS, ERRORS)
FINISHES = st.just([]) | st.sampled_from(["stop", "length"]).map(lambda reason: [Piece(None, finish_reason=reason)])


CONSULTED = mostly(st.sampled_from([0.9, 0.2]), WAITS, ERRORS, st.none())


@dataclass(frozen=True)
class Script:
    """What one rung does: before its stream is open, and in it."""

    opening: Wait | Exception
    said: list[Any]
    closing: float
    consulted: Wait | Exception | float | None

    @property
    def payloads(self) -> list[Any]:
        return [item.payload for item in self.said if isinstance(item, Piece)]


@st.composite
def scripts(draw: st.DrawFn, rung: int) -> Script:
    said = [*draw(st.lists(ITEMS, max_size=8)), *draw(FINISHES), *draw(mostly(st.just([]), st.lists(WAITS | ERRORS, max_size=1)))]
    numbered = [replace(item, payload=(rung, number)) if isinstance(item, Piece) else item for number, item in enumerate(said)]
    return Script(draw(OPENINGS), numbered, draw(st.sampled_from([0.0, 0.0, 3.0])), draw(CONSULTED))


@dataclass(frozen=True)
class Client:
    """How the answer is read. ``reads`` and ``leaves_after`` (seconds) are None for a client that stays to the end."""

    settles_first: bool = False
    reads: int | None = None
    leaves_after: float | None = None


LEAVING = st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.5, 1.0, 1.2, 2.0, 4.5])
CLIENTS = st.builds(
    Client,
    settles_first=st.booleans(),
    reads=mostly(st.none(), st.integers(0, 6)),
    leaves_after=mostly(st.none(), LEAVING) | LEAVING,
)
GATES = st.builds(
    lambda judging, unknown, also, score, kinds: replace(
        GATE, stream=judging, unknown=unknown, also_escalate=also, score=score, consulting=Consulting(kinds=kinds, within_ms=700.0)
    ),
    st.builds(
        StreamJudging, judge=st.sampled_from(["prefix", "prefix", "full", "off"]), tokens=st.integers(1, 6), within_ms=st.just(300.0)
    ),
    st.sampled_from(["accept", "escalate"]),
    st.frozensets(st.sampled_from(["empty", "truncated"])),
    st.sampled_from(["mean", "min", "sum", "self_check"]),
    st.sampled_from([(), ("self_check",), ("self_check", "agreement")]),
)


JUDGE = "judge"
ENSEMBLES = st.builds(
    lambda by: Ensemble(by=by, judge=JUDGE if by == "judge" else None, within_ms=4000.0, judge_within_ms=1000.0),
    st.sampled_from(["vote", "longest", "judge"]),
)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    ladder = LADDER[: draw(st.integers(1, 4))]
    plain = Decision(policy="p", digest="", route="r", band=Band.CASCADE, ladder=ladder)
    if len(ladder) == 1:
        return plain
    if draw(st.integers(0, 3)) == 3:
        return replace(plain, band=Band.ENSEMBLE, ensemble=draw(ENSEMBLES))
    return replace(plain, gate=draw(GATES), hedge=draw(st.booleans()))


DECISIONS = decisions()


@dataclass
class Upstream:
    """Plays the scripts, and keeps an account."""

    scripts: list[Script]
    aliases: tuple[str, ...]
    opened: list[int] = field(default_factory=list)
    exhausted: list[int] = field(default_factory=list)
    abandoned: list[int] = field(default_factory=list)
    ended_rungs: Counter[int] = field(default_factory=Counter)

    async def open(self, ask: Ask) -> "Stream":
        rung, alias = ask.rung, ask.alias
        assert alias == self.aliases[rung]
        await play(self.scripts[rung].opening)
        self.opened.append(rung)
        return Stream(self, rung)

    async def consult(self, asked: Any) -> float | None:
        assert asked.rung not in self.ended_rungs
        consulted = self.scripts[asked.rung].consulted
        if isinstance(consulted, Wait | Exception):
            await play(consulted)
            return 0.9
        return consulted

    def ended(self, rung: int) -> None:
        self.ended_rungs[rung] += 1


@dataclass
class Stream(AnswerStream):
    upstream: Upstream
    rung: int

    async def __aiter__(self) -> Any:
        for item in self.upstream.scripts[self.rung].said:
            if isinstance(item, Piece):
                yield item
            else:
                await play(item)
        self.upstream.exhausted.append(self.rung)

    async def abandon(self) -> None:
        self.upstream.abandoned.append(self.rung)
        await play(Wait(self.upstream.scripts[self.rung].closing))


async def play(item: Wait | Exception) -> None:
    if isinstance(item, Exception):
        raise item
    await asyncio.sleep(item.seconds)


# --- playing them ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Played:
    """A request that is over."""

    run: CascadeRun | EnsembleRun
    decision: Decision
    upstream: Upstream
    shown: list[tuple[int, int]] = field(default_factory=list)
    raised: Exception | None = None
    left: bool = False  # the client, of its own accord
    ends: list[bool] = field(default_factory=list)
    ended_at_the_end: Counter[int] = field(default_factory=Counter)
    tasks_left: int = 0
    reported: list[Any] = field(default_factory=list)

    @property
    def script_served(self) -> Script:
        return self.upstream.scripts[self.shown[0][0]]


@st.composite
def requests(draw: st.DrawFn) -> Played:
    decision = draw(DECISIONS)
    upstream = Upstream([draw(scripts(rung)) for rung in range(len(decision.ladder) + 1)], (*decision.ladder, JUDGE))
    run = CascadeRun(decision) if decision.ensemble is None else EnsembleRun(decision, decision.ensemble)
    played = Played(run, decision, upstream)
    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        runner.run(play_through(played, draw(CLIENTS)))
        played.reported = runner.get_loop().reported  # type: ignore[attr-defined]
    event(f"reason {run.outcome().reason.value}")
    return played


async def play_through(played: Played, client: Client) -> None:
    def on_end(finished: bool) -> None:
        played.ends.append(finished)
        played.ended_at_the_end = played.upstream.ended_rungs.copy()

    kind: Any = StreamedCascade if isinstance(played.run, CascadeRun) else StreamedEnsemble
    stream = kind(played.run, played.upstream, on_end)
    reading = asyncio.create_task(read(stream, client, played))
    await asyncio.wait({reading}, timeout=FOREVER / 2 if client.leaves_after is None else client.leaves_after)
    if not reading.done():
        played.left = True
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    await stream.aclose()
    played.tasks_left = len(asyncio.all_tasks()) - 1


async def read(stream: StreamedAnswer, client: Client, played: Played) -> None:
    try:
        if client.settles_first:
            await stream.settle()
        while client.reads is None or len(played.shown) < client.reads:
            played.shown.append(await anext(stream))
        played.left = True
    except StopAsyncIteration:
        pass
    except Exception as error:  # noqa: BLE001
        played.raised = error


def law(test: Callable[[Played], None]) -> Callable[[], None]:
    return given(requests())(test)


# --- laws -----------------------------------------------------------------------------------------------------------------------------


@law
def test_the_client_never_sees_a_piece_of_a_rung_that_was_rejected(played):
    outcome = played.run.outcome()
    assert {LADDER[rung] for rung, _ in played.shown} <= {outcome.alias}
    for rung, _ in played.shown:
        judgement = outcome.attempts[rung].judgement
        if judgement.verdict is not Verdict.ACCEPT:
            last = outcome.attempts[-1]
            assert last.error is not None or last.judgement.reason is Reason.EMPTY, "nor of one that was not better than nothing"


@law
def test_pieces_come_in_their_order_none_lost_and_none_doubled(played):
    if played.shown:
        assert played.shown == played.script_served.payloads[: len(played.shown)]


@law
def test_a_client_that_stays_sees_all_of_the_answer_or_an_error(played):
    if played.left or played.raised is not None:
        return
    served = played.run.outcome().attempts.index(next(attempt for attempt in played.run.outcome().attempts if attempt.served))
    assert played.shown == played.upstream.scripts[served].payloads


@law
def test_every_opened_stream_is_read_to_its_end_or_abandoned_and_never_both_or_twice(played):
    assert sorted(played.upstream.exhausted + played.upstream.abandoned) == sorted(played.upstream.opened)


@law
def test_every_rung_that_was_asked_is_told_once_that_it_ended_and_before_the_end(played):
    asked = {attempt.rung: 1 for attempt in played.run.outcome().attempts}
    assert played.upstream.ended_rungs == asked
    assert played.ended_at_the_end == asked


@law
def test_the_end_is_told_once_and_says_whether_the_client_left(played):
    assert len(played.ends) == 1
    if not played.left:
        assert played.ends == [True]
    elif not played.shown and played.raised is None and played.run.outcome().reason is Reason.DIRECT:
        assert played.ends == [False]


@law
def test_nothing_is_left_running_and_nothing_is_left_for_the_event_loop_to_report(played):
    assert (played.tasks_left, played.reported) == (0, [])


@law
def test_an_error_reaches_the_client_only_when_nobody_answered_or_what_was_served_broke(played):
    outcome = played.run.outcome()
    if played.raised is None:
        return
    if outcome.alias is None:
        assert played.shown == []
        assert all(attempt.error or nothing_to_fall_back_on(played) for attempt in outcome.attempts)
        assert type(played.raised).__name__ == outcome.attempts[-1].error
    else:
        assert outcome.reason is Reason.ERROR
        assert [attempt.error for attempt in outcome.attempts if attempt.served] == [type(played.raised).__name__]
        assert len(played.shown) < len(played.script_served.payloads) or played.raised in played.script_served.said


def nothing_to_fall_back_on(played: Played) -> bool:
    return isinstance(played.run, CascadeRun) and played.run.fallback is None


@law
def test_rungs_are_opened_at_most_once_and_in_order_where_nothing_is_hedged(played):
    opened = played.upstream.opened
    assert len(opened) == len(set(opened))
    if played.decision.ensemble is None and not played.decision.hedge:
        assert opened == sorted(opened)


@law
def test_a_hedge_is_one_rung_ahead_at_most_and_what_was_not_needed_is_no_escalation(played):
    attempts = played.run.outcome().attempts
    if played.decision.ensemble is None:
        spare = [attempt.rung for attempt in attempts if attempt.spare]
        assert spare in ([], [len(attempts) - 1])
        assert played.decision.hedge or not spare
    assert not any(attempt.spare and attempt.served for attempt in attempts)
    assert played.run.outcome().escalated is (sum(not attempt.spare for attempt in attempts) > 1)


@law
def test_what_an_ensemble_shows_is_a_whole_answer_of_one_member_and_nobody_escalates(played):
    outcome = played.run.outcome()
    if played.decision.ensemble is not None:
        assert {LADDER[rung] for rung, _ in played.shown} <= {outcome.alias}
        assert outcome.alias != JUDGE
        assert not outcome.escalated


@law
def test_times_are_known_of_what_was_shown_and_of_what_was_held(played):
    outcome = played.run.outcome()
    assert (outcome.first_token_ms is None) is (outcome.alias is None)
    for attempt in outcome.attempts:
        if attempt.hold_ms is not None:
            assert attempt.judgement.confidence is not None
            assert attempt.hold_ms >= 0
            assert outcome.first_token_ms is None or attempt.spare or attempt.hold_ms <= outcome.first_token_ms


@law
def test_a_late_regret_is_a_score_below_the_threshold_of_a_stream_that_was_released(played):
    for attempt in played.run.outcome().attempts:
        if attempt.late_regret is not None:
            assert (attempt.served, attempt.judgement.reason) == (True, Reason.CONFIDENT)
            assert attempt.late_regret < GATE.accept_at


@law
def test_the_first_text_of_a_released_answer_has_waited_for_the_hold_and_for_nothing_else(played):
    outcome = played.run.outcome()
    first = outcome.attempts[0] if outcome.attempts else None
    if first is None or first.hold_ms is None or first.judgement.verdict is not Verdict.ACCEPT:
        return
    assert outcome.first_token_ms == pytest.approx(milliseconds_to_the_first_output(played.upstream.scripts[0]) + first.hold_ms)
    stream = played.decision.gate.stream
    assert first.hold_ms <= (stream.within_ms if stream.judge == "prefix" else GATE.whole_within_ms)


def milliseconds_to_the_first_output(script: Script) -> float:
    seconds = script.opening.seconds
    for item in script.said:
        if isinstance(item, Wait):
            seconds += item.seconds
        elif item.tokens or item.pieces_of_output or item.finish_reason:
            break
    return seconds * 1000
