"""What the fake model server promises, asked over real HTTP."""

import json
import math
import threading

import httpx
import pytest

from litellm_cascade.testing.upstream import FakeUpstream, Reply, ToolCall
from litellm_cascade.vocabulary import TokenLogprob

PARIS = Reply(tokens=[("Par", -0.1), ("is", -0.5)])
ASK = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}
SCORED = {**ASK, "logprobs": True, "top_logprobs": 2}


@pytest.fixture(scope="module")
def server():
    with FakeUpstream() as server:
        yield server


@pytest.fixture
def upstream(server):
    server.clear()
    return server


@pytest.fixture
def client(upstream):
    with httpx.Client(base_url=upstream.url, trust_env=False, timeout=10) as client:
        yield client


def whole(client, body=ASK, path="/v1/chat/completions"):
    return client.post(path, json=body).raise_for_status().json()


def stream(client, body=ASK, path="/v1/chat/completions"):
    text = client.post(path, json={**body, "stream": True}).raise_for_status().text
    return [line.removeprefix("data: ") for line in text.splitlines() if line]


def chunks(client, body=ASK, path="/v1/chat/completions"):
    *payloads, done = stream(client, body, path)
    assert done == "[DONE]"
    return [json.loads(payload) for payload in payloads]


def scores(choice):
    return [(entry["token"], entry["logprob"]) for entry in choice["logprobs"]["content"]]


# --- scripts -----------------------------------------------------------------------------------------------------------------------


def test_a_model_without_a_script_answers_with_its_name(client):
    assert whole(client)["choices"][0]["message"]["content"] == "Answer of small."


def test_replies_are_given_in_turn_and_the_last_one_stays(upstream, client):
    upstream.script("small", [Reply("one"), Reply("two")])
    assert [whole(client)["choices"][0]["message"]["content"] for _ in range(3)] == ["one", "two", "two"]


def test_a_script_can_look_at_the_request(upstream, client):
    upstream.script("small", lambda seen: Reply(seen.body["messages"][0]["content"].upper()))
    assert whole(client)["choices"][0]["message"]["content"] == "HI"


def test_models_are_scripted_apart(upstream, client):
    upstream.script("small", Reply("s"))
    upstream.script("large", Reply("l"))
    assert whole(client, {**ASK, "model": "large"})["choices"][0]["message"]["content"] == "l"
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["small", "large"]


def test_a_request_is_remembered_with_its_headers_until_clear(upstream, client):
    client.post("/v1/chat/completions", json=ASK, headers={"x-mark": "7"})
    seen = upstream.wait_for(lambda seen: seen.finished)
    assert (seen.model, seen.body, seen.headers["x-mark"], seen.disconnected) == ("small", ASK, "7", False)
    upstream.clear()
    assert upstream.requests == []


def test_waiting_in_vain_tells_what_was_seen(upstream, client):
    whole(client)
    with pytest.raises(AssertionError, match="model='small'"):
        upstream.wait_for(lambda seen: seen.model == "large", timeout=0.01)


# --- answers -----------------------------------------------------------------------------------------------------------------------


def test_usage_counts_the_tokens_of_every_choice(upstream, client):
    upstream.script("small", Reply("a b", reasoning="hm", input_tokens=7))
    answer = whole(client, {**ASK, "n": 2})
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (7, 6)
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}


def test_a_stream_sends_the_role_the_tokens_and_the_ending(upstream, client):
    upstream.script("small", PARIS)
    choices = [chunk["choices"][0] for chunk in chunks(client)]
    assert [choice["delta"].get("content") for choice in choices] == ["", "Par", "is", None]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, "stop"]
    assert upstream.wait_for(lambda seen: seen.finished).tokens_sent == 2


def test_stream_usage_comes_only_when_asked_for_after_the_ending_and_without_choices(client):
    assert not any("usage" in chunk for chunk in chunks(client))
    *earlier, last = chunks(client, {**ASK, "stream_options": {"include_usage": True}})
    assert (last["choices"], last["usage"]["completion_tokens"]) == ([], 3)
    assert all(chunk["usage"] is None for chunk in earlier)


def test_a_stream_of_two_choices_alternates(upstream, client):
    upstream.script("small", PARIS)
    pieces = [chunk["choices"][0] for chunk in chunks(client, {**ASK, "n": 2})]
    assert [(piece["index"], piece["delta"].get("content")) for piece in pieces][2:6] == [(0, "Par"), (1, "Par"), (0, "is"), (1, "is")]


def test_reasoning_comes_before_the_answer(upstream, client):
    upstream.script("small", Reply("4", reasoning="two and two"))
    assert whole(client)["choices"][0]["message"]["reasoning_content"] == "two and two"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(client)]
    assert [delta["reasoning_content"] for delta in deltas[1:4]] == ["two", " and", " two"]


