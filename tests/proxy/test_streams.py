"""What a stream looks like on the wire: one finish, one usage, whole tool calls, and no more of it under way than the client takes."""

import json
import socket
import time
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest
from harness.configs import shapes_config
from harness.dialects import ALL, DIALECTS, Heard, events
from harness.looking import attempts

from litellm_cascade.testing.upstream import Reply, ToolCall

SURE, UNSURE = -0.01, -2.0
SMALL_SAYS = "The small one says plenty of words about this matter here"
LARGE_SAYS = "The large one knows better than that"
HELD = 4
"""Tokens that the policies of these tests hold back."""
ARGUMENTS = json.dumps({"city": "Bern", "unit": "celsius", "days": [1, 2, 3]})
CHUNK = 1 << 18


def largest(kind):
    """Bytes that the kernel may come to buffer for one socket, by itself."""
    setting = Path(f"/proc/sys/net/ipv4/tcp_{kind}")
    return int(setting.read_text().split()[2]) if setting.exists() else 8 << 20


MOST_BUFFERED = (largest("rmem") + 2 * largest("wmem") + (8 << 20)) // CHUNK  # between three processes, and 8 MB for these themselves
CHUNKS = MOST_BUFFERED * 4 // 3


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server):
    return start_proxy(shapes_config(upstream_server.url))


def finishes_and_usages(dialect, raw):
    """How many finishes and usages a stream had, and the last of these: tokens in and out."""
    heard = events(raw)
    if dialect in ("chat", "completions"):
        usages = [event["usage"] for event in heard if event.get("usage")]
        finishes = [choice["finish_reason"] for event in heard for choice in event["choices"] if choice.get("finish_reason")]
        return len(finishes), [(usage["prompt_tokens"], usage["completion_tokens"]) for usage in usages]
    if dialect == "messages":
        usages = [event["usage"] for event in heard if event["type"] == "message_delta"]
        return sum(event["type"] == "message_stop" for event in heard), [
            (usage["input_tokens"], usage["output_tokens"]) for usage in usages
        ]
    usages = [event["response"]["usage"] for event in heard if event["type"] == "response.completed"]
    return len(usages), [(usage["input_tokens"], usage["output_tokens"]) for usage in usages]


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("model", ["auto", "hedged", "drafted", "voted"])
@pytest.mark.parametrize("small", ["sure", "unsure"])
def test_there_is_one_finish_and_one_usage_and_that_is_the_served_rungs(client, upstream, dialect, model, small):
    upstream.script("small", Reply(SMALL_SAYS, logprob=SURE if small == "sure" else UNSURE, input_tokens=12))
    upstream.script("sql", Reply(LARGE_SAYS, input_tokens=13))
    upstream.script("large", Reply(LARGE_SAYS, input_tokens=14))
    more = {"stream_options": {"include_usage": True}} if dialect in ("chat", "completions") else {}
    heard = DIALECTS[dialect].ask(client, "hello", stream=True, model=model, **more)
    served = {"voted": (13, 7)}.get(model, (12, 11) if small == "sure" else (14, 7))
    assert finishes_and_usages(dialect, heard.raw) == (1, [served])


@pytest.mark.parametrize("dialect", ALL)
def test_the_held_words_come_at_once_and_the_others_one_by_one(client, upstream, dialect):
    upstream.script("small", Reply(SMALL_SAYS, logprob=SURE))
    heard = DIALECTS[dialect].ask(client, "hello", stream=True)
    texts = [text for event in events(heard.raw) if (text := text_of(dialect, event))]
    words = [f" {word}" for word in SMALL_SAYS.split()]
    assert texts == ["".join(words[:HELD]).lstrip(), *words[HELD:]]


def text_of(dialect, event):
    heard = Heard(200, {}, "")
    DIALECTS[dialect].hear_event(event, heard)
    return heard.text


@pytest.mark.parametrize("model", ["auto", "hedged", "drafted"])
@pytest.mark.parametrize("speaker", ["small", "large"])
@pytest.mark.parametrize("scored", ["openai", "vllm"])
def test_the_pieces_of_a_held_tool_call_come_out_whole_and_in_order(client, upstream, model, speaker, scored):
    calls = [ToolCall("weather", ARGUMENTS), ToolCall("time", ARGUMENTS)]
    upstream.script("small", Reply("hm, well, I do not know", logprob=UNSURE))
    upstream.script(speaker, Reply(tool_calls=calls, tool_pieces=9, dialect=scored))
    heard = DIALECTS["chat"].ask(client, "hello", stream=True, with_tool=True, model=model)
    assert (heard.status, heard.tools, heard.cascade("model")) == (200, ["weather", "time"], speaker)
    deltas = chain.from_iterable(choice["delta"].get("tool_calls") or () for event in events(heard.raw) for choice in event["choices"])
    arguments = {0: "", 1: ""}
    for delta in deltas:
        arguments[delta["index"]] += delta["function"].get("arguments") or ""
    assert arguments == {0: ARGUMENTS, 1: ARGUMENTS}


