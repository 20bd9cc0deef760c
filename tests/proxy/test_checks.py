"""Each defect sends an answer on, and each way to abstain, through a real proxy: whole and streamed, with every call on the bill."""

import pytest
from harness.configs import PRICES, cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply, ToolCall

SURE, UNSURE, VERY_UNSURE = -0.01, -0.8, -2.0
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
CHAT_SCHEMA = {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}}
CHAT_TOOL = {"tools": [{"type": "function", "function": {"name": "weather", "parameters": CITY}}]}
GERMAN = "Bitte erkläre mir in zwei Sätzen, warum der Himmel am Tag blau ist und am Abend rot wird."
ENGLISH_ANSWER = "The sky is blue because the air scatters short waves of the light more than the long ones, and red at night."
GERMAN_ANSWER = "Der Himmel ist am Tag blau, weil die Luft das kurzwellige Licht stärker streut als das langwellige Licht der Sonne."
WEATHER = Reply(tool_calls=[ToolCall("weather", '{"city": "Bern"}')], logprob=SURE)
BERN = Reply('{"city": "Bern"}', logprob=SURE)
modes = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server):
    """One policy behind several virtual models, whose names choose the gate."""
    config = cascade_config(upstream_server.url, callback_settings={"cascade": {"policies": "policies", "debug_headers": True}})
    auto = next(model for model in config["model_list"] if model["model_name"] == "auto")
    auto["litellm_params"] = {"model": "cascade/checks"}
    config["model_list"] += [{**auto, "model_name": name} for name in ("beginnings", "unheld", "flag", "error", "go-on")]
    return start_proxy(config)


@pytest.fixture
def ask(client, trace):
    def ask(prompt="What is the capital of Switzerland?", *, stream=False, dialect="chat", **body):
        return DIALECTS[dialect].ask(client, prompt, stream=stream, headers=trace.headers, **body)

    return ask


def route_span(collector, trace):
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route")
    return next(span for span in spans if span.name == "cascade.route").attributes


def verdicts(collector, trace):
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route")
    tried = sorted((span for span in spans if span.name.startswith("cascade.attempt")), key=lambda span: span.attributes["cascade.rung"])
    return [span.attributes["cascade.decision"] for span in tried]


DEFECTS = {
    "empty": (Reply("", logprob=SURE), Reply("Bern", logprob=SURE), {}),
    "truncated": (Reply("The capital of", logprob=SURE, finish_reason="length"), Reply("Bern", logprob=SURE), {}),
    "refused": (Reply("I'm sorry, but I can't help with that.", logprob=SURE), Reply("Bern", logprob=SURE), {}),
    "invalid_json": (Reply('{"town": "Bern"}', logprob=SURE), BERN, CHAT_SCHEMA),
    "invalid_tool_call": (Reply(tool_calls=[ToolCall("weather", '{"town": "Bern"}')], logprob=SURE), WEATHER, CHAT_TOOL),
    "language_mismatch": (Reply(ENGLISH_ANSWER, logprob=SURE), Reply(GERMAN_ANSWER, logprob=SURE), {}),
}


@modes
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_goes_on_to_the_next_rung(ask, upstream, spend, collector, trace, defect, stream):
    small, large, body = DEFECTS[defect]
    upstream.script("small", small)
    upstream.script("large", large)
    heard = ask(GERMAN if defect == "language_mismatch" else "What is the capital of Switzerland?", stream=stream, **body)
    assert heard.status == 200
    assert [heard.cascade(name) for name in ("model", "reason", "degraded", "abstained")] == ["large", defect, None, None]
    assert heard.text == ("" if large.tool_calls else "".join(token.token for token in large.answer_tokens))
    assert "town" not in heard.raw
    rows = [row for row in spend.wait_rows(3, trace=trace.trace_id) if row["internal_call_origin"] == "cascade_attempt"]
    logged = {row["standard_logging_object"]["model_group"]: row["standard_logging_object"] for row in rows}
    for alias, reply in (("small", small), ("large", large)):
        assert logged[alias]["response_cost"] == pytest.approx(PRICES[alias] * (reply.input_tokens + logged[alias]["completion_tokens"]))
    assert route_span(collector, trace)["cascade.verdict"] == "accept"


