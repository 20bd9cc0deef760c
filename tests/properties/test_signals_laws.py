import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_cascade.signals import read_signals
from litellm_cascade.signals.output import MOST
from litellm_cascade.vocabulary import Attachment, Endpoint, Envelope, Hints, Request, Turn

ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="default")
texts = st.text(st.characters(exclude_categories=()), max_size=300) | st.text("<{[(`|\"'-=:/ \n\tselctfromdi>}])", max_size=300)
words = st.text(max_size=20)
attachments = st.builds(
    Attachment, modality=st.sampled_from(("image", "pdf", "audio", "video", "file")) | words, mime_type=st.none() | words
)
turns = st.builds(
    Turn,
    role=st.sampled_from(("system", "user", "assistant", "tool")) | words,
    text=texts,
    attachments=st.lists(attachments, max_size=3).map(tuple),
    tool_calls=st.integers(-3, 5),
)
levels = st.sampled_from(("low", "normal", "high")) | words
requests = st.builds(
    Request,
    envelope=st.just(ENVELOPE),
    turns=st.lists(turns, max_size=6).map(tuple),
    tools=st.lists(words, max_size=4).map(tuple),
    response_format=st.none() | st.sampled_from(("json_object", "json_schema")) | words,
    temperature=st.none() | st.floats(allow_nan=False),
    max_output_tokens=st.none() | st.integers(),
    choices=st.integers(),
    hints=st.builds(Hints, quality=levels, urgency=levels, latency_budget_ms=st.none() | st.floats(allow_nan=False)),
)
MARKER = "zqxjkvqz"
CLOSED = {"text", "image", "pdf", "audio", "video", "file", "xml", "json", "code", "sql", "markdown_table", "json_object", "json_schema"}


@given(requests)
def test_any_request_has_signals_and_always_the_same(request):
    assert read_signals(request) == read_signals(request)


@given(requests, turns)
def test_another_turn_never_lowers_the_token_estimate(request, turn):
    more = replace(request, turns=(*request.turns, turn))
    assert read_signals(more).input_tokens >= read_signals(request).input_tokens


@given(requests, st.integers(1, 10_000))
def test_an_answer_is_never_predicted_longer_than_the_client_allows(request, allowed):
    predicted = read_signals(replace(request, max_output_tokens=allowed)).predicted_output_tokens
    assert 1 <= predicted <= min(allowed, MOST)


@given(requests, st.integers(1, 4096), st.integers(1, 4096))
def test_allowing_more_never_predicts_less(request, one, other):
    less, more = (read_signals(replace(request, max_output_tokens=n)).predicted_output_tokens for n in sorted((one, other)))
    assert less <= more


@given(requests, st.sampled_from(("prefix", "suffix")))
def test_no_word_of_a_request_ends_up_in_its_signals(request, where):
    marked = tuple(replace(turn, text=MARKER + turn.text if where == "prefix" else turn.text + MARKER) for turn in request.turns)
    hints = Hints(quality=MARKER, urgency=MARKER)
    carried = Turn(role="user", text="", attachments=(Attachment(modality=MARKER, mime_type=f"image/{MARKER}"),))
    signals = read_signals(replace(request, turns=(*marked, carried), tools=(MARKER,), response_format=MARKER, hints=hints))
    assert MARKER not in repr(signals)
    assert {*signals.modalities, *signals.markup, signals.response_format} <= CLOSED
    assert len(signals.language) == 2 or signals.language == "unknown"


@pytest.mark.parametrize(
    "piece",
    [
        "select ",
        '{"',
        "<a ",
        "</",
        "-",
        "|---",
        " ",
        "\n",
        '"',
        "class a ",
        "for ((",
        '{ "a" ',
        "```",
        "\n\t",
        "9 word",
        "\nA: ",
        "\nA. ",
        "write a ",
        "é",
        "中",
    ],
)
def test_a_hostile_text_costs_no_more_than_a_few_milliseconds(piece):
    request = Request(envelope=ENVELOPE, turns=(Turn(role="user", text=piece * (100_000 // len(piece))),))
    read_signals(request)
    took = min(_timed(request) for _ in range(5))
    assert took < 0.2  # seconds of processor time; 1 to 3 ms are usual, a quadratic pattern takes minutes


def _timed(request: Request) -> float:
    began = time.thread_time()
    read_signals(request)
    return time.thread_time() - began


@settings(max_examples=20)
@given(st.integers(0, 5))
def test_turns_and_attachments_are_counted(count):
    turn = Turn(role="tool", text="x", attachments=(Attachment(modality="pdf"),))
    signals = read_signals(Request(envelope=ENVELOPE, turns=(turn,) * count))
    assert (signals.turns, signals.tool_results, signals.attachments) == (count, count, count)
