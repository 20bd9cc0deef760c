"""How the settings turn the decision record on, and what of an answer is text."""

import logging

import pytest
from litellm.types.utils import Choices, Message, ModelResponse

from litellm_cascade.audit.ledger import LedgerOptions
from litellm_cascade.errors import StartupError
from litellm_cascade.proxy.answers import said_in
from litellm_cascade.proxy.record import facts_of, prepare_database, record_options
from litellm_cascade.proxy.settings import RecordSettings, read_settings
from litellm_cascade.proxy.shelf import Shelf

WHERE = "written into the decision record, where there is one"
KEY = "0123456789abcdef" * 4


def options(tmp_path, environ=None, **written):
    return record_options(read_settings({"record": written}).record, str(tmp_path / "config.yaml"), environ or {})


def refused(tmp_path, environ=None, **written):
    with pytest.raises(StartupError) as caught:
        options(tmp_path, environ, **written)
    (sentence,) = caught.value.problems
    return sentence


def test_without_a_folder_there_is_no_record(tmp_path):
    assert record_options(RecordSettings(), None) is None


def test_the_folder_lies_beside_the_configuration_and_is_made(tmp_path):
    found = options(tmp_path, folder="deep/record", rotate_mb=2, rotate_hours=0.5)
    assert found.folder == tmp_path / "deep" / "record"
    assert list(found.folder.iterdir()) == []
    assert (found.fsync_ms, found.rotate_bytes, found.rotate_seconds, found.key) == (1000.0, 2 * 1024 * 1024, 1800.0, None)


@pytest.mark.parametrize(("written", "fsync_ms"), [("never", None), (0, 0.0), (250, 250.0)])
def test_fsync_is_as_it_is_written(tmp_path, written, fsync_ms):
    assert options(tmp_path, folder="record", fsync_ms=written).fsync_ms == fsync_ms


def test_a_key_comes_from_the_environment(tmp_path):
    assert options(tmp_path, {"RECORD_KEY": KEY}, folder="r", hmac_key="os.environ/RECORD_KEY").key == KEY.encode()


@pytest.mark.parametrize(
    ("environ", "written", "said"),
    [
        ({}, "os.environ/RECORD_KEY", "the environment variable RECORD_KEY is not set"),
        ({"RECORD_KEY": "short"}, "os.environ/RECORD_KEY", "the environment variable RECORD_KEY has 5 characters"),
        ({}, "secret", "it has 6 characters"),
    ],
)
def test_a_key_that_is_no_key_is_one_sentence(tmp_path, environ, written, said):
    remedy = "a key needs 32 or more, for example from `openssl rand -hex 32`"
    assert (
        refused(tmp_path, environ, folder="r", hmac_key=written) == f"cascade: callback_settings.cascade.record.hmac_key: {said}; {remedy}"
    )


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("name", ["folder", "hmac_key", "postgres"])
def test_a_variable_that_litellm_found_empty_is_no_reason_to_do_without(tmp_path, name, nothing):
    """LiteLLM replaces ``os.environ/NAME`` before we see it, by nothing where it is not set."""
    said = refused(tmp_path, **{"folder": "r", name: nothing})
    said_first = f"cascade: callback_settings.cascade.record.{name}: there is nothing in it, or in the environment variable it names; "
    assert said.startswith(said_first)


# --- in PostgreSQL -----------------------------------------------------------------------------------------------------------------

LITELLMS, OTHER = "postgresql://me:s3cret@db/litellm", "postgresql://me:s3cret@db/other"


@pytest.mark.parametrize(
    ("written", "environ", "general", "url"),
    [
        (True, {"DATABASE_URL": LITELLMS}, {}, LITELLMS),
        (True, {"DATABASE_URL": LITELLMS}, {"database_url": OTHER}, LITELLMS),
        (True, {}, {"database_url": LITELLMS}, LITELLMS),
        (OTHER, {"DATABASE_URL": LITELLMS}, {}, OTHER),
    ],
)
def test_the_record_goes_to_the_database_that_is_named(tmp_path, written, environ, general, url):
    settings = read_settings({"record": {"postgres": written, "rotate_mb": 2}}).record
    found = record_options(settings, str(tmp_path / "config.yaml"), environ, general)
    assert (found.folder, found.database(), found.fsync_ms, found.rotate_bytes) == (None, url, None, 2 * 1024 * 1024)


