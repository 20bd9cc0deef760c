import asyncio
import gc
from collections import Counter
from dataclasses import replace
from types import MappingProxyType

import pytest

from litellm_cascade.errors import AbstainedError
from litellm_cascade.escalation import AnswerStream, CascadeRun, Expectation, Piece, StreamedCascade, ToolPiece
from litellm_cascade.vocabulary import (
    Abstention,
    AnswerContract,
    Band,
    Consulting,
    Decision,
    Gate,
    Reason,
    StreamJudging,
    TokenLogprob,
    Tool,
)

HANG = object()
HEDGED = MappingProxyType({"hedge": True})
LONG_MS = 60_000.0  # a deadline that is not met within a test
SHORT_MS = 20.0
GATE = Gate(
    name="gate",
    score="mean",
    accept_at=-0.5,
    also_escalate=frozenset({"empty", "truncated"}),
    stream=StreamJudging(judge="prefix", tokens=3, within_ms=LONG_MS),
    whole_within_ms=LONG_MS,
    first_chunk_within_ms=LONG_MS,
)


def piece(payload, logprob=-0.1, **changes):
    return replace(Piece(payload, text=payload, tokens=(TokenLogprob(payload, logprob),), pieces_of_output=1), **changes)


def words(alias, count, logprob=-0.1):
    return [piece(f"{alias} {number}", logprob) for number in range(count)]


def sure(alias, count=5):
    return words(alias, count)


def unsure(alias, count=5):
    return words(alias, count, -2.0)


def payloads(pieces):
    return [said.payload for said in pieces]


class Stream(AnswerStream):
    """Plays a script: pieces are said, exceptions raised, events waited for, and HANG never ends. Also tells what became of it."""

    def __init__(self, upstream, alias, script):
        self.upstream = upstream
        self.alias = alias
        self.script = script

    async def __aiter__(self):
        self.upstream.playing.add(self.alias)
        try:
            for item in self.script:
                await self.upstream.play(item)
                if isinstance(item, Piece):
                    self.upstream.taken[self.alias] += 1
                    yield item
            self.upstream.exhausted.append(self.alias)
        finally:
            self.upstream.playing.remove(self.alias)

    async def abandon(self):
        still_read = self.alias in self.upstream.playing
        self.upstream.abandoned.append(f"{self.alias}, while it was read" if still_read else self.alias)
        await self.upstream.abandoning.get(self.alias, asyncio.sleep)(0)


class Streams:
    """The rungs' streams. ``opening`` says what ``open`` does first, ``abandoning`` what ``abandon`` does, by alias; ``consulted`` is
    what a model says when it is asked how sure it is."""

    def __init__(self, opening=None, abandoning=None, consulted=None, **scripts):
        self.scripts = scripts
        self.consulted = consulted
        self.asked_again = []
        self.opening = opening or {}
        self.abandoning = abandoning or {}
        self.opened = []
        self.asks = []
        self.playing = set()
        self.taken = Counter()
        self.abandoned = []
        self.exhausted = []
        self.ends = Counter()
        self.reached = asyncio.Event()  # a script has come to a point where it waits

    async def open(self, ask):
        alias = ask.alias
        self.asks.append(ask)
        await self.play(self.opening.get(alias))
        self.opened.append(alias)
        return Stream(self, alias, self.scripts[alias])

    async def consult(self, asked):
        assert asked.rung not in self.ends, "what it costs belongs on the rung's bill"
        self.asked_again.append(asked)
        await self.play(self.consulted)
        return self.consulted

    async def play(self, item):
        if isinstance(item, Exception):
            raise item
        if item is HANG or isinstance(item, asyncio.Event):
            self.reached.set()
            await (asyncio.Event() if item is HANG else item).wait()

    def ended(self, rung):
        self.ends[rung] += 1


class Cascade:
    """A cascade over scripted streams, with all that is to be known about it."""

    def __init__(self, *ladder, gate=GATE, shape=MappingProxyType({}), unread_s=10.0, **streams):
        self.decision = Decision(policy="p", digest="", route="r", band=Band.CASCADE, ladder=ladder, gate=gate, **shape)
        self.run = CascadeRun(self.decision)
        self.upstream = Streams(**streams)
        self.ends = []
        self.over = asyncio.Event()
        self.stream = StreamedCascade(self.run, self.upstream, self._on_end, unread_s=unread_s)

    def _on_end(self, finished):
        self.ends.append(finished)
        self.over.set()

    async def shown(self):
        return await asyncio.wait_for(self.read_all(), 5)

    async def read_all(self):
        return [payload async for payload in self.stream]

    async def reads(self, count):
        return [await asyncio.wait_for(anext(self.stream), 5) for _ in range(count)]

    async def settles(self):
        await asyncio.wait_for(self.stream.settle(), 5)

    async def waits(self):
        """Until some stream has nothing to say for now."""
        await asyncio.wait_for(self.upstream.reached.wait(), 5)
        self.upstream.reached.clear()

    @property
    def told(self):
        outcome = self.run.outcome()
        return outcome.alias, outcome.reason, outcome.degraded

    @property
    def aftermath(self):
        """What was abandoned, how often each rung was told to have ended, and whether the client saw the end."""
        return sorted(self.upstream.abandoned), dict(self.upstream.ends), self.ends


