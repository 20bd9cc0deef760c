"""Upstreams that tell what their rungs say change nothing else."""

import pytest

from litellm_cascade.escalation import Answer, AnswerStream, Ask, OverheardStreams, OverheardWhole, Piece
from litellm_cascade.vocabulary import Completion


class Stream(AnswerStream):
    def __init__(self):
        self.closed = self.abandoned = False

    async def __aiter__(self):
        try:
            for text in ("one ", "two ", "three"):
                yield Piece(text.upper(), text=text)
        finally:
            self.closed = True

    async def abandon(self):
        self.abandoned = True


class ByHand(Stream):
    """An iterator that is no generator."""

    def __init__(self):
        super().__init__()
        self.left = iter(["one ", "two "])

    def __aiter__(self):
        return self

    async def __anext__(self):
        text = next(self.left, None)
        if text is None:
            raise StopAsyncIteration
        return Piece(text.upper(), text=text)


class Upstream:
    def __init__(self, stream=None):
        self.stream = stream
        self.told = []

    async def ask(self, ask):
        return Answer(f"{ask.alias}'s", Completion(text=f"{ask.alias} says {ask.rung}"))

    async def open(self, ask):
        return self.stream

    async def consult(self, asked):
        return 0.5

    def ended(self, rung):
        self.told.append(rung)


@pytest.fixture
def heard():
    return []


async def test_a_whole_answer_is_told_and_handed_on(heard):
    upstream = Upstream()
    overheard = OverheardWhole(upstream, lambda *said: heard.append(said))
    answer = await overheard.ask(Ask(1, "large"))
    overheard.ended(1)
    assert (answer.payload, heard, upstream.told) == ("large's", [(1, "large says 1")], [1])


@pytest.mark.parametrize(("kind", "texts"), [(Stream, ["one ", "two ", "three"]), (ByHand, ["one ", "two "])])
async def test_a_stream_is_told_piece_by_piece_and_handed_on(heard, kind, texts):
    upstream = Upstream(kind())
    overheard = OverheardStreams(upstream, lambda *said: heard.append(said))
    payloads = [piece.payload async for piece in await overheard.open(Ask(0, "small"))]
    overheard.ended(0)
    assert (payloads, heard, upstream.told) == ([text.upper() for text in texts], [(0, text) for text in texts], [0])


async def test_a_stream_that_is_left_is_closed_and_abandoned(heard):
    upstream = Upstream(Stream())
    stream = await OverheardStreams(upstream, lambda *said: heard.append(said)).open(Ask(0, "small"))
    pieces = stream.__aiter__()
    await anext(pieces)
    await pieces.aclose()
    await stream.abandon()
    assert (heard, upstream.stream.closed, upstream.stream.abandoned) == ([(0, "one ")], True, True)