def test_tool_calls_end_an_answer_with_their_own_reason(upstream, client):
    upstream.script("small", Reply(tool_calls=[ToolCall("look", '{"at":1}')]))
    choice = whole(client)["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at":1}'}
    calls = [chunk["choices"][0]["delta"].get("tool_calls") for chunk in chunks(client)]
    assert [call[0]["function"] for call in calls if call] == [{"name": "look", "arguments": ""}, {"arguments": '{"at":1}'}]


def test_the_finish_reason_can_be_scripted(upstream, client):
    upstream.script("small", Reply("cut", finish_reason="length"))
    assert whole(client)["choices"][0]["finish_reason"] == "length"
    assert chunks(client)[-1]["choices"][0]["finish_reason"] == "length"


def test_the_legacy_route_answers_whole_and_as_a_stream(upstream, client):
    upstream.script("small", PARIS)
    asked = {"model": "small", "prompt": "hi", "logprobs": 2}
    choice = whole(client, asked, "/v1/completions")["choices"][0]
    assert (choice["text"], choice["logprobs"]["token_logprobs"], choice["logprobs"]["text_offset"]) == ("Paris", [-0.1, -0.5], [0, 3])
    assert [len(top) for top in choice["logprobs"]["top_logprobs"]] == [2, 2]
    assert [chunk["choices"][0]["text"] for chunk in chunks(client, asked, "/v1/completions")] == ["Par", "is", ""]


def test_the_gemini_routes_answer_whole_and_as_a_stream(upstream, client):
    upstream.script("gem", PARIS)
    asked = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    answer = whole(client, asked, "/v1beta/models/gem:generateContent")
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "Paris"}]
    assert answer["usageMetadata"] == {"promptTokenCount": 10, "candidatesTokenCount": 2, "totalTokenCount": 12}
    pieces = [json.loads(piece) for piece in stream(client, asked, "/v1beta/models/gem:streamGenerateContent")]
    assert [piece["candidates"][0].get("finishReason") for piece in pieces] == [None, "STOP"]


# --- log-probabilities -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["openai", "vllm", "llama_cpp", "none"])
def test_log_probabilities_come_only_when_asked_for(upstream, client, dialect):
    upstream.script("small", Reply("Paris", dialect=dialect))
    assert whole(client)["choices"][0]["logprobs"] is None
    assert all(chunk["choices"][0]["logprobs"] is None for chunk in chunks(client))


def test_tokens_keep_their_log_probabilities_and_get_alternatives_best_first(upstream, client):
    upstream.script("small", PARIS)
    choice = whole(client, SCORED)["choices"][0]
    assert scores(choice) == [("Par", -0.1), ("is", -0.5)]
    top = choice["logprobs"]["content"][0]["top_logprobs"]
    assert [entry["token"] for entry in top] == ["Par", "~1"]
    assert math.isclose(math.exp(top[1]["logprob"]), (1 - math.exp(-0.1)) / 2)


def test_a_stream_carries_the_same_log_probabilities_a_token_a_chunk(upstream, client):
    upstream.script("small", PARIS)
    choices = [chunk["choices"][0] for chunk in chunks(client, SCORED)]
    assert [score for choice in choices if choice["logprobs"] for score in scores(choice)] == [("Par", -0.1), ("is", -0.5)]