@pytest.fixture(autouse=True)
async def nothing_is_left_behind():
    """No task survives a test, and no exception is reported to the event loop because nobody looked at it."""
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() - before - {asyncio.current_task()} == set()
    assert reported == []


# --- holding and judging --------------------------------------------------------------------------------------------------------------


async def test_held_tokens_are_released_when_there_are_enough_and_the_rest_passes_through():
    more = asyncio.Event()
    cascade = Cascade("small", "large", small=[*sure("small", 3), more, *words("rest", 2)])
    await cascade.settles()
    assert cascade.told == ("small", Reason.CONFIDENT, ())
    assert await cascade.reads(3) == payloads(sure("small", 3))
    more.set()
    assert await cascade.shown() == ["rest 0", "rest 1"]
    assert cascade.aftermath == ([], {0: 1}, [True])


async def test_a_first_chunk_that_is_enough_is_judged_at_once():
    several = piece("one two three", tokens=tuple(TokenLogprob(word, -0.1) for word in ("one", "two", "three")))
    cascade = Cascade("small", "large", small=[several, HANG])
    await cascade.settles()
    assert cascade.run.outcome().attempts[0].judgement.confidence.tokens == 3
    await cascade.stream.aclose()


async def test_text_that_was_rejected_is_never_shown():
    cascade = Cascade("small", "large", small=unsure("small"), large=sure("large"))
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.told == ("large", Reason.LOW_CONFIDENCE, ())
    assert cascade.upstream.taken["small"] == 3
    assert cascade.aftermath == (["small"], {0: 1, 1: 1}, [True])


async def test_what_has_arrived_is_judged_when_the_time_is_up():
    gate = replace(GATE, stream=replace(GATE.stream, within_ms=SHORT_MS))
    more = asyncio.Event()
    cascade = Cascade("small", "large", gate=gate, small=[*sure("small", 2), more, *words("rest", 3)])
    await cascade.settles()
    assert cascade.run.outcome().attempts[0].judgement.confidence.tokens == 2
    more.set()
    assert await cascade.shown() == ["small 0", "small 1", "rest 0", "rest 1", "rest 2"]


async def test_a_piece_that_was_on_its_way_at_the_release_is_shown_when_it_comes():
    gate = replace(GATE, stream=replace(GATE.stream, within_ms=SHORT_MS))
    more = asyncio.Event()
    cascade = Cascade("small", "large", gate=gate, small=[*sure("small", 2), more, *words("rest", 3)])
    assert await cascade.reads(2) == ["small 0", "small 1"]
    reading = asyncio.create_task(cascade.shown())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    more.set()
    assert await reading == ["rest 0", "rest 1", "rest 2"]


async def test_a_full_judgement_sees_the_whole_answer_before_any_of_it_is_shown():
    gate = replace(GATE, score="min", stream=replace(GATE.stream, judge="full"))
    slip_at_the_end = [*sure("small", 10), piece("slip", -3.0)]
    cascade = Cascade("small", "large", gate=gate, small=slip_at_the_end, large=sure("large"))
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.run.outcome().attempts[0].judgement.confidence.tokens == 11


async def test_a_full_judgement_has_a_deadline_too():
    gate = replace(GATE, whole_within_ms=SHORT_MS, stream=replace(GATE.stream, judge="full"))
    cascade = Cascade("small", "large", gate=gate, small=[*unsure("small", 4), HANG], large=sure("large"))
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.told == ("large", Reason.LOW_CONFIDENCE, ())


async def test_streams_that_are_not_judged_are_shown_from_the_first_chunk():
    gate = replace(GATE, stream=replace(GATE.stream, judge="off"))
    cascade = Cascade("small", "large", gate=gate, small=[*unsure("small", 1), HANG])
    assert await cascade.reads(1) == ["small 0"]
    assert cascade.told == ("small", Reason.NOT_JUDGED, ())
    await cascade.stream.aclose()


async def test_an_unjudged_stream_that_fails_before_its_first_chunk_is_left_for_the_last_rung():
    gate = replace(GATE, stream=replace(GATE.stream, judge="off"))
    cascade = Cascade("small", "large", gate=gate, small=[ConnectionError()], large=unsure("large"))
    assert await cascade.shown() == payloads(unsure("large"))
    assert cascade.run.outcome().attempts[1].judgement.reason is Reason.LAST_RUNG


