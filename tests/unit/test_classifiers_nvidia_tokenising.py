import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.classifiers.nvidia.tokenising import Tokeniser
from litellm_cascade.errors import ClassifierError
from litellm_cascade.testing.checkpoints import TINY, WORDS, tokenizer

TEXT = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS), max_size=900).map(" ".join))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer().save(str(path))
    return path


@pytest.fixture(scope="module")
def theirs(path):
    """The library's own truncation."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(path))
    made.no_padding()
    made.enable_truncation(512)
    return made


@pytest.fixture(scope="module")
def head(path):
    return Tokeniser(path, vocabulary=TINY.vocabulary)


@pytest.fixture(scope="module")
def windows(path):
    return Tokeniser(path, vocabulary=TINY.vocabulary, long_prompts="windows")


@given(text=TEXT)
def test_the_head_is_what_the_library_itself_truncates_to(head, theirs, text):
    tokenised = head(text)
    assert [list(ids) for ids in tokenised.windows] == [theirs.encode(text).ids]


@given(text=TEXT)
def test_windows_are_framed_fit_and_are_one_where_the_text_fits(windows, head, text):
    tokenised = windows(text)
    assert len(tokenised.windows) == (3 if head(text).truncated else 1)
    for ids in tokenised.windows:
        assert (ids[0], ids[-1]) == (1, 2)
        assert len(ids) <= 512


def test_windows_cover_both_ends_and_say_when_the_middle_is_not_read(windows):
    first, last, both = windows("write " + "code " * 800 + "story").windows
    one = windows("write story").windows[0]
    assert (first[1], last[-2]) == (one[1], one[-2])
    assert (both[1], both[-2]) == (one[1], one[-2])
    assert not windows("code " * 900).truncated
    assert windows("code " * 1_100).truncated


def test_very_long_text_is_cut_before_it_is_tokenised(head, windows):
    for tokeniser in (head, windows):
        tokenised = tokeniser("write " * 200_000)
        assert tokenised.truncated
        assert all(len(ids) == 512 for ids in tokenised.windows)


def test_half_a_surrogate_pair_is_read_as_a_question_mark(head):
    assert head("write \ud800 code") == head("write ? code")


def test_a_token_without_a_row_never_reaches_a_device(path):
    narrow = Tokeniser(path, vocabulary=TINY.vocabulary)
    narrow.vocabulary = 10  # as if the file had been exchanged after it was checked
    with pytest.raises(ClassifierError, match=r"the tokenizer gave the token .*, and there are 10 rows"):
        narrow("write a story")
