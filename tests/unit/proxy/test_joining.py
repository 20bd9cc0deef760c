"""Held chunks become few, and nothing that was said is lost or changes places."""

from hypothesis import given
from hypothesis import strategies as st
from litellm.types.utils import ModelResponseStream, Usage

from litellm_cascade.escalation import Said
from litellm_cascade.proxy.answers import to_piece
from litellm_cascade.proxy.joining import MOST, together
from litellm_cascade.vocabulary import TokenLogprob

ID = {"id": "chatcmpl-1", "created": 1, "model": "small"}
ENTRY = {"token": "so", "logprob": -0.5, "bytes": None, "top_logprobs": []}
CALL = {"index": 0, "function": {"name": None, "arguments": "{"}, "type": "function"}
THOUGHT = {"reasoning_content": "hm", "thinking_blocks": [{"type": "thinking", "thinking": "hm"}]}


def chunk(delta, *, usage=None, **choice):
    made = ModelResponseStream(**ID, choices=[{"index": 0, "delta": delta, "finish_reason": None, **choice}])
    if usage is not None:
        made.usage = usage
    return made


def pieces(*chunks, alternatives=None):
    return [to_piece(one, alternatives=alternatives) for one in chunks]


def words(*texts, **more):
    return [chunk({"content": text}, logprobs={"content": [ENTRY | {"token": text}]}, **more) for text in texts]


def deltas(joined):
    return [piece.payload.choices[0].delta.model_dump(exclude_none=True) for piece in joined]


def test_words_become_one_chunk():
    (joined,) = together(pieces(*words("so", " it", " is")))
    assert joined.text == "so it is"
    assert deltas([joined]) == [{"content": "so it is"}]
    assert joined.tokens == tuple(TokenLogprob(text, -0.5) for text in ("so", " it", " is"))
    assert joined.pieces_of_output == 3
    assert joined.payload._hidden_params == {"response_cost": 0.0, "model_id": None}


def test_litellm_s_own_chunks_stay_as_they_are():
    inner = words("so", " it")
    list(together(pieces(*inner)))
    assert [one.choices[0].delta.content for one in inner] == ["so", " it"]


def test_thoughts_become_one_chunk_of_their_own():
    held = pieces(*(chunk({"reasoning_content": text}) for text in ("first", " this")), *words("then", " that"))
    assert deltas(together(held)) == [{"reasoning_content": "first this"}, {"content": "then that"}]


def test_no_chunk_grows_without_bound():
    joined = list(together(pieces(*words(*["so "] * (2 * MOST + 1)))))
    assert [len(piece.text) for piece in joined] == [3 * MOST, 3 * MOST, 3]


def test_what_is_more_than_words_stays_by_itself():
    apart = [
        chunk({"role": "assistant", "content": "so"}),
        chunk({"tool_calls": [CALL]}),
        chunk({"tool_calls": [CALL]}),
        chunk({"content": "a", "tool_calls": [CALL]}),
        chunk({"content": "a", "tool_calls": [CALL]}),
        chunk(THOUGHT),
        chunk(THOUGHT),
        chunk({"refusal": "No."}),
        chunk({"refusal": "No."}),
        chunk({"content": ""}),
        chunk({"content": ""}),
        chunk({"content": "end"}, finish_reason="stop"),
        chunk({"content": "end"}, finish_reason="stop"),
        chunk({}, usage=Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)),
        ModelResponseStream(**ID, choices=[]),
    ]
    held = pieces(*apart)
    assert [id(piece) for piece in together(held)] == [id(piece) for piece in held]


def test_log_probabilities_that_the_client_asked_for_keep_chunks_apart():
    assert len(list(together(pieces(*words("so", " it"), alternatives=0)))) == 2


def test_choices_are_not_mixed():
    held = pieces(*(chunk({"content": "so"}, index=index) for index in (0, 1, 1, 0)))
    assert [(piece.payload.choices[0].index, piece.text) for piece in together(held)] == [(0, "so"), (1, "soso"), (0, "so")]


CHUNKS = st.lists(
    st.one_of(
        st.text(min_size=1, max_size=3).map(lambda text: words(text)[0]),
        st.text(max_size=3).map(lambda text: chunk({"content": text})),
        st.text(max_size=3).map(lambda text: chunk({"reasoning_content": text})),
        st.just(CALL).map(lambda call: chunk({"tool_calls": [dict(call)]})),
        st.sampled_from(["stop", "length"]).map(lambda reason: chunk({}, finish_reason=reason)),
    ),
    max_size=12,
)


@given(CHUNKS)
def test_all_that_was_said_is_said_in_the_same_order(chunks):
    joined, apart = list(together(pieces(*chunks))), pieces(*chunks)
    assert said(joined) == said(apart)
    assert shown(joined) == shown(apart)
    assert len(joined) <= len(apart)


def said(held):
    all_of_it = Said()
    for piece in held:
        all_of_it.add(piece)
    return all_of_it.completion()


def shown(held):
    """What a client makes of the chunks: runs of text by field, and whatever else stands between them."""
    runs = []
    for piece in held:
        choice = piece.payload.choices[0]
        delta = {name: value for name, value in choice.delta.model_dump(exclude_none=True).items() if value}
        if runs and len(delta) == 1 and runs[-1][0].keys() == delta.keys() and isinstance(next(iter(delta.values())), str):
            ((name, text),) = delta.items()
            runs[-1][0][name] += text
        elif delta or choice.finish_reason:
            runs.append((delta, choice.finish_reason))
    return runs