def test_a_password_that_litellm_renews_is_used_with_the_next_connection(tmp_path):
    environ = {"DATABASE_URL": LITELLMS}
    found = options(tmp_path, environ, postgres=True)
    environ["DATABASE_URL"] = OTHER
    assert found.database() == OTHER


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"postgres": True}, "LiteLLM has no database; set general_settings.database_url or DATABASE_URL"),
        ({"postgres": "mysql://me:s3cret@db/x"}, "what is there does not begin with postgresql://; give the URL of a database"),
        ({"postgres": True, "folder": "r"}, "folder and postgres are two places for one record; take one of them out"),
    ],
)
def test_a_database_that_is_none_is_one_sentence_without_its_password(tmp_path, written, said):
    sentence = refused(tmp_path, **written)
    assert said in sentence
    assert "s3cret" not in sentence


def test_a_database_that_does_not_answer_yet_is_a_warning():
    warnings = []
    prepare_database(LedgerOptions(database=lambda: "postgresql://me:s3cret@127.0.0.1:1/none"), warnings.append)
    (said,) = warnings
    assert "the decision record cannot be written now (the database: OperationalError); it will be tried again" in said
    assert "s3cret" not in said


def test_files_need_no_preparation(tmp_path):
    prepare_database(LedgerOptions(folder=tmp_path), pytest.fail)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "record").write_text("a file")
    assert refused(tmp_path, folder="record") == (
        f"cascade: callback_settings.cascade.record.folder: {tmp_path / 'record'} cannot be written (File exists); "
        "give the proxy's user the right to, or name another folder"
    )


@pytest.mark.parametrize("written", [{"fsync_ms": "often"}, {"fsync_ms": -1}, {"rotate_mb": 0}, {"queue_records": 0}, {"dir": "x"}])
def test_a_setting_that_is_none_is_refused(written):
    with pytest.raises(StartupError, match=r"callback_settings\.cascade\.record\."):
        read_settings({"record": written})


@pytest.mark.parametrize(
    "written",
    [
        {"hmac_key": 5577006791947779410},  # a key of digits, without quotes
        {"hmac_key": ["5577006791947779410"]},
        {"postgres": {"url": "postgresql://user:5577006791947779410@host/db"}},
        "postgresql://user:5577006791947779410@host/db",
        [{"hmac_key": "5577006791947779410"}],
    ],
)
def test_what_may_be_a_secret_is_not_repeated_in_the_log(written):
    with pytest.raises(StartupError) as caught:
        read_settings({"record": written})
    assert "callback_settings.cascade.record" in str(caught.value)
    assert "5577006791947779410" not in str(caught.value)


def test_an_unknown_setting_is_told_with_those_there_are():
    with pytest.raises(StartupError) as caught:
        read_settings({"record": {"dir": "x"}})
    known = "folder, fsync_ms, hmac_key, postgres, queue_records, rotate_hours, rotate_mb"
    assert caught.value.problems == (f"callback_settings.cascade.record.dir: there is no such setting; the settings are {known}",)


def test_the_facts_name_versions_and_the_policies_of_the_moment():
    policies = {}
    facts = facts_of(lambda: dict(policies))
    policies["balanced"] = "sha256:1"
    assert facts()["policies"] == {"balanced": "sha256:1"}
    assert set(facts()["versions"]) == {"litellm-cascade", "litellm", "python"}


@pytest.mark.parametrize(
    "answer",
    [
        ModelResponse(choices=[Choices(message=Message(content="well said"))]),
        {"choices": [{"text": "well said", "logprobs": {"content": [{"text": "well"}]}}]},
        {"content": [{"type": "text", "text": "well said"}]},
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": "well said"}]}]},
        {"candidates": [{"content": {"parts": [{"text": "well said"}]}}]},
    ],
    ids=["chat", "completions", "messages", "responses", "generate_content"],
)
def test_the_text_of_an_answer_is_found_in_any_dialect(answer):
    assert said_in(answer) == "well said"


def test_what_is_no_answer_says_nothing():
    assert said_in(None) == ""


@pytest.mark.parametrize(
    ("privacy", "messages"),
    [
        ("", []),
        (
            "privacy: {record_prompts: always}",
            [f"cascade: PRIVACY: the policy 'p' has prompts and answers of all requests {WHERE}"],
        ),
    ],
)
def test_a_policy_that_keeps_texts_is_announced_when_it_is_loaded_and_when_it_changes(tmp_path, caplog, privacy, messages):
    path = tmp_path / "p.yaml"
    path.write_text(f"version: 1\nname: p\nmodels: {{small: {{tier: budget}}}}\nroutes: [{{name: all, send: small}}]\n{privacy}\n")
    shelf = Shelf(lambda _: path, lambda _: (), dict)
    with caplog.at_level(logging.WARNING, logger="LiteLLM Proxy"):
        shelf.policy("p")
        shelf.policy("p")
        path.write_text(path.read_text().replace("name: all", "name: every"))
        shelf.refresh()
    assert [message for message in caplog.messages if "PRIVACY" in message] == messages * 2
    assert shelf.digests() == {"p": shelf.policy("p").digest}
