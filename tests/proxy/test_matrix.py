"""Four endpoints, whole and streamed, in twelve situations, against a real proxy process and a fake upstream.

Not every endpoint knows every situation, with or without the plugin: /v1/completions has no tools; only it and /v1/chat/completions have
``n``; LiteLLM 1.106.2 carries log-probabilities through neither /v1/messages nor /v1/responses nor a stream of /v1/completions, and
answers the latter from its cache with an empty text.
"""

import itertools
import json

import pytest
from harness.configs import cascade_config
from harness.dialects import ALL, DIALECTS, every
from harness.looking import attempts, bills, cost, leave_after_a_second, left_behind

from litellm_cascade.testing.telemetry import TraceParent
from litellm_cascade.testing.upstream import Reply, ToolCall

SURE, UNSURE = -0.01, -2.0
SMALL_SAYS = "The small one says plenty of words about this matter here"
LARGE_SAYS = "The large one knows better than that"
numbers = itertools.count()


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server):
    """With every header, so that tests see degradations."""
    config = cascade_config(upstream_server.url, callback_settings={"cascade": {"policies": "policies", "debug_headers": True}})
    return start_proxy(config)


@pytest.fixture(scope="module")
def special_proxy(start_proxy, upstream_server):
    """With a response cache, an output guardrail, and a plugin that can be made to break."""
    config = cascade_config(upstream_server.url, callback_settings={"cascade": {"policies": "policies", "debug_headers": True}})
    config["litellm_settings"] |= {"cache": True, "cache_params": {"type": "local"}}
    config["litellm_settings"]["callbacks"] = [*config["litellm_settings"]["callbacks"], "mischief.saboteur"]
    config["guardrails"] = [
        {"guardrail_name": "no-secrets", "litellm_params": {"guardrail": "mischief.NoSecrets", "mode": "post_call", "default_on": True}}
    ]
    return start_proxy(config)


@pytest.fixture
def special_client(special_proxy):
    with special_proxy.client() as client:
        yield client


@pytest.fixture
def prompt():
    """One that no other test has asked."""
    return f"Tell me about thing number {next(numbers)}"


@pytest.fixture
def small_is_sure(upstream):
    upstream.script("small", Reply(SMALL_SAYS, logprob=SURE))
    upstream.script("large", Reply(LARGE_SAYS, logprob=SURE))


@pytest.fixture
def small_is_unsure(upstream):
    upstream.script("small", Reply(SMALL_SAYS, logprob=UNSURE, per_token_delay_s=0.1))  # it is closed long before it would end
    upstream.script("large", Reply(LARGE_SAYS, logprob=SURE))


def told_cost(heard):
    """Dollars, by the header; of a stream nobody knows them when headers are sent."""
    told = heard.cascade("cost-usd")
    return told if told is None else float(told)


@every(*ALL)
def test_a_confident_answer_is_released(client, upstream, spend, collector, trace, prompt, small_is_sure, dialect, stream):
    heard = dialect.ask(client, prompt, stream=stream, headers=trace.headers)
    assert (heard.status, heard.text) == (200, SMALL_SAYS)
    assert [heard.cascade(name) for name in ("policy", "band", "model", "escalated", "reason")] == [
        "test",
        "cascade",
        "small",
        "false",
        "confident",
    ]
    assert heard.logprobs == 0
    assert '"logprob":' not in heard.raw
    assert not upstream.asked("large")
    (asked,) = upstream.asked("small")
    assert (asked.body["logprobs"], asked.body.get("top_logprobs", 1)) == (True, 1)
    rungs, (own,) = bills(spend, heard, trace, 2)
    assert rungs["small"]["standard_logging_object"]["response_cost"] == cost("small", 10, 11)
    assert told_cost(heard) == (None if stream else cost("small", 10, 11))
    assert own["standard_logging_object"]["model_group"] == "auto"
    assert not own["standard_logging_object"]["response_cost"]
    route, tried = attempts(collector, trace)
    assert route.attributes["cascade.final_alias"] == "small"
    assert tried["small"].attributes["cascade.decision"] == "accept"
    collector.wait_for_trace(trace.trace_id, "Received Proxy Server Request")
    assert collector.parent(route).name == "Received Proxy Server Request"
    assert [span.name for span in collector.children(route)] == ["cascade.classify", "cascade.attempt small"]