@modes
@pytest.mark.parametrize("dialect", ["chat", "completions", "messages", "responses"])
def test_a_large_model_that_says_nothing_does_not_wipe_out_what_the_small_one_said(ask, upstream, spend, collector, trace, stream, dialect):
    upstream.script("small", Reply("Perhaps Bern", logprob=UNSURE))
    upstream.script("large", Reply("", finish_reason="length"))
    heard = ask(stream=stream, dialect=dialect)
    assert (heard.status, heard.text) == (200, "Perhaps Bern")
    assert [heard.cascade(name) for name in ("model", "reason", "degraded")] == ["small", "kept_earlier", "large_empty"]
    assert verdicts(collector, trace) == ["escalate", "escalate"]
    rows = [row for row in spend.wait_rows(3, trace=trace.trace_id) if row["internal_call_origin"] == "cascade_attempt"]
    assert sorted(row["standard_logging_object"]["model_group"] for row in rows) == ["large", "small"], "both were paid"


@modes
@pytest.mark.parametrize(
    ("good", "body"),
    [(BERN, CHAT_SCHEMA), (BERN, {"response_format": {"type": "json_object"}}), (WEATHER, CHAT_TOOL), (Reply("Bern", logprob=SURE), {})],
    ids=["json_schema", "json_object", "tool call", "text"],
)
def test_what_is_as_it_was_asked_for_is_served(ask, upstream, good, body, stream):
    upstream.script("small", good)
    heard = ask(stream=stream, **body)
    assert [heard.status, *(heard.cascade(name) for name in ("model", "reason", "degraded"))] == [
        200,
        "small",
        "unknown_confidence" if good.tool_calls else "confident",
        None,
    ]


@modes
def test_a_tool_that_nobody_offered_is_not_called(ask, upstream, stream):
    upstream.script("small", Reply(tool_calls=[ToolCall("climate", '{"city": "Bern"}')]))
    upstream.script("large", WEATHER)
    for dialect in ("chat", "messages", "responses"):
        heard = ask(stream=stream, dialect=dialect, with_tool=True)
        assert [heard.status, heard.tools, heard.cascade("reason")] == [200, ["weather"], "invalid_tool_call"]


@modes
def test_a_tool_that_must_be_called_is_called(ask, upstream, stream):
    upstream.script("small", Reply("It is sunny", logprob=SURE))
    upstream.script("large", WEATHER)
    demands = {"chat": "required", "messages": {"type": "any"}, "responses": "required"}
    for dialect, demand in demands.items():
        heard = ask(stream=stream, dialect=dialect, with_tool=True, tool_choice=demand)
        assert [heard.status, heard.tools, heard.cascade("reason")] == [200, ["weather"], "invalid_tool_call"], dialect


@modes
def test_responses_are_held_against_their_own_format(ask, upstream, stream):
    upstream.script("small", Reply("It is Bern", logprob=SURE))
    upstream.script("large", BERN)
    wanted = {"format": {"type": "json_schema", "name": "city", "schema": CITY}}
    heard = ask(stream=stream, dialect="responses", text=wanted)
    assert [heard.status, heard.text, heard.cascade("reason")] == [200, '{"city": "Bern"}', "invalid_json"]