def test_alternatives_can_be_scripted(upstream, client):
    upstream.script("small", Reply(tokens=[TokenLogprob("b", -1.2, (-0.4, -1.2, -3.0))]))
    top = whole(client, {**SCORED, "top_logprobs": 3})["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    assert [(entry["token"], entry["logprob"]) for entry in top] == [("~0", -0.4), ("b", -1.2), ("~2", -3.0)]


def test_a_silent_server_sends_none_though_asked(upstream, client):
    upstream.script("small", Reply("Paris", dialect="none"))
    assert whole(client, SCORED)["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("dialect", ["openai", "vllm", "llama_cpp"])
def test_an_empty_answer_has_no_log_probabilities(upstream, client, dialect):
    upstream.script("small", Reply("", dialect=dialect))
    choice = whole(client, SCORED)["choices"][0]
    assert (choice["message"]["content"], choice["logprobs"]) == ("", None)


def test_llama_cpp_ends_whole_answers_with_an_empty_token_but_not_streams(upstream, client):
    upstream.script("small", Reply("Paris", dialect="llama_cpp"))
    assert [token for token, _ in scores(whole(client, SCORED)["choices"][0])] == ["Paris", ""]
    choices = [chunk["choices"][0] for chunk in chunks(client, SCORED)]
    assert [token for choice in choices if choice["logprobs"] for token, _ in scores(choice)] == ["Paris"]


@pytest.mark.parametrize(("asked", "alternatives"), [({}, 20), ({"top_logprobs": 3}, 3), ({"top_logprobs": 0}, None)])
def test_llama_cpp_counts_alternatives_in_its_own_way(upstream, client, asked, alternatives):
    upstream.script("small", Reply("Paris", dialect="llama_cpp"))
    logprobs = whole(client, {**ASK, "logprobs": True, **asked})["choices"][0]["logprobs"]
    assert (len(logprobs["content"][0]["top_logprobs"]) if logprobs else None) == alternatives


@pytest.mark.parametrize("dialect", ["openai", "vllm"])
@pytest.mark.parametrize("asked", [{}, {"top_logprobs": 0}])
def test_others_send_the_chosen_token_without_alternatives(upstream, client, dialect, asked):
    upstream.script("small", Reply("Paris", dialect=dialect))
    content = whole(client, {**ASK, "logprobs": True, **asked})["choices"][0]["logprobs"]["content"]
    assert [len(entry["top_logprobs"]) for entry in content] == [0]


@pytest.mark.parametrize(("dialect", "tokens"), [("openai", ["~1"]), ("vllm", ["~1", "odd"])])
def test_only_vllm_adds_an_unlikely_chosen_token_to_the_alternatives(upstream, client, dialect, tokens):
    upstream.script("small", Reply("odd", logprob=-4.0, dialect=dialect))
    entry = whole(client, {**SCORED, "top_logprobs": 1})["choices"][0]["logprobs"]["content"][0]
    assert [alternative["token"] for alternative in entry["top_logprobs"]] == tokens


@pytest.mark.parametrize(("dialect", "tokens"), [("openai", ["4"]), ("vllm", ["hm", "4"]), ("llama_cpp", ["hm", "4", ""])])
def test_local_servers_score_the_reasoning_too(upstream, client, dialect, tokens):
    upstream.script("small", Reply("4", reasoning="hm", dialect=dialect))
    assert [token for token, _ in scores(whole(client, SCORED)["choices"][0])] == tokens


@pytest.mark.parametrize("body", [{**ASK, "top_logprobs": 2}, {**SCORED, "top_logprobs": 21}])
def test_alternatives_asked_for_wrongly_are_refused(client, body):
    response = client.post("/v1/chat/completions", json=body)
    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")


# --- trouble -----------------------------------------------------------------------------------------------------------------------


def test_errors_have_a_status_a_body_and_headers(upstream, client):
    upstream.script("small", Reply(status=429, error="slow down", headers={"retry-after": "1"}))
    response = client.post("/v1/chat/completions", json=ASK)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    assert response.json()["error"]["message"] == "slow down"


def test_an_error_body_can_be_given_whole(upstream, client):
    upstream.script("small", Reply(status=500, error={"detail": "odd"}))
    assert client.post("/v1/chat/completions", json=ASK).json() == {"detail": "odd"}


def test_delays_are_kept(upstream, client):
    upstream.script("small", Reply("a b", delay_s=0.05, per_token_delay_s=0.02))
    whole(client)
    seen = upstream.wait_for(lambda seen: seen.finished)
    assert seen.ended_at - seen.started_at >= 0.09


def test_a_broken_stream_ends_without_an_end(upstream, client):
    upstream.script("small", Reply("a b c d", break_after=2))
    with pytest.raises(httpx.RemoteProtocolError):
        stream(client)
    seen = upstream.wait_for(lambda seen: seen.ended_at is not None)
    assert (seen.tokens_sent, seen.finished, seen.disconnected) == (2, False, False)


def test_a_whole_answer_can_break_in_its_middle(upstream, client):
    upstream.script("small", Reply("a b", break_after=0))
    with pytest.raises(httpx.RemoteProtocolError):
        whole(client)


def test_a_client_that_leaves_a_stream_is_noticed(upstream, client):
    upstream.script("small", Reply("a b c d", hang_after=2))
    with client.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}):
        upstream.wait_for(lambda seen: seen.tokens_sent == 2)
    seen = upstream.wait_for(lambda seen: seen.disconnected)
    assert (seen.tokens_sent, seen.finished) == (2, False)


def test_a_client_that_stops_waiting_for_a_hanging_answer_is_noticed(upstream, client):
    upstream.script("small", Reply(hang=True))
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=ASK, timeout=0.05)
    assert upstream.wait_for(lambda seen: seen.disconnected).tokens_sent == 0


def test_closing_the_server_ends_what_hangs():
    with FakeUpstream() as upstream:
        upstream.script("small", Reply(hang=True))
        waiting = threading.Thread(target=lambda: httpx.post(f"{upstream.url}/v1/chat/completions", json=ASK, trust_env=False, timeout=30))
        waiting.start()
        upstream.wait_for(lambda seen: seen.model == "small")
    waiting.join(5)
    assert not waiting.is_alive()
    assert not upstream.requests[0].finished


def test_stopping_twice_or_before_the_start_does_no_harm():
    with FakeUpstream() as upstream:
        upstream.stop()
    FakeUpstream().stop()


def test_a_script_without_replies_is_refused_at_once(upstream):
    with pytest.raises(ValueError, match="at least one reply"):
        upstream.script("small", [])