@every(*ALL)
def test_an_unsure_answer_is_never_seen(client, upstream, spend, collector, trace, prompt, small_is_unsure, dialect, stream):
    heard = dialect.ask(client, prompt, stream=stream, headers=trace.headers)
    assert (heard.status, heard.text) == (200, LARGE_SAYS)
    assert "small one" not in heard.raw
    assert [heard.cascade(name) for name in ("model", "escalated", "reason", "attempts")] == [
        "large",
        "true",
        "low_confidence",
        "small,large",
    ]
    assert "logprobs" not in upstream.asked("large")[0].body
    (asked,) = upstream.asked("small")
    if stream:
        assert upstream.wait_for(lambda seen: seen.model == "small" and seen.disconnected).tokens_sent < 11
    else:
        assert asked.finished
    rungs, (own,) = bills(spend, heard, trace, 3)
    small, large = (rungs[alias]["standard_logging_object"] for alias in ("small", "large"))
    assert small["response_cost"] == cost("small", small["prompt_tokens"], small["completion_tokens"])
    assert small["completion_tokens"] >= 4
    assert large["response_cost"] == cost("large", 10, 7)
    assert told_cost(heard) == (None if stream else pytest.approx(small["response_cost"] + large["response_cost"]))
    assert not own["standard_logging_object"]["response_cost"]
    route, tried = attempts(collector, trace)
    assert tried["small"].attributes["cascade.decision"] == "escalate"
    assert tried["small"].attributes["gen_ai.usage.output_tokens"] >= 4
    assert tried["small"].attributes["cascade.cost_usd"] == pytest.approx(small["response_cost"])
    assert tried["large"].attributes["cascade.cost_usd"] == pytest.approx(large["response_cost"])
    assert [link.span_id for link in tried["large"].links] == [tried["small"].span_id]
    assert route.attributes["cascade.escalated"] is True


@every(*ALL)
def test_a_large_model_that_fails_costs_nothing(client, upstream, spend, collector, trace, prompt, small_is_unsure, dialect, stream):
    upstream.script("large", Reply(status=500, error="out of order"))
    heard = dialect.ask(client, prompt, stream=stream, headers=trace.headers)
    assert (heard.status, heard.text) == (200, SMALL_SAYS)
    assert [heard.cascade(name) for name in ("model", "reason", "degraded")] == ["small", "kept_earlier", "large_failed"]
    _, tried = left_behind(spend, collector, trace, paid=["small"], tried=["small", "large"])
    assert tried["large"].status == "ERROR"
    assert tried["small"].attributes["cascade.served"] is True


@every(*ALL)
def test_a_large_model_that_hangs_costs_its_deadline(client, upstream, spend, collector, trace, prompt, small_is_unsure, dialect, stream):
    upstream.script("large", Reply(hang=True))
    heard = dialect.ask(client, prompt, stream=stream, headers=trace.headers)
    assert (heard.status, heard.text) == (200, SMALL_SAYS)
    assert [heard.cascade(name) for name in ("model", "reason", "degraded")] == ["small", "kept_earlier", "large_late"]
    assert upstream.wait_for(lambda seen: seen.model == "large" and seen.disconnected)
    _, tried = left_behind(spend, collector, trace, paid=["small"], tried=["small", "large"])
    assert (tried["large"].status, tried["small"].attributes["cascade.served"]) == ("ERROR", True)


@every(*ALL)
def test_a_small_model_that_fails_is_passed_over(client, upstream, spend, collector, trace, prompt, small_is_sure, dialect, stream):
    upstream.script("small", Reply(status=429, error="too many"))
    heard = dialect.ask(client, prompt, stream=stream, headers=trace.headers)
    assert (heard.status, heard.text) == (200, LARGE_SAYS)
    assert [heard.cascade(name) for name in ("model", "reason", "degraded")] == ["large", "error", "small_failed"]
    _, tried = left_behind(spend, collector, trace, paid=["large"], tried=["small", "large"])
    assert (tried["small"].status, tried["large"].attributes["cascade.served"]) == ("ERROR", True)


@every(*ALL)
def test_when_all_fail_the_client_gets_the_real_error(client, upstream, prompt, dialect, stream):
    upstream.script("small", Reply(status=500, error="small is out of order"))
    upstream.script("large", Reply(status=429, error="large has no room"))
    heard = dialect.ask(client, prompt, stream=stream)
    assert "large has no room" in heard.raw
    assert stream or heard.status == 429


@every("chat", "messages")
def test_when_all_hang_the_client_is_told_so_in_time(client, upstream, prompt, dialect, stream):
    upstream.script("small", Reply(hang=True))
    upstream.script("large", Reply(hang=True))
    heard = dialect.ask(client, prompt, stream=stream)
    assert "no model of the cascade answered before its deadline" in heard.raw
    assert heard.status in {408, 504}


