"""LiteLLM's answers, read and dressed."""

import pytest
from litellm.types.utils import Choices, Message, ModelResponse, ModelResponseStream, Usage

from litellm_cascade.escalation import ToolPiece
from litellm_cascade.proxy.answers import dressed, first_token, to_completion, to_piece
from litellm_cascade.vocabulary import TokenLogprob, ToolCall
from litellm_cascade.vocabulary import Usage as Tokens

ENTRY = {"token": "yes", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "yes", "logprob": -0.5, "bytes": None}]}


def response(**choice):
    given = {
        "finish_reason": "stop",
        "index": 0,
        "message": Message(content="yes", role="assistant"),
        "logprobs": {"content": [ENTRY]},
    } | choice
    usage = Usage(prompt_tokens=3, completion_tokens=1, total_tokens=4, cost=0.25)
    made = ModelResponse(id="r-1", model="small", choices=[Choices(**given)], usage=usage)
    made._hidden_params["response_cost"] = 0.25
    return made


def chunk(delta, **choice):
    usage = choice.pop("usage", None)
    made = ModelResponseStream(model="small", choices=[{"index": 0, "delta": delta, "finish_reason": None, **choice}])
    if usage is not None:
        made.usage = usage
    return made


def test_a_whole_answer_is_read():
    completion = to_completion(response())
    assert (completion.text, completion.finish_reason, completion.usage) == ("yes", "stop", Tokens(input_tokens=3, output_tokens=1))
    assert completion.tokens == (TokenLogprob("yes", -0.5, (-0.5,)),)


LISTS = {"tokens": ["so", " it", " is"], "token_logprobs": [-0.5, None, -0.25]}
NAMED = LISTS | {"top_logprobs": [{"so": -0.5, "no": -1.5}, None, ["odd"]]}


@pytest.mark.parametrize(
    ("logprobs", "tokens"),
    [
        (LISTS, (TokenLogprob("so", -0.5), TokenLogprob(" is", -0.25))),
        (NAMED, (TokenLogprob("so", -0.5, (-0.5, -1.5)), TokenLogprob(" is", -0.25))),
        ({"tokens": ["so", " it"], "token_logprobs": [0.7, -0.25]}, (TokenLogprob("so", 0.0), TokenLogprob(" it", -0.25))),
        ({"tokens": [17], "token_logprobs": [-0.5]}, None),
        ({"tokens": None, "token_logprobs": None}, None),
        ({"content": [{"token": "so", "logprob": 1e-9}]}, (TokenLogprob("so", 0.0),)),
        ({"content": []}, None),
        ({"content": ["so", None, {"logprob": "low"}]}, None),
    ],
)
def test_log_probabilities_come_in_several_ways(logprobs, tokens):
    answer = response()
    answer.choices[0].logprobs = logprobs
    assert to_completion(answer).tokens == tokens


def test_a_chunk_s_log_probability_may_be_a_number():
    piece = to_piece(chunk({"content": "so"}, logprobs=-0.5), alternatives=None)
    assert (piece.tokens, piece.payload.choices[0].logprobs) == ((TokenLogprob("so", -0.5),), None)


@pytest.mark.parametrize(
    ("logprobs", "alternatives"),
    [
        ({"content": [ENTRY | {"token": "no", "top_logprobs": []}]}, [("no", -0.5)]),
        ({"content": [ENTRY]}, [("yes", -0.5)]),
        (LISTS, [("so", -0.5)]),
        (NAMED, [("so", -0.5), ("no", -1.5)]),
        (None, []),
    ],
)
def test_the_first_token_and_what_could_have_stood_there(logprobs, alternatives):
    answer = response()
    answer.choices[0].logprobs = logprobs
    assert first_token(answer) == ("yes", alternatives)


def test_an_answer_without_log_probabilities_has_none_rather_than_no_tokens():
    assert to_completion(response(logprobs=None)).tokens is None


def test_an_answer_is_dressed_without_what_would_be_billed_again():
    inner = response()
    outer = dressed(inner, alternatives=1)
    assert outer is not inner
    assert outer.choices[0].message.content == "yes"
    assert outer._hidden_params == {"response_cost": 0.0}
    assert getattr(outer.usage, "cost", None) is None
    assert (outer.usage.prompt_tokens, outer.usage.completion_tokens) == (3, 1)
    assert inner.usage.cost == 0.25  # LiteLLM's own copy is left alone


def test_an_answer_keeps_what_its_provider_says_beside_the_choices():
    inner = response()
    inner.service_tier, inner.search_results = "default", [{"url": "https://example.org"}]
    inner._response_headers = {"x-request-id": "1"}
    outer = dressed(inner, alternatives=None)
    assert (outer.service_tier, outer.search_results) == ("default", [{"url": "https://example.org"}])
    assert (outer._response_headers, inner._response_headers) == (None, {"x-request-id": "1"})
    assert inner._hidden_params["response_cost"] == 0.25


def test_log_probabilities_are_taken_out_of_the_copy_alone():
    inner = response()
    assert dressed(inner, alternatives=None).choices[0].logprobs is None
    assert inner.choices[0].logprobs is not None


