"""Rungs of different providers, each spoken to in its own dialect: nothing of an answer is lost, and nobody is sent another's notes."""

import json

import pytest
from harness.configs import cascade_config
from harness.dialects import ALL, DIALECTS, every
from harness.talking import Talk

from litellm_cascade.testing import anthropic, gemini
from litellm_cascade.testing.upstream import Reply, ToolCall

SURE, UNSURE = -0.01, -2.0
CLAUDE = "claude-sonnet-4-5-20250929"
SAYS = "Claude says this and knows it"
WANTS = ToolCall("weather", '{"city": "Bern"}')
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4000}
LADDERS = {"openai_claude": "small", "gemini_claude": "gem", "together_claude": "tog"}


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server):
    config = cascade_config(upstream_server.url, callback_settings={"cascade": {"debug_headers": True}})
    claude = {"model": f"anthropic/{CLAUDE}", "api_base": upstream_server.url, "api_key": "fake"}
    together = {"model": "together_ai/tog", "api_base": f"{upstream_server.url}/v1", "api_key": "fake"}
    config["model_list"] += [{"model_name": "claude", "litellm_params": claude}, {"model_name": "tog", "litellm_params": together}]
    info = {"disable_background_health_check": True, "mode": "chat"}
    for name in (*LADDERS, "claude_openai"):
        config["model_list"].append({"model_name": name, "litellm_params": {"model": f"cascade/{name}"}, "model_info": info})
    return start_proxy(config)


@pytest.fixture(params=LADDERS)
def ladder(request):
    return request.param


def said_by_the_small(ladder, text, logprob):
    return Reply(text, logprob=logprob, dialect="together" if ladder == "together_claude" else "openai")


@pytest.fixture
def small_is_unsure(upstream, ladder):
    upstream.script(LADDERS[ladder], said_by_the_small(ladder, "It is hard to say, really, is it not", UNSURE))
    upstream.script(CLAUDE, Reply(SAYS))


@every(*ALL)
def test_a_confident_answer_is_served(client, upstream, ladder, dialect, stream):
    upstream.script(LADDERS[ladder], said_by_the_small(ladder, "The small one is quite sure of it", SURE))
    heard = dialect.ask(client, "hello", stream=stream, model=ladder)
    assert (heard.status, heard.text) == (200, "The small one is quite sure of it")
    assert [heard.cascade(name) for name in ("model", "reason")] == [LADDERS[ladder], "confident"]
    assert upstream.asked(CLAUDE) == []


@every(*ALL)
def test_an_unsure_answer_gives_way_to_claude_s(client, upstream, small_is_unsure, ladder, dialect, stream):
    heard = dialect.ask(client, "hello", stream=stream, model=ladder)
    assert (heard.status, heard.text) == (200, SAYS)
    assert [heard.cascade(name) for name in ("model", "reason")] == ["claude", "low_confidence"]
    assert "hard to say" not in heard.raw
    assert heard.usage in ((10, 6), ())  # /v1/completions streams none unasked


@every("chat", "messages", "responses")
def test_claude_calls_tools(client, upstream, small_is_unsure, ladder, dialect, stream):
    upstream.script(CLAUDE, Reply("I look it up.", tool_calls=[WANTS], tool_pieces=4))
    heard = dialect.ask(client, "hello", stream=stream, with_tool=True, model=ladder)
    assert (heard.status, heard.text, heard.tools, heard.cascade("model")) == (200, "I look it up.", ["weather"], "claude")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_claude_thinks_and_signs_it(client, upstream, small_is_unsure, ladder, stream):
    upstream.script(CLAUDE, Reply(SAYS, reasoning="Let me see."))
    heard = DIALECTS["chat"].ask(client, "hello", stream=stream, model=ladder, **THINKING)
    assert (heard.status, heard.text, heard.cascade("model")) == (200, SAYS, "claude")
    assert anthropic.SIGNATURE in heard.raw
    assert "thinking" not in upstream.asked(LADDERS[ladder])[0].body