@pytest.mark.parametrize("speaker", ["small", "large"])
def test_what_a_provider_says_beside_its_choices_comes_through(client, upstream, prompt, small_is_unsure, speaker):
    found = [{"title": "a page", "url": "https://example.org"}]
    upstream.script(speaker, Reply(SMALL_SAYS, beside={"search_results": found, "service_tier": "default"}))
    heard = DIALECTS["chat"].ask(client, prompt)
    told = json.loads(heard.raw)
    assert (heard.cascade("model"), told["search_results"], told["service_tier"]) == (speaker, found, "default")


@every("chat")
def test_a_failing_call_leaves_no_word_of_the_prompt_on_our_spans(client, upstream, collector, trace, dialect, stream):
    upstream.script("small", Reply(status=400, error="CANARYERROR"))
    upstream.script("large", Reply("CANARYANSWER"))
    assert dialect.ask(client, "CANARYPROMPT", stream=stream, headers=trace.headers).status == 200
    route, tried = attempts(collector, trace)
    assert "CANARY" not in str([route, *tried.values()])


@every(*ALL)
def test_a_client_that_leaves_closes_what_is_open(client, upstream, spend, collector, trace, prompt, dialect, stream):
    dialect.ask(client, prompt, stream=stream)  # the first of its kind may take longer than the second that the next one waits
    upstream.script("small", Reply(SMALL_SAYS * 20, logprob=SURE, per_token_delay_s=0.05) if stream else Reply(hang=True))
    leave_after_a_second(client, dialect, dialect.body(prompt, stream=stream), trace)
    assert upstream.wait_for(lambda seen: seen.model == "small" and seen.disconnected, timeout=10)
    route, _ = attempts(collector, trace)
    assert route.attributes["cascade.reason"] == "client_gone"
    if stream:
        rungs, _ = bills(spend, None, trace, 1)
        assert rungs["small"]["standard_logging_object"]["response_cost"] > 0


@every("chat", "messages", "responses")
def test_tools_pass_through_either_rung(client, upstream, spend, collector, trace, prompt, dialect, stream):
    upstream.script("small", Reply(tool_calls=[ToolCall("weather", '{"city": "Bern"}')], logprob=SURE))
    heard = dialect.ask(client, prompt, stream=stream, with_tool=True, headers=trace.headers)
    assert (heard.status, heard.tools, heard.cascade("model")) == (200, ["weather"], "small")
    left_behind(spend, collector, trace, paid=["small"], tried=["small"])
    upstream.script("small", Reply("hm, well, I do not know", logprob=UNSURE))
    upstream.script("large", Reply(tool_calls=[ToolCall("weather", '{"city": "Bern"}')], logprob=SURE))
    again = TraceParent()
    heard = dialect.ask(client, prompt, stream=stream, with_tool=True, headers=again.headers)
    assert (heard.status, heard.tools, heard.cascade("model")) == (200, ["weather"], "large")
    left_behind(spend, collector, again, paid=["small", "large"], tried=["small", "large"])


@every("chat", "completions")
def test_several_choices_are_judged_together(client, upstream, spend, collector, trace, prompt, small_is_sure, dialect, stream):
    heard = dialect.ask(client, prompt, stream=stream, n=2, headers=trace.headers)
    assert (heard.status, heard.cascade("model")) == (200, "small")
    assert heard.texts == [SMALL_SAYS, SMALL_SAYS]
    left_behind(spend, collector, trace, paid=["small"], tried=["small"])
    upstream.script("small", Reply(SMALL_SAYS, logprob=UNSURE))
    assert dialect.ask(client, prompt, stream=stream, n=2).cascade("model") == "large"


@every("chat", "completions", but=["completions-stream"])
def test_log_probabilities_are_for_those_who_ask(client, upstream, spend, collector, trace, prompt, small_is_sure, dialect, stream):
    heard = dialect.ask(client, prompt, stream=stream, logprobs=True, headers=trace.headers)
    # On /v1/completions LiteLLM leaves them out of a custom provider's answer: there such a request goes straight to the large one.
    model, reason = {"/v1/chat/completions": ("small", "confident"), "/v1/completions": ("large", "direct")}[dialect.path]
    assert (heard.status, heard.cascade("model"), heard.cascade("reason")) == (200, model, reason)
    assert heard.logprobs == len(heard.text.split())
    left_behind(spend, collector, trace, paid=[model], tried=[model])