def test_a_chunk_is_read_and_copied():
    inner = chunk({"content": "yes"}, logprobs={"content": [ENTRY]})
    piece = to_piece(inner, alternatives=None)
    assert (piece.text, piece.pieces_of_output, piece.tokens) == ("yes", 1, (TokenLogprob("yes", -0.5, (-0.5,)),))
    assert piece.payload is not inner
    assert piece.payload.choices[0].delta.content == "yes"
    assert getattr(piece.payload.choices[0], "logprobs", None) is None
    piece.payload.choices[0].finish_reason = "stop"
    assert inner.choices[0].finish_reason is None
    assert inner.choices[0].logprobs is not None


def test_a_chunk_has_no_price_and_the_copy_s_hidden_parameters_are_its_own():
    inner = chunk({"content": "yes"})
    inner._hidden_params = {"provider_response_model": "gpt-4o", "response_cost": 0.25}
    copied = to_piece(inner, alternatives=None, model_id="of auto").payload
    assert copied._hidden_params == {"response_cost": 0.0, "model_id": "of auto"}
    assert inner._hidden_params == {"provider_response_model": "gpt-4o", "response_cost": 0.25}


def test_a_chunk_keeps_its_log_probabilities_for_those_who_asked():
    piece = to_piece(chunk({"content": "yes"}, logprobs={"content": [ENTRY]}), alternatives=1)
    assert piece.payload.choices[0].logprobs is not None


@pytest.mark.parametrize(("asked", "seen"), [(None, None), (0, 0), (1, 1), (2, 2), (9, 3)])
def test_nobody_sees_more_alternatives_than_they_asked_for(asked, seen):
    top = [{"token": name, "logprob": -float(place), "bytes": None} for place, name in enumerate(("yes", "no", "hm"))]
    wide = {"content": [ENTRY | {"top_logprobs": top}]}
    inner, part = response(logprobs=wide), chunk({"content": "yes"}, logprobs=wide)
    shown = [dressed(inner, alternatives=asked).choices[0].logprobs, to_piece(part, alternatives=asked).payload.choices[0].logprobs]
    for logprobs in shown:
        entries = [] if logprobs is None else logprobs["content"]
        assert [len(entry["top_logprobs"]) for entry in entries] == ([] if seen is None else [seen])
    for own in (inner, part):
        assert len(own.choices[0].logprobs["content"][0]["top_logprobs"]) == 3, "LiteLLM's own copy is left alone"
    assert to_completion(inner).tokens[0].top == (0.0, -1.0, -2.0)


@pytest.mark.parametrize("logprobs", [None, {"content": None}, {"content": []}])
def test_an_answer_without_log_probabilities_stays_so(logprobs):
    shown = getattr(dressed(response(logprobs=logprobs), alternatives=3).choices[0], "logprobs", None)
    assert not (shown or {}).get("content")


def test_alternatives_are_read_best_first_in_whatever_order_they_come():
    top = [{"token": "a", "logprob": -2.0}, {"token": "yes", "logprob": -0.5}]
    assert to_completion(response(logprobs={"content": [ENTRY | {"top_logprobs": top}]})).tokens[0].top == (-0.5, -2.0)


@pytest.mark.parametrize(("delta", "outputs"), [({"role": "assistant"}, 0), ({"content": ""}, 0), ({"content": "a"}, 1)])
def test_only_chunks_with_output_count_against_the_hold(delta, outputs):
    assert to_piece(chunk(delta), alternatives=None).pieces_of_output == outputs


def test_a_usage_chunk_is_read_and_loses_its_cost():
    piece = to_piece(chunk({}, usage=Usage(prompt_tokens=3, completion_tokens=1, total_tokens=4, cost=0.25)), alternatives=None)
    assert piece.usage == Tokens(input_tokens=3, output_tokens=1)
    assert getattr(piece.payload.usage, "cost", None) is None


def test_the_tools_called_are_read_with_their_arguments():
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
    answer = response(message=Message(content=None, role="assistant", tool_calls=[call]), logprobs=None, finish_reason="tool_calls")
    assert to_completion(answer).tool_calls == (ToolCall("look", '{"at": 1}'),)


def test_what_a_chunk_adds_to_a_call_is_read():
    opening = {"index": 1, "id": "1", "type": "function", "function": {"name": "look", "arguments": ""}}
    more = {"index": 1, "function": {"arguments": '{"at": 1}'}}
    (begun,) = to_piece(chunk({"tool_calls": [opening]}), alternatives=None).tool_calls
    (gone_on,) = to_piece(chunk({"tool_calls": [more]}), alternatives=None).tool_calls
    assert begun == ToolPiece((0, 1), "look", "", "1")
    assert gone_on == ToolPiece((0, 1), "", '{"at": 1}', None)


def test_a_refusal_in_a_field_of_its_own_is_read():
    assert to_completion(response(message=Message(content=None, role="assistant", refusal="No."), logprobs=None)).refused
    assert not to_completion(response()).refused
    piece = to_piece(chunk({"refusal": "No."}), alternatives=None)
    assert (piece.refused, piece.pieces_of_output) == (True, 1)


def test_of_several_finish_reasons_the_one_that_says_most_counts():
    answer = response()
    answer.choices.append(Choices(finish_reason="content_filter", index=1, message=Message(content="", role="assistant")))
    assert to_completion(answer).finish_reason == "content_filter"