@pytest.mark.parametrize("model", ["auto", "hedged", "drafted"])
def test_an_unsure_tool_call_is_not_seen(client, upstream, model):
    upstream.script("small", Reply(tool_calls=[ToolCall("weather", ARGUMENTS)], tool_pieces=9, dialect="vllm", logprob=UNSURE))
    upstream.script("large", Reply(LARGE_SAYS))
    heard = DIALECTS["chat"].ask(client, "hello", stream=True, with_tool=True, model=model)
    assert (heard.text, heard.tools, heard.cascade("model")) == (LARGE_SAYS, [], "large")
    if model == "auto":  # judged on its first four pieces
        assert upstream.wait_for(lambda seen: seen.model == "small" and seen.ended_at is not None)
        assert heard.cascade("confidence").startswith("mean=-2.0000")


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("model", ["auto", "drafted"])
def test_json_is_judged_like_text_and_comes_out_whole(client, upstream, dialect, model):
    upstream.script("small", Reply(ARGUMENTS, logprob=SURE))
    heard = DIALECTS[dialect].ask(client, "hello", stream=True, model=model)
    assert (heard.text, heard.cascade("reason")) == (ARGUMENTS, "confident")


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("model", ["auto", "hedged"])
def test_a_stream_that_loses_its_confidence_after_its_release_is_regretted_and_goes_on(client, upstream, collector, trace, dialect, model):
    sure, unsure = [(f" sure{place}", SURE) for place in range(4)], [(f" unsure{place}", -1.0) for place in range(8)]
    upstream.script("small", Reply(tokens=[*sure, *unsure, *sure]))
    heard = DIALECTS[dialect].ask(client, "hello", stream=True, model=model, headers=trace.headers)
    assert (heard.status, heard.text) == (200, "".join(text for text, _ in (*sure, *unsure, *sure)))
    assert [heard.cascade(name) for name in ("model", "escalated", "reason")] == ["small", "false", "confident"]
    _, tried = attempts(collector, trace)
    assert tried["small"].attributes["cascade.late_regret"] is True
    assert tried["small"].attributes["cascade.late_regret.score"] == pytest.approx(-1.0)
    assert tried["small"].attributes["cascade.confidence.score"] == pytest.approx(SURE)


@pytest.mark.parametrize("dialect", ALL)
def test_a_stream_that_stays_sure_is_not_regretted(client, upstream, collector, trace, dialect):
    upstream.script("small", Reply(SMALL_SAYS, logprob=SURE))
    assert DIALECTS[dialect].ask(client, "hello", stream=True, headers=trace.headers).text == SMALL_SAYS
    _, tried = attempts(collector, trace)
    assert "cascade.late_regret" not in tried["small"].attributes


@pytest.mark.parametrize("dialect", ALL)
def test_the_first_text_waits_for_the_held_tokens_and_for_nothing_else(client, upstream, collector, trace, dialect):
    upstream.script("small", Reply("one two three four five six seven eight", per_token_delay_s=0.5))
    body = DIALECTS[dialect].body("hello", stream=True)
    with client.stream("POST", DIALECTS[dialect].path, json=body, headers=trace.headers) as response:
        so_far = ""
        for part in response.iter_text():
            so_far += part
            if "four" in so_far:
                break
        (small,) = upstream.asked("small")
        assert small.tokens_sent <= HELD + 1, "the next token is half a second away"  # a token is counted after it was sent
    route, tried = attempts(collector, trace)
    begun_ms = route.attributes["cascade.first_token_ms"] - tried["small"].attributes["cascade.hold_ms"]
    assert 0 <= begun_ms < 1500, "until its first output, half a second after it was asked"
    assert tried["small"].attributes["cascade.hold_ms"] == pytest.approx((HELD - 1) * 500, rel=0.3)


@pytest.mark.parametrize("model", ["auto", "hedged"])
def test_a_slow_client_slows_the_provider(proxy, upstream, model):
    upstream.script("small", Reply(tokens=chunks("x"), dialect="none"))
    upstream.script("large", Reply(tokens=chunks("y"), dialect="none"))
    with closing(connected(proxy)) as wire:
        ask(wire, proxy, {"model": model, "messages": [{"role": "user", "content": "hello"}], "stream": True})
        assert wire.recv(1000).startswith(b"HTTP/1.1 200")
        (small,) = upstream.asked("small")
        stalled_at = stands_still(lambda: small.tokens_sent)
        assert sum(map(len, iter(lambda: wire.recv(1 << 20), b""))) > CHUNK * CHUNKS
    assert stalled_at < MOST_BUFFERED
    assert small.tokens_sent == CHUNKS
    for large in upstream.asked("large"):
        assert large.tokens_sent < MOST_BUFFERED


def stands_still(count):
    """What it has come to when a second brings no more."""
    before = None
    while (now := count()) != before:
        before = now
        time.sleep(1.0)
    return now


def chunks(letter):
    """Large ones, and no two alike: LiteLLM breaks off an answer that repeats itself."""
    return [(f"{number:06}" + letter * (CHUNK - 6), SURE) for number in range(CHUNKS)]


def connected(proxy):
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # before connecting, so that the other side is told
    wire.settimeout(60)
    wire.connect(("127.0.0.1", proxy.port))
    return wire


def ask(wire, proxy, body):
    content = json.dumps(body).encode()
    head = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {proxy.key}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "Connection: close",
    ]
    wire.sendall("\r\n".join([*head, "", ""]).encode() + content)