async def test_the_last_rung_is_shown_from_its_first_chunk():
    cascade = Cascade("small", "large", small=unsure("small"), large=[*unsure("large", 1), HANG])
    assert await cascade.reads(1) == ["large 0"]
    await cascade.stream.aclose()


async def test_a_model_that_is_still_thinking_has_not_given_an_empty_answer():
    thoughts = [piece(f"thought {number}", text="", reasoning="hm") for number in range(3)]
    cascade = Cascade("small", "large", small=[*thoughts, HANG])
    await cascade.settles()
    assert cascade.told == ("small", Reason.CONFIDENT, ())
    await cascade.stream.aclose()


async def test_a_ladder_of_one_without_a_gate_is_shown_as_it_comes():
    cascade = Cascade("large", gate=None, large=unsure("large"))
    assert await cascade.shown() == payloads(unsure("large"))
    assert (cascade.told, cascade.aftermath) == (("large", Reason.LAST_RUNG, ()), ([], {0: 1}, [True]))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([], Reason.EMPTY),
        ([Piece("role"), Piece("finish", finish_reason="stop")], Reason.EMPTY),
        ([piece(" \n"), Piece("finish", finish_reason="stop")], Reason.EMPTY),
        ([piece("It is"), Piece("finish", finish_reason="length")], Reason.TRUNCATED),
        ([piece("perhaps", -2.0)], Reason.LOW_CONFIDENCE),
    ],
)
async def test_an_answer_that_ends_inside_the_hold_is_judged_whole_and_not_abandoned_since_it_has_been_billed(script, reason):
    cascade = Cascade("small", "large", small=script, large=sure("large"))
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.told == ("large", reason, ())
    assert cascade.upstream.exhausted == ["small", "large"]
    assert cascade.aftermath == ([], {0: 1, 1: 1}, [True])


async def test_a_finish_reason_makes_an_answer_whole_also_while_its_connection_stays_open():
    gate = replace(GATE, stream=replace(GATE.stream, within_ms=SHORT_MS))
    script = [piece("It is", finish_reason="length"), HANG]
    cascade = Cascade("small", "large", gate=gate, small=script, large=sure("large"))
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.told == ("large", Reason.TRUNCATED, ())
    assert cascade.upstream.abandoned == ["small"]


async def test_a_tool_call_is_an_answer():
    script = [Piece("call", tool_calls=(ToolPiece((0, 0), "search"),), pieces_of_output=1), Piece("finish", finish_reason="tool_calls")]
    cascade = Cascade("small", "large", small=script)
    assert await cascade.shown() == ["call", "finish"]
    assert cascade.told == ("small", Reason.UNKNOWN_CONFIDENCE, ())


async def test_without_log_probabilities_chunks_with_output_are_counted():
    script = [Piece(f"small {number}", text="word ", pieces_of_output=1) for number in range(3)]
    cascade = Cascade("small", "large", small=[*script, HANG])
    await cascade.settles()
    assert cascade.told == ("small", Reason.UNKNOWN_CONFIDENCE, ())
    await cascade.stream.aclose()


# --- what the request demands, and doubt ----------------------------------------------------------------------------------------------


def checking(*defects, judge="full", **changes):
    return replace(GATE, also_escalate=frozenset(defects), stream=replace(GATE.stream, judge=judge), **changes)


def held_against(contract, **options):
    cascade = Cascade("small", "large", **options)
    cascade.run = cascade.stream.run = CascadeRun(cascade.decision, Expectation(contract=contract))
    return cascade


async def test_a_call_that_comes_in_pieces_is_held_against_its_schema():
    schema = {"type": "object", "required": ["city"]}
    contract = AnswerContract(tools=(Tool(name="weather", parameters=schema),))
    call = [
        Piece("name", tool_calls=(ToolPiece((0, 0), "weather"),)),
        Piece("{", tool_calls=(ToolPiece((0, 0), "", "{"),), pieces_of_output=1),
    ]
    wrong = [*call, Piece("}", tool_calls=(ToolPiece((0, 0), "", "}"),)), Piece("end", finish_reason="tool_calls")]
    cascade = held_against(contract, gate=checking("invalid_tool_call"), small=wrong, large=sure("large"))
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.told == ("large", Reason.INVALID_TOOL_CALL, ())


async def test_an_unknown_tool_is_known_by_a_prefix():
    contract = AnswerContract(tools=(Tool(name="weather"),))
    call = [Piece("name", tool_calls=(ToolPiece((0, 0), "climate"),), pieces_of_output=3), HANG]
    cascade = held_against(contract, gate=checking("invalid_tool_call", judge="prefix"), small=call, large=sure("large"))
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.told == ("large", Reason.INVALID_TOOL_CALL, ())


