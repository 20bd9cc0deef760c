"""LiteLLM's answers, read and dressed."""

import pytest
from litellm.types.utils import Choices, Message, ModelResponse, ModelResponseStream, Usage

from litellm_cascade.escalation import ToolPiece
from litellm_cascade.proxy.answers import dressed, to_completion, to_piece
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


def test_an_answer_without_log_probabilities_has_none_rather_than_no_tokens():
    assert to_completion(response(logprobs=None)).tokens is None


def test_an_answer_is_dressed_without_what_would_be_billed_again():
    inner = response()
    outer = dressed(inner, keep_logprobs=True)
    assert outer is not inner
    assert outer.choices[0].message.content == "yes"
    assert outer._hidden_params.get("response_cost") is None
    assert getattr(outer.usage, "cost", None) is None
    assert (outer.usage.prompt_tokens, outer.usage.completion_tokens) == (3, 1)
    assert inner.usage.cost == 0.25  # LiteLLM's own copy is left alone


def test_log_probabilities_are_taken_out_of_the_copy_alone():
    inner = response()
    assert dressed(inner, keep_logprobs=False).choices[0].logprobs is None
    assert inner.choices[0].logprobs is not None


def test_a_chunk_is_read_and_copied():
    inner = chunk({"content": "yes"}, logprobs={"content": [ENTRY]})
    piece = to_piece(inner, keep_logprobs=False)
    assert (piece.text, piece.pieces_of_output, piece.tokens) == ("yes", 1, (TokenLogprob("yes", -0.5, (-0.5,)),))
    assert piece.payload is not inner
    assert piece.payload.choices[0].delta.content == "yes"
    assert getattr(piece.payload.choices[0], "logprobs", None) is None
    piece.payload.choices[0].finish_reason = "stop"
    assert inner.choices[0].finish_reason is None
    assert inner.choices[0].logprobs is not None


def test_a_chunk_keeps_its_log_probabilities_for_those_who_asked():
    piece = to_piece(chunk({"content": "yes"}, logprobs={"content": [ENTRY]}), keep_logprobs=True)
    assert piece.payload.choices[0].logprobs is not None


@pytest.mark.parametrize(("delta", "outputs"), [({"role": "assistant"}, 0), ({"content": ""}, 0), ({"content": "a"}, 1)])
def test_only_chunks_with_output_count_against_the_hold(delta, outputs):
    assert to_piece(chunk(delta), keep_logprobs=False).pieces_of_output == outputs


def test_a_usage_chunk_is_read_and_loses_its_cost():
    piece = to_piece(chunk({}, usage=Usage(prompt_tokens=3, completion_tokens=1, total_tokens=4, cost=0.25)), keep_logprobs=False)
    assert piece.usage == Tokens(input_tokens=3, output_tokens=1)
    assert getattr(piece.payload.usage, "cost", None) is None


def test_the_tools_called_are_read_with_their_arguments():
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
    answer = response(message=Message(content=None, role="assistant", tool_calls=[call]), logprobs=None, finish_reason="tool_calls")
    assert to_completion(answer).tool_calls == (ToolCall("look", '{"at": 1}'),)


def test_what_a_chunk_adds_to_a_call_is_read():
    opening = {"index": 1, "id": "1", "type": "function", "function": {"name": "look", "arguments": ""}}
    more = {"index": 1, "function": {"arguments": '{"at": 1}'}}
    (begun,) = to_piece(chunk({"tool_calls": [opening]}), keep_logprobs=False).tool_calls
    (gone_on,) = to_piece(chunk({"tool_calls": [more]}), keep_logprobs=False).tool_calls
    assert begun == ToolPiece((0, 1), "look", "", "1")
    assert gone_on == ToolPiece((0, 1), "", '{"at": 1}', None)


def test_a_refusal_in_a_field_of_its_own_is_read():
    assert to_completion(response(message=Message(content=None, role="assistant", refusal="No."), logprobs=None)).refused
    assert not to_completion(response()).refused
    piece = to_piece(chunk({"refusal": "No."}), keep_logprobs=False)
    assert (piece.refused, piece.pieces_of_output) == (True, 1)


def test_of_several_finish_reasons_the_one_that_says_most_counts():
    answer = response()
    answer.choices.append(Choices(finish_reason="content_filter", index=1, message=Message(content="", role="assistant")))
    assert to_completion(answer).finish_reason == "content_filter"