@every(*ALL, but=["completions-stream"])
def test_a_cached_answer_is_not_judged_again(special_client, upstream, spend, collector, trace, prompt, small_is_unsure, dialect, stream):
    first, again = dialect.ask(special_client, prompt, stream=stream, headers=trace.headers), TraceParent()
    assert first.text == LARGE_SAYS
    left_behind(spend, collector, trace, paid=["small", "large"], tried=["small", "large"])
    asked = len(upstream.requests)
    second = dialect.ask(special_client, prompt, stream=stream, headers=again.headers)
    assert (second.text, second.cascade("cached"), second.cascade("reason")) == (LARGE_SAYS, "true", "cached")
    assert len(upstream.requests) == asked
    left_behind(spend, collector, again, paid=[], tried=[])


@every(*ALL)
@pytest.mark.parametrize("speaker", ["small", "large"])
def test_an_output_guardrail_sees_the_answer_whoever_gave_it(
    special_client, upstream, spend, collector, trace, prompt, dialect, stream, speaker
):
    upstream.script("small", Reply("The SECRET is out", logprob=SURE if speaker == "small" else UNSURE))
    upstream.script("large", Reply("The SECRET is out", logprob=SURE))
    heard = dialect.ask(special_client, prompt, stream=stream, headers=trace.headers)
    assert "SECRET" not in heard.raw
    assert stream or "the guardrail stopped this answer" in heard.raw
    if not stream:  # a stream that is stopped is closed, and billed by LiteLLM where it had come to its end
        tried = ["small"] if speaker == "small" else ["small", "large"]
        left_behind(spend, collector, trace, paid=tried, tried=tried)


@every(*ALL)
def test_a_bug_in_the_plugin_costs_nothing(special_client, upstream, spend, collector, trace, small_is_sure, dialect, stream):
    heard = dialect.ask(special_client, f"SABOTAGE {next(numbers)}", stream=stream, headers=trace.headers)
    assert (heard.status, heard.text, heard.cascade("model")) == (200, LARGE_SAYS, None)
    rows = spend.wait_until(lambda rows: any(row["kind"] == "success" for row in rows), trace=trace.trace_id)
    assert [row["standard_logging_object"]["model_group"] for row in rows if row["kind"] == "success"] == ["large"]
    spans = collector.wait_for_trace(trace.trace_id, "Received Proxy Server Request")
    assert not [span for span in spans if span.name == "cascade.route"]


# --- the whole of it -------------------------------------------------------------------------------------------------------------------

SITUATIONS = {
    "confident": test_a_confident_answer_is_released,
    "escalate": test_an_unsure_answer_is_never_seen,
    "large fails": test_a_large_model_that_fails_costs_nothing,
    "large hangs": test_a_large_model_that_hangs_costs_its_deadline,
    "small fails": test_a_small_model_that_fails_is_passed_over,
    "client disconnects": test_a_client_that_leaves_closes_what_is_open,
    "tools": test_tools_pass_through_either_rung,
    "n=2": test_several_choices_are_judged_together,
    "client asked for log-probabilities": test_log_probabilities_are_for_those_who_ask,
    "cached": test_a_cached_answer_is_not_judged_again,
    "output guardrail": test_an_output_guardrail_sees_the_answer_whoever_gave_it,
    "plugin crash": test_a_bug_in_the_plugin_costs_nothing,
}
MODES = ("whole", "stream")
UNKNOWN_TO_THE_HOST = {
    *itertools.product(["tools"], ["completions"], MODES),
    *itertools.product(["n=2"], ["messages", "responses"], MODES),
    *itertools.product(["client asked for log-probabilities"], ["messages", "responses"], MODES),
    ("client asked for log-probabilities", "completions", "stream"),
    ("cached", "completions", "stream"),
}
"""What this module's first lines say does not exist, or does not work without the plugin either."""


def test_every_combination_is_here_but_those_the_host_does_not_know():
    wanted = set(itertools.product(SITUATIONS, ALL, MODES)) - UNKNOWN_TO_THE_HOST
    tested = {(situation, *mode.split("-")) for situation, test in SITUATIONS.items() for mode in modes_of(test)}
    assert (len(SITUATIONS) * len(ALL) * len(MODES), len(wanted)) == (96, 84)
    assert tested == wanted


def modes_of(test):
    """The ids that ``every`` gave it; a combination that is skipped is none."""
    assert {mark.name for mark in test.pytestmark} == {"parametrize"}
    (modes,) = [mark.args[1] for mark in test.pytestmark if mark.args[0] == ("dialect", "stream")]
    return [mode.id for mode in modes if not mode.marks]