async def test_a_providers_refusal_escalates_a_stream():
    cascade = Cascade("small", "large", gate=checking("refused"), small=[*sure("small", 1), Piece("No", refused=True)], large=sure("large"))
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.told == ("large", Reason.REFUSED, ())


async def test_a_doubtful_stream_is_held_and_flagged():
    gate = replace(GATE, abstain=Abstention(below=-0.5, then="flag"))
    cascade = Cascade("small", "large", gate=gate, small=unsure("small"), large=unsure("large"))
    assert await cascade.shown() == payloads(unsure("large"))
    assert cascade.run.outcome().abstained is Reason.LOW_CONFIDENCE


async def test_nothing_of_a_doubtful_stream_is_shown_where_doubt_is_an_error():
    gate = replace(GATE, abstain=Abstention(below=-0.5, then="error"))
    cascade = Cascade("small", "large", gate=gate, small=unsure("small"), large=unsure("large"))
    with pytest.raises(AbstainedError):
        await cascade.shown()
    assert cascade.told == (None, Reason.LOW_CONFIDENCE, ())
    assert cascade.aftermath == (["large", "small"], {0: 1, 1: 1}, [True])


async def test_doubt_opens_the_largest_which_is_shown_from_its_first_chunk():
    gate = replace(GATE, abstain=Abstention(below=-0.5, then="large", large="large"))
    cascade = Cascade("small", "sql", gate=gate, small=unsure("small"), sql=unsure("sql"), large=[*unsure("large", 1), HANG])
    assert await cascade.reads(1) == ["large 0"]
    await cascade.stream.aclose()
    assert cascade.aftermath[0] == ["large", "small", "sql"]


async def test_where_streams_are_not_judged_a_last_rung_is_not_in_doubt():
    gate = checking(judge="off", abstain=Abstention(below=-0.5, then="error"))
    cascade = Cascade("small", "large", gate=gate, small=[ConnectionError()], large=unsure("large"))
    assert await cascade.shown() == payloads(unsure("large"))
    assert cascade.told == ("large", Reason.NOT_JUDGED, ("small_failed",))


# --- failures -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("large", [{"opening": {"large": OSError()}}, {"large": [OSError()]}, {"large": [Piece("role"), OSError()]}])
async def test_when_the_large_model_fails_before_its_first_word_the_held_answer_is_released(large):
    cascade = Cascade("small", "large", **{"small": unsure("small"), "large": [], **large})
    assert await cascade.shown() == payloads(unsure("small"))
    assert cascade.told == ("small", Reason.KEPT_EARLIER, ("large_failed",))
    abandoned = ["large"] if "large" in large else []
    assert cascade.aftermath == (abandoned, {0: 1, 1: 1}, [True])


@pytest.mark.parametrize("large", [{"opening": {"large": HANG}}, {"large": [HANG]}, {"large": [Piece("role"), HANG]}])
async def test_when_the_large_model_hangs_before_its_first_word_the_held_answer_is_released(large):
    gate = replace(GATE, first_chunk_within_ms=SHORT_MS)
    cascade = Cascade("small", "large", gate=gate, **{"small": unsure("small"), "large": [], **large})
    assert await cascade.shown() == payloads(unsure("small"))
    assert cascade.told == ("small", Reason.KEPT_EARLIER, ("large_late",))
    abandoned = ["large"] if "large" in large else []
    assert cascade.aftermath == (abandoned, {0: 1, 1: 1}, [True])


@pytest.mark.parametrize("small", [{"opening": {"small": OSError()}}, {"small": [OSError()]}, {"small": [*sure("small", 2), OSError()]}])
async def test_a_small_model_that_breaks_while_it_is_held_is_replaced(small):
    cascade = Cascade("small", "large", **{"small": [], "large": sure("large"), **small})
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.told == ("large", Reason.ERROR, ("small_failed",))
    assert cascade.aftermath == (["small"] if "small" in small else [], {0: 1, 1: 1}, [True])


@pytest.mark.parametrize("small", [{"opening": {"small": HANG}}, {"small": [HANG]}, {"small": [Piece("role"), HANG]}])
async def test_a_small_model_that_says_nothing_in_time_is_replaced(small):
    gate = replace(GATE, first_chunk_within_ms=SHORT_MS)
    cascade = Cascade("small", "large", gate=gate, **{"small": [], "large": sure("large"), **small})
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.told == ("large", Reason.TIMEOUT, ("small_late",))
    assert cascade.aftermath == (["small"] if "small" in small else [], {0: 1, 1: 1}, [True])