@pytest.mark.parametrize("error", [529, 400])
@every(*ALL)
def test_what_anthropic_refuses_costs_nothing(client, upstream, small_is_unsure, ladder, dialect, stream, error):
    upstream.script(CLAUDE, Reply(status=error, error={"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}))
    heard = dialect.ask(client, "hello", stream=stream, model=ladder)
    assert (heard.status, heard.text) == (200, "It is hard to say, really, is it not")
    assert [heard.cascade(name) for name in ("reason", "degraded")] == ["kept_earlier", "claude_failed"]


# --- the next turn -----------------------------------------------------------------------------------------------------------------


def asked_again(client, ladder, first, **more):
    """The whole message of the answer goes back, as the clients of OpenAI's library send it, and a question after it."""
    turns = [{"role": "user", "content": "hello"}, json.loads(first.raw)["choices"][0]["message"], {"role": "user", "content": "And then?"}]
    return DIALECTS["chat"].ask(client, "", model=ladder, **({"messages": turns} | more))


def test_what_claude_wrote_beside_its_words_is_for_claude_alone(client, upstream, small_is_unsure, ladder):
    upstream.script(CLAUDE, Reply(SAYS, reasoning="Let me see."))
    first = DIALECTS["chat"].ask(client, "hello", model=ladder, **THINKING)
    assert anthropic.SIGNATURE in first.raw
    assert asked_again(client, ladder, first, **THINKING).cascade("model") == "claude"
    small, large = upstream.asked(LADDERS[ladder])[-1].body, upstream.asked(CLAUDE)[-1].body
    assert SAYS in json.dumps(small)
    assert "Let me see." not in json.dumps(small)
    assert "provider_specific_fields" not in json.dumps(small)
    assert [block.get("signature") for block in large["messages"][1]["content"]] == [anthropic.SIGNATURE, None]


def test_what_gemini_wrote_beside_its_words_is_for_gemini_alone(client, upstream):
    upstream.script("gem", Reply("I look it up.", tool_calls=[WANTS], logprob=SURE))
    first = DIALECTS["chat"].ask(client, "hello", model="gemini_claude", with_tool=True)
    assert (first.tools, first.cascade("model"), gemini.SIGNATURE in first.raw) == (["weather"], "gem", True)
    message = json.loads(first.raw)["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "sunny"}
    turns = [{"role": "user", "content": "hello"}, message, result]
    upstream.script("gem", Reply("It is hard to say, really, is it not", logprob=UNSURE))
    heard = DIALECTS["chat"].ask(client, "", model="gemini_claude", messages=turns, with_tool=True)
    assert (heard.status, heard.cascade("model"), heard.cascade("reason")) == (200, "gem", "direct")
    assert gemini.SIGNATURE in json.dumps(upstream.asked("gem")[-1].body)
    turns += [{"role": "assistant", "content": "sunny"}, {"role": "user", "content": "And tomorrow?"}]
    heard = DIALECTS["chat"].ask(client, "", model="gemini_claude", messages=turns, with_tool=True)
    assert (heard.status, heard.cascade("model"), heard.cascade("reason")) == (200, "claude", "low_confidence")
    assert gemini.SIGNATURE in json.dumps(upstream.asked("gem")[-1].body)
    assert gemini.SIGNATURE not in json.dumps(upstream.asked(CLAUDE)[-1].body)


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_a_tool_s_result_goes_back_to_claude(client, upstream, small_is_unsure, ladder, dialect):
    upstream.script(CLAUDE, Reply(tool_calls=[WANTS]))
    talk = Talk(dialect, f"Weather of {ladder}, {dialect}?")
    first = DIALECTS[dialect].ask(client, "", model=ladder, with_tool=True, **talk.body)
    assert (first.tools, first.cascade("model")) == (["weather"], "claude")
    upstream.script(CLAUDE, Reply(SAYS))
    heard = DIALECTS[dialect].ask(client, "", model=ladder, with_tool=True, **talk.called("toolu_0").body)
    assert (heard.status, heard.text, heard.cascade("model"), heard.cascade("reason")) == (200, SAYS, "claude", "direct")


# --- a small model without log-probabilities ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verdict", "model"), [("True", "claude"), ("False", "large")])
@every(*ALL)
def test_claude_is_asked_whether_it_is_right(client, upstream, dialect, stream, verdict, model):
    upstream.script("large", Reply("The large one knows better"))
    upstream.script(CLAUDE, lambda seen: Reply(verdict if seen.body["max_tokens"] == 1 else SAYS))
    heard = dialect.ask(client, "hello", stream=stream, model="claude_openai")
    assert (heard.status, heard.cascade("model"), heard.cascade("degraded")) == (200, model, None)
    assert heard.text == (SAYS if model == "claude" else "The large one knows better")
    assert len(upstream.asked(CLAUDE)) == 2