@modes
def test_a_schema_that_means_harm_costs_a_check_and_nothing_else(ask, upstream, stream):
    upstream.script("small", BERN)
    evil = {"$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}, "$ref": "#/$defs/a0"}
    evil["$defs"]["a40"] = {"type": "object"}
    heard = ask(stream=stream, response_format={"type": "json_schema", "json_schema": {"name": "evil", "schema": evil}})
    assert [heard.status, heard.text] == [200, '{"city": "Bern"}']
    assert [heard.cascade(name) for name in ("model", "reason", "degraded")] == ["small", "confident", "unchecked:invalid_json"]


BEGINNINGS = {
    "refused": ("I can't help with that " + "and nothing will change it " * 30, {}),
    "invalid_json": ("Here is the JSON you wanted " * 30, {"response_format": {"type": "json_object"}}),
}


@pytest.mark.parametrize("defect", BEGINNINGS)
def test_a_beginning_can_be_enough(ask, upstream, defect):
    text, body = BEGINNINGS[defect]
    upstream.script("small", Reply(text, logprob=SURE, per_token_delay_s=0.02))
    upstream.script("large", BERN)
    heard = ask(stream=True, model="beginnings", **body)
    assert [heard.status, heard.text, heard.cascade("reason")] == [200, '{"city": "Bern"}', defect]
    assert upstream.wait_for(lambda seen: seen.model == "small" and seen.disconnected).tokens_sent < 100


@pytest.mark.parametrize("dialect", DIALECTS)
@modes
def test_where_streams_are_not_judged_only_whole_answers_are(ask, upstream, collector, trace, dialect, stream):
    upstream.script("small", Reply("the small one does not know at all", logprob=VERY_UNSURE))
    heard = ask(stream=stream, model="unheld", dialect=dialect)
    served, reason = ("small", "not_judged") if stream else ("large", "low_confidence")
    assert [heard.status, heard.cascade("model"), heard.cascade("reason")] == [200, served, reason]
    assert [seen.model for seen in upstream.requests] == (["small"] if stream else ["small", "large"])
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route")
    small = next(span for span in spans if span.name == "cascade.attempt small")
    assert "cascade.hold_ms" not in small.attributes, "nothing was held back"


# --- when even the last rung is in doubt ----------------------------------------------------------------------------------------------


def doubtful(upstream, **last):
    upstream.script("small", Reply("the small one does not know at all", logprob=VERY_UNSURE, per_token_delay_s=0.01))
    for alias, logprob in last.items():
        upstream.script(alias, Reply(f"the {alias} one is not sure of it either", logprob=logprob, per_token_delay_s=0.01))


@modes
def test_a_doubtful_answer_is_flagged(ask, upstream, spend, collector, trace, stream):
    doubtful(upstream, large=UNSURE)
    heard = ask(stream=stream, model="flag")
    assert [heard.status, heard.text] == [200, "the large one is not sure of it either"]
    assert [heard.cascade(name) for name in ("model", "reason", "abstained")] == ["large", "low_confidence", "low_confidence"]
    assert "small one" not in heard.raw
    assert "logprobs" in upstream.asked("large")[0].body
    assert heard.logprobs == 0
    route = route_span(collector, trace)
    assert (route["cascade.verdict"], route["cascade.abstained"], verdicts(collector, trace)) == (
        "abstain",
        "low_confidence",
        ["escalate", "abstain"],
    )
    rows = spend.wait_rows(3, trace=trace.trace_id)
    assert sorted(row["standard_logging_object"]["model_group"] for row in rows) == ["flag", "large", "small"]


@modes
def test_a_sure_last_rung_bears_no_flag(ask, upstream, collector, trace, stream):
    doubtful(upstream, large=SURE)
    heard = ask(stream=stream, model="flag")
    assert [heard.cascade(name) for name in ("model", "reason", "abstained")] == ["large", "low_confidence", None]
    assert route_span(collector, trace)["cascade.verdict"] == "accept"
    assert verdicts(collector, trace) == ["escalate", "accept"]
    assert heard.cascade("confidence") == "mean=-0.0100; abstain_below=-0.35"


@modes
def test_a_doubtful_answer_is_withheld(ask, upstream, spend, collector, trace, stream):
    doubtful(upstream, large=VERY_UNSURE)
    heard = ask(stream=stream, model="error")
    assert heard.status == 400
    assert "no model was confident enough of its answer to this request (low_confidence)" in heard.raw
    assert "one" not in heard.raw.replace("none", "")
    assert heard.cascade("confidence") == "mean=-2.0000; abstain_below=-1.0"
    assert [seen.model for seen in upstream.requests] == ["small", "large"]
    route = route_span(collector, trace)
    assert (route["cascade.verdict"], route["cascade.abstained"], verdicts(collector, trace)) == (
        "abstain",
        "low_confidence",
        ["escalate", "abstain"],
    )
    rows = [row for row in spend.wait_rows(2, trace=trace.trace_id) if row["internal_call_origin"] == "cascade_attempt"]
    assert {row["standard_logging_object"]["model_group"] for row in rows} == {"small", "large"}
    assert all(row["standard_logging_object"]["response_cost"] > 0 for row in rows)


@modes
@pytest.mark.parametrize("dialect", ["completions", "messages", "responses"])
def test_nothing_of_a_withheld_answer_is_told_on_other_endpoints(ask, upstream, stream, dialect):
    doubtful(upstream, large=VERY_UNSURE)
    heard = ask(stream=stream, model="error", dialect=dialect)
    assert "no model was confident enough of its answer" in heard.raw
    assert not any(words in heard.raw for words in ("small one", "large one", "not sure"))
    assert heard.status == 400 or (stream and dialect in ("messages", "responses"))
    assert [seen.model for seen in upstream.requests] == ["small", "large"]
    # For the errors of other whole answers LiteLLM asks for no headers.
    assert heard.cascade("abstained") == ("low_confidence" if stream or dialect == "responses" else None)


@modes
def test_the_line_of_abstention_may_be_lower_than_the_gate(ask, upstream, stream):
    doubtful(upstream, large=UNSURE)
    heard = ask(stream=stream, model="error")
    assert [heard.status, heard.text, heard.cascade("abstained")] == [200, "the large one is not sure of it either", None]


@modes
def test_doubt_goes_on_to_the_largest(ask, upstream, spend, collector, trace, stream):
    doubtful(upstream, sql=VERY_UNSURE, large=VERY_UNSURE)
    heard = ask(stream=stream, model="go-on")
    assert [heard.status, heard.text] == [200, "the large one is not sure of it either"]
    assert [heard.cascade(name) for name in ("model", "reason", "abstained")] == ["large", "low_confidence", None]
    assert "logprobs" not in upstream.asked("large")[0].body
    assert heard.cascade("confidence") == "mean=-2.0000; abstain_below=-0.35", "of the answer that was judged last"
    assert verdicts(collector, trace) == ["escalate", "abstain", "accept"]
    rows = [row for row in spend.wait_rows(4, trace=trace.trace_id) if row["internal_call_origin"] == "cascade_attempt"]
    assert sorted(row["standard_logging_object"]["model_group"] for row in rows) == ["large", "small", "sql"]


@modes
def test_when_the_last_rung_fails_doubt_goes_on_to_the_largest_all_the_same(ask, upstream, stream):
    upstream.script("small", Reply("the small one is not sure of it", logprob=-2.0))
    upstream.script("sql", Reply(status=500, error="out of order"))
    heard = ask(stream=stream, model="go-on")
    assert [heard.status, heard.text] == [200, "Answer of large."]
    assert [heard.cascade(name) for name in ("model", "abstained", "degraded")] == ["large", None, "sql_failed"]


@modes
def test_when_the_largest_fails_the_doubtful_answer_is_served_and_flagged(ask, upstream, stream):
    doubtful(upstream, sql=VERY_UNSURE)
    upstream.script("large", Reply(status=500, error="out of order"))
    heard = ask(stream=stream, model="go-on")
    assert [heard.status, heard.text] == [200, "the sql one is not sure of it either"]
    assert [heard.cascade(name) for name in ("model", "reason", "abstained")] == ["sql", "kept_earlier", "low_confidence"]