async def test_a_stream_that_breaks_when_it_has_been_released_breaks_for_the_client_too():
    error = ConnectionError("reset")
    cascade = Cascade("small", "large", small=[*sure("small", 4), error])
    assert await cascade.reads(4) == payloads(sure("small", 4))
    with pytest.raises(ConnectionError) as raised:
        await cascade.reads(1)
    assert raised.value is error
    assert cascade.told == ("small", Reason.ERROR, ("small_failed",))
    assert cascade.aftermath == (["small"], {0: 1}, [True]), "the client did not leave, it was left"


async def test_a_kept_answer_that_breaks_while_it_waits_is_shown_as_far_as_it_came():
    gate = replace(GATE, stream=replace(GATE.stream, within_ms=SHORT_MS))
    breaks, fails = asyncio.Event(), asyncio.Event()
    cascade = Cascade("small", "large", gate=gate, small=[*unsure("small", 1), breaks, OSError()], large=[fails, ConnectionError()])
    settling = asyncio.create_task(cascade.settles())
    while "large" not in cascade.upstream.opened:
        await cascade.waits()
    breaks.set()
    fails.set()
    await settling
    assert await cascade.reads(1) == ["small 0"]
    with pytest.raises(OSError):
        await cascade.reads(1)
    assert cascade.told == ("small", Reason.ERROR, ("large_failed", "small_failed"))
    assert cascade.aftermath == (["large", "small"], {0: 1, 1: 1}, [True])


async def test_an_error_of_a_stream_that_nobody_wants_any_more_is_not_reported():
    gate = replace(GATE, stream=replace(GATE.stream, within_ms=SHORT_MS))
    breaks, goes_on = asyncio.Event(), asyncio.Event()
    cascade = Cascade("small", "large", gate=gate, small=[*unsure("small", 1), breaks, OSError()], large=[goes_on, *sure("large")])
    settling = asyncio.create_task(cascade.settles())
    while "large" not in cascade.upstream.opened:
        await cascade.waits()
    breaks.set()
    goes_on.set()
    await settling
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.aftermath == (["small"], {0: 1, 1: 1}, [True])
    del cascade
    gc.collect()  # the moment at which asyncio would report it


async def test_when_all_fail_the_last_error_is_raised_by_settling_and_again_by_reading():
    error = PermissionError("402")
    cascade = Cascade("small", "large", small=[OSError()], large=[error])
    for waiting in (cascade.settles, cascade.settles, cascade.shown):
        with pytest.raises(PermissionError) as raised:
            await waiting()
        assert raised.value is error
    await cascade.stream.aclose()
    assert cascade.told == (None, Reason.ERROR, ("small_failed", "large_failed"))
    assert cascade.aftermath == (["large", "small"], {0: 1, 1: 1}, [True])


async def test_when_all_fail_and_nobody_reads_on_it_has_ended_all_the_same():
    cascade = Cascade("small", opening={"small": OSError()}, small=[])
    with pytest.raises(OSError):
        await cascade.settles()
    await cascade.stream.aclose()
    assert cascade.aftermath == ([], {0: 1}, [True])


async def test_of_three_rungs_the_best_earlier_answer_is_kept():
    cascade = Cascade("small", "medium", "large", small=unsure("small"), medium=[Piece("f", finish_reason="stop")], large=[OSError()])
    assert await cascade.shown() == payloads(unsure("small"))
    assert cascade.told == ("small", Reason.KEPT_EARLIER, ("large_failed",))
    assert cascade.aftermath == (["large"], {0: 1, 1: 1, 2: 1}, [True])


async def test_of_two_earlier_answers_the_higher_is_kept_and_the_lower_abandoned():
    cascade = Cascade("small", "medium", "large", small=unsure("small"), medium=unsure("medium"), large=[OSError()])
    assert await cascade.shown() == payloads(unsure("medium"))
    assert cascade.told == ("medium", Reason.KEPT_EARLIER, ("large_failed",))
    assert cascade.aftermath == (["large", "small"], {0: 1, 1: 1, 2: 1}, [True])


async def test_a_stream_that_cannot_be_closed_does_not_cost_the_answer_of_another(caplog):
    async def fails(_):
        raise ConnectionError("already closed")

    cascade = Cascade("small", "large", abandoning={"small": fails}, small=unsure("small"), large=sure("large"))
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.aftermath == (["small"], {0: 1, 1: 1}, [True])
    assert "could not be closed" in caplog.text


async def test_a_rung_that_cannot_be_billed_does_not_cost_the_answer_of_another(caplog):
    cascade = Cascade("small", "large", small=unsure("small"), large=sure("large"))
    cascade.upstream.ends = None
    assert await cascade.shown() == payloads(sure("large"))
    assert (cascade.upstream.abandoned, cascade.ends) == (["small"], [True])
    assert "could not be closed" in caplog.text


async def test_nobody_waits_for_the_closing_of_a_rejected_stream_except_the_end():
    closed = asyncio.Event()

    async def slowly(_):
        await closed.wait()

    cascade = Cascade("small", "large", abandoning={"small": slowly}, small=unsure("small"), large=sure("large"))
    assert await cascade.reads(5) == payloads(sure("large"))
    assert cascade.aftermath == (["small"], {}, [])
    closed.set()
    assert await cascade.shown() == []
    assert cascade.aftermath == (["small"], {0: 1, 1: 1}, [True])


# --- clients that leave ---------------------------------------------------------------------------------------------------------------


async def test_a_client_that_stops_early_closes_the_stream_it_was_reading():
    cascade = Cascade("small", "large", small=[*sure("small"), HANG])
    await cascade.reads(2)
    await cascade.stream.aclose()
    await cascade.stream.aclose()
    assert cascade.aftermath == (["small"], {0: 1}, [False])
    assert await cascade.shown() == []


async def test_a_client_that_has_seen_the_finish_has_not_left():
    cascade = Cascade("small", "large", small=[*sure("small", 3), Piece("finish", finish_reason="stop"), HANG])
    assert (await cascade.reads(4))[-1] == "finish"
    await cascade.stream.aclose()
    assert cascade.aftermath == (["small"], {0: 1}, [True])


async def test_a_client_that_leaves_while_the_next_rung_is_opening_closes_both():
    cascade = Cascade("small", "large", small=unsure("small"), large=[HANG])
    reading = asyncio.create_task(cascade.reads(1))
    await cascade.waits()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert cascade.aftermath == (["large", "small"], {0: 1, 1: 1}, [False])
    assert cascade.told == (None, Reason.DIRECT, ())


async def test_a_client_that_leaves_while_a_piece_is_on_its_way_closes_the_stream():
    gate = replace(GATE, stream=replace(GATE.stream, within_ms=SHORT_MS))
    cascade = Cascade("small", "large", gate=gate, small=[*sure("small", 1), HANG])
    await cascade.reads(1)
    reading = asyncio.create_task(cascade.reads(1))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert cascade.aftermath == (["small"], {0: 1}, [False])


async def test_a_client_that_is_cancelled_again_while_its_streams_are_closing_changes_nothing():
    closed, closing = asyncio.Event(), asyncio.Event()

    async def slowly(_):
        closing.set()
        await closed.wait()

    cascade = Cascade("small", "large", abandoning={"small": slowly}, small=unsure("small"), large=[HANG])
    reading = asyncio.create_task(cascade.reads(1))
    await cascade.waits()
    reading.cancel()
    await asyncio.wait_for(closing.wait(), 5)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert cascade.ends == []
    closed.set()
    await asyncio.wait_for(cascade.over.wait(), 5)
    assert cascade.aftermath == (["large", "small"], {0: 1, 1: 1}, [False])


async def test_a_client_that_leaves_before_anything_happened_has_asked_nobody():
    cascade = Cascade("small", "large", small=sure("small"))
    await cascade.stream.aclose()
    assert (cascade.upstream.opened, cascade.run.outcome().attempts) == ([], ())
    assert cascade.aftermath == ([], {}, [False])
    with pytest.raises(RuntimeError, match="closed before it was settled"):
        await cascade.settles()
    assert await cascade.shown() == []


@pytest.mark.parametrize("moment", range(30))
async def test_a_client_may_leave_at_any_moment_of_the_climb(moment):
    cascade = Cascade("small", "medium", "large", small=unsure("small"), medium=[OSError()], large=[*sure("large", 1), HANG])
    reading = asyncio.create_task(cascade.read_all())  # without asyncio.wait_for, which can lose a cancellation
    for _ in range(moment):
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await cascade.stream.aclose()
    assert sorted(cascade.upstream.abandoned) == sorted(cascade.upstream.opened)
    assert cascade.upstream.ends == {attempt.rung: 1 for attempt in cascade.run.outcome().attempts}
    assert cascade.ends == [False]


async def test_a_stream_that_was_settled_and_never_read_is_closed():
    cascade = Cascade("small", "large", small=[*sure("small"), HANG])
    await cascade.settles()
    await cascade.stream.aclose()
    assert cascade.aftermath == (["small"], {0: 1}, [False])
    assert cascade.told == ("small", Reason.CONFIDENT, ())


async def test_an_answer_that_was_settled_and_never_read_was_left_although_it_had_ended():
    cascade = Cascade("small", "large", small=sure("small", 2))
    await cascade.settles()
    await cascade.stream.aclose()
    assert cascade.aftermath == ([], {0: 1}, [False])


# --- the two halves, and pressure -----------------------------------------------------------------------------------------------------


async def test_it_may_be_settled_in_one_task_and_read_in_another():
    cascade = Cascade("small", "large", small=unsure("small"), large=sure("large"))
    await asyncio.create_task(cascade.settles())
    assert await asyncio.create_task(cascade.shown()) == payloads(sure("large"))
    assert cascade.upstream.opened == ["small", "large"]


async def test_a_settling_that_is_given_up_goes_on_for_the_reader():
    more = asyncio.Event()
    cascade = Cascade("small", "large", small=[more, *sure("small")])
    settling = asyncio.create_task(cascade.settles())
    await cascade.waits()
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    more.set()
    assert await cascade.shown() == payloads(sure("small"))


@pytest.mark.parametrize("late", [False, True])
async def test_after_the_release_one_piece_is_read_ahead_at_most(late):
    gate = replace(GATE, stream=replace(GATE.stream, tokens=50 if late else 3, within_ms=SHORT_MS if late else LONG_MS))
    more = asyncio.Event()
    cascade = Cascade("small", "large", gate=gate, small=[*sure("small", 3), more, *words("rest", 10)])
    await cascade.settles()
    more.set()
    for read in range(1, 14):
        await cascade.reads(1)
        for _ in range(5):
            await asyncio.sleep(0)
        assert cascade.upstream.taken["small"] <= max(3, read) + 1
    assert await cascade.shown() == []


async def test_what_was_held_goes_on_in_as_few_pieces_as_the_host_makes_of_it(monkeypatch):
    monkeypatch.setattr(Stream, "together", lambda _, held: [replace(held[0], payload="+".join(payloads(held)))])
    said = sure("small", 6)
    cascade = Cascade("small", "large", gate=replace(GATE, stream=replace(GATE.stream, tokens=3)), small=said)
    held, *rest = await cascade.shown()
    assert held.split("+") == payloads(said)[:3]
    assert rest == payloads(said)[3:]


async def test_a_stream_may_be_any_iterator():
    class Counting(AnswerStream):
        def __init__(self):
            self.said = iter(sure("small", 4))

        def __aiter__(self):
            return self

        async def __anext__(self):
            for said in self.said:
                return said
            raise StopAsyncIteration

    class Upstream(Streams):
        async def open(self, ask):
            return Counting()

    cascade = Cascade("small", "large")
    stream = StreamedCascade(cascade.run, Upstream())
    assert [payload async for payload in stream] == payloads(sure("small", 4))


async def test_a_settled_stream_that_nobody_begins_to_read_has_lost_its_client():
    cascade = Cascade("small", "large", unread_s=SHORT_MS / 1000, small=[*sure("small"), HANG])
    await cascade.settles()
    await asyncio.wait_for(cascade.over.wait(), 5)
    assert cascade.aftermath == (["small"], {0: 1}, [False])
    with pytest.raises(RuntimeError, match="nobody had read it"):
        await cascade.shown()


async def test_a_settled_stream_that_is_read_may_be_read_slowly():
    slow = asyncio.Event()
    cascade = Cascade("small", "large", unread_s=SHORT_MS / 1000, small=[*sure("small"), slow, *words("rest", 1)])
    await cascade.settles()
    assert await cascade.reads(5) == payloads(sure("small"))
    asyncio.get_running_loop().call_later(3 * SHORT_MS / 1000, slow.set)
    assert await cascade.shown() == ["rest 0"]
    assert cascade.aftermath == ([], {0: 1}, [True])


# --- both at once ---------------------------------------------------------------------------------------------------------------------


async def test_a_hedge_is_opened_at_once_and_abandoned_when_it_is_not_needed():
    cascade = Cascade("small", "large", shape=HEDGED, small=sure("small"), large=sure("large"))
    assert await cascade.shown() == payloads(sure("small"))
    assert cascade.told == ("small", Reason.CONFIDENT, ())
    assert cascade.upstream.opened == ["small", "large"]
    assert cascade.aftermath == (["large"], {0: 1, 1: 1}, [True])
    assert not cascade.run.outcome().escalated


async def test_the_first_piece_of_a_hedge_is_there_when_the_small_answer_is_rejected():
    more = asyncio.Event()
    cascade = Cascade("small", "large", shape=HEDGED, small=[*unsure("small", 2), more, *unsure("small", 3)], large=sure("large"))
    settling = asyncio.create_task(cascade.settles())
    await cascade.waits()
    for _ in range(5):
        await asyncio.sleep(0)
    assert cascade.upstream.taken == {"small": 2, "large": 1}, "and no more of it, however long the small one takes"
    more.set()
    await settling
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.told == ("large", Reason.LOW_CONFIDENCE, ())
    assert cascade.aftermath == (["small"], {0: 1, 1: 1}, [True])


async def test_a_hedge_that_failed_before_it_was_needed_is_noted_only_when_it_is():
    cascade = Cascade("small", "large", shape=HEDGED, small=sure("small"), large=[OSError()])
    assert await cascade.shown() == payloads(sure("small"))
    assert cascade.told == ("small", Reason.CONFIDENT, ())
    cascade = Cascade("small", "large", shape=HEDGED, small=unsure("small"), large=[OSError()])
    assert await cascade.shown() == payloads(unsure("small"))
    assert cascade.told == ("small", Reason.KEPT_EARLIER, ("large_failed",))


async def test_a_hedge_answers_for_a_small_model_that_fails():
    cascade = Cascade("small", "large", shape=HEDGED, small=[OSError()], large=sure("large"))
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.aftermath == (["small"], {0: 1, 1: 1}, [True])


# --- late regret ----------------------------------------------------------------------------------------------------------------------


async def test_a_late_collapse_is_noted_and_changes_nothing_for_the_client():
    script = [*sure("small", 3), *sure("then", 3), *unsure("later", 3), *sure("last", 1)]
    cascade = Cascade("small", "large", small=script)
    assert await cascade.shown() == payloads(script)
    assert cascade.told == ("small", Reason.CONFIDENT, ())
    assert cascade.run.outcome().attempts[0].late_regret == -2.0


@pytest.mark.parametrize("judge", ["full", "off"])
async def test_only_what_was_released_on_its_beginning_is_regretted(judge):
    gate = replace(GATE, stream=replace(GATE.stream, judge=judge))
    cascade = Cascade("small", "large", gate=gate, small=[*sure("small", 30), *unsure("later", 3)])
    await cascade.shown()
    assert cascade.told[0] == "small"
    assert cascade.run.outcome().attempts[0].late_regret is None


async def test_a_client_that_leaves_leaves_with_the_regret_so_far():
    cascade = Cascade("small", "large", small=[*sure("small", 3), *unsure("later", 30)])
    await cascade.reads(8)
    await cascade.stream.aclose()
    assert cascade.run.outcome().attempts[0].late_regret == -2.0


async def test_a_whole_draft_of_a_stream_is_carried_over():
    gate = replace(GATE, stream=replace(GATE.stream, judge="full"))
    cascade = Cascade("small", "large", gate=gate, shape={"carry_over": True}, small=unsure("small", 2), large=sure("large"))
    await cascade.shown()
    assert cascade.upstream.asks[1].turns[0].text == "small 0small 1"
    cascade = Cascade("small", "large", shape={"carry_over": True}, small=unsure("small", 20), large=sure("large"))
    await cascade.shown()
    assert cascade.upstream.asks[1].turns == (), "a beginning is no draft"


# --- asking again --------------------------------------------------------------------------------------------------------------------

ASKS_AGAIN = replace(GATE, consulting=Consulting(kinds=("self_check",), accept_at=0.5, within_ms=LONG_MS))


def silent(alias, count=5):
    return [replace(said, tokens=()) for said in words(alias, count)]


async def test_a_prefix_without_log_probabilities_is_held_until_the_model_has_said_how_sure_it_is():
    cascade = Cascade("small", "large", gate=ASKS_AGAIN, small=silent("small"), large=sure("large"), consulted=0.9)
    assert await cascade.shown() == payloads(silent("small"))
    (asked,) = cascade.upstream.asked_again
    assert (asked.alias, asked.kind, asked.complete) == ("small", "self_check", False)
    assert asked.completion.text == "".join(payloads(silent("small", 3)))


async def test_a_stream_that_its_model_doubts_is_never_seen():
    cascade = Cascade("small", "large", gate=ASKS_AGAIN, small=silent("small"), large=sure("large"), consulted=0.1)
    assert await cascade.shown() == payloads(sure("large"))
    assert cascade.upstream.abandoned == ["small"]


async def test_a_model_that_does_not_say_in_time_costs_the_score_and_not_the_answer():
    gate = replace(ASKS_AGAIN, consulting=replace(ASKS_AGAIN.consulting, within_ms=SHORT_MS))
    cascade = Cascade("small", "large", gate=gate, small=silent("small"), consulted=HANG)
    assert await cascade.shown() == payloads(silent("small"))
    assert cascade.run.outcome().degraded == ("small_self_check_late",)


async def test_a_client_that_leaves_while_the_model_is_asked_leaves_nothing_running():
    cascade = Cascade("small", "large", gate=ASKS_AGAIN, small=silent("small"), consulted=HANG)
    reading = asyncio.create_task(cascade.shown())
    await asyncio.wait_for(cascade.upstream.reached.wait(), 1)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await cascade.stream.aclose()
    assert (cascade.upstream.abandoned, cascade.upstream.ends) == (["small"], {0: 1})
