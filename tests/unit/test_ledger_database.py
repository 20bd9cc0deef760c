"""The decision record in PostgreSQL: the same chain in rows, whatever becomes of the database, of a worker or of a row."""

import json
import logging
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from textwrap import dedent

import psycopg
import pytest
from prometheus_client import REGISTRY
from typer.testing import CliRunner

from ledger_records import record
from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.audit.ledger.appending import Entry
from litellm_cascade.audit.ledger.chain import Sealer
from litellm_cascade.audit.ledger.database import DatabaseAppender, libpq_url, prepare
from litellm_cascade.audit.ledger.exporting import export
from litellm_cascade.audit.ledger.files import chains_in
from litellm_cascade.audit.ledger.verifying import verify_chain
from litellm_cascade.errors import RecordError
from litellm_cascade.offline.cli import app
from litellm_cascade.vocabulary import Answered, Band, Feedback, Opinion
from postgres_server import PASSWORD, PostgresServer
from waiting import until

TESTS = Path(__file__).parents[1]
WITHIN_S = 30.0
PROLOGUE = f"""
import os, sys, time
sys.path.insert(0, {str(TESTS)!r})
from ledger_records import record
from litellm_cascade.audit.ledger import Ledger, LedgerOptions
ours = Ledger(LedgerOptions(database=lambda: os.environ["URL"]))
"""


@pytest.fixture(scope="module")
def server():
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def url(server):
    return server.new_database()


def ledger_in(url, **options):
    return Ledger(LedgerOptions(database=lambda: url, **options))


def written(url, count, **options):
    """A closed chain of ``count`` requests; its receipts."""
    ledger = ledger_in(url, **options)
    receipts = [ledger(record(number)) for number in range(count)]
    ledger.close()
    return receipts


def run(url, *arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"THE_URL": url})
    assert PASSWORD not in result.output
    assert "cascade-record-" not in result.output
    return result.exit_code, result.output


def verified(url, *options):
    code, output = run(url, "audit", "verify", "--database-env", "THE_URL", *options)
    return code, output.splitlines()


def ask(url, sql, *given):
    with psycopg.connect(url, autocommit=True, options="-csearch_path=litellm_cascade") as connection:
        cursor = connection.execute(sql, given or None)
        return cursor.fetchall() if cursor.description else []


def metric(name):
    return REGISTRY.get_sample_value(name)


# --- what is written, and read back ------------------------------------------------------------------------------------------------


def test_rows_hold_the_lines_of_a_chain_and_the_receipt_is_their_hash(url):
    receipts = written(url, 3)
    lines = [json.loads(line) for (line,) in ask(url, "select line from record order by seq")]
    assert [line["kind"] for line in lines] == ["genesis", "request", "request", "request", "end"]
    assert [(line["hash"], line["previous"]) for line in lines[1:4]] == [(receipt.hash, receipt.previous) for receipt in receipts]
    assert ask(url, "select chain, seq, at from record where line like '%\"r-1\"%'") == [
        (lines[2]["chain"], 2, datetime.fromisoformat(lines[2]["at"]))
    ]
    assert verified(url) == (0, ["1 chain, 1 file, 3 requests: no findings"])


def test_a_key_is_needed_there_too(url, monkeypatch):
    written(url, 2, key=b"k" * 32)
    monkeypatch.setenv("RECORD_KEY", "k" * 32)
    assert verified(url)[0] == 2
    assert verified(url, "--hmac-key-env", "RECORD_KEY") == (0, ["1 chain, 1 file, 2 requests: no findings"])


def test_old_files_of_a_chain_can_be_deleted_and_the_rest_verifies(url):
    written(url, 12, rotate_bytes=5000)
    assert len(ask(url, "select distinct file from record")) > 2
    ask(url, "delete from record where file < 3")
    assert verified(url)[0] == 1
    code, (*notes, _) = verified(url, "--allow-missing-start")
    assert (code, [note.partition("jsonl: ")[2] for note in notes]) == (0, ["the files of this chain before it are not here"])


def test_it_is_shown_and_learned_from_like_files(url):
    ledger = ledger_in(url)
    for number in range(3):
        ledger(record(number))
    judged = {"alias": "small", "score_name": "mean", "score": -0.1}
    answer = Answered(request_id="r-1", policy="test", digest="d", band=Band.CASCADE, at=1.0, **judged)
    ledger.feedback(Feedback(answer=answer, outcome=Opinion.WRONG))
    ledger.close()
    code, shown = run(url, "audit", "show", "--database-env", "THE_URL")
    assert (code, len(shown.splitlines()), shown.splitlines()[2].split()[-1]) == (0, 4, "wrong")
    code, shown = run(url, "audit", "show", "--database-env", "THE_URL", "--request", "r-1", "--json")
    assert (code, [json.loads(line)["kind"] for line in shown.splitlines()]) == (0, ["request", "feedback"])
    code, learned = run(url, "audit", "outcomes", "--database-env", "THE_URL")
    assert (code, json.loads(learned)["correct"]) == (0, False)


def test_a_request_that_is_not_there_is_one_sentence(url):
    written(url, 1)
    code, said = run(url, "explain", "--record", "nobody", "--database-env", "THE_URL")
    assert (code, "there is no request 'nobody' in the record; `cascade audit show --database-env THE_URL` lists" in said) == (1, True)


@pytest.mark.parametrize("environ", [{"THE_URL": ""}, {"THE_URL": None}])
def test_a_variable_that_holds_no_url_is_named(environ):
    result = CliRunner().invoke(app, ["audit", "verify", "--database-env", "THE_URL"], env=environ)
    assert (result.exit_code, "there is no environment variable of that name, or it is empty" in result.output) == (2, True)


def test_a_record_has_to_be_named():
    for command in ("verify", "show", "outcomes"):
        result = CliRunner().invoke(app, ["audit", command])
        assert (result.exit_code, "name a folder of a record" in result.output) == (2, True)


# --- tampering ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update record set line = replace(line, 'r-2', 'r-9') where seq = 3", "seq 3: this line was changed"),
        ("delete from record where seq in (3, 4)", "seq 3 to 4 are missing before this line"),
        ("delete from record where seq > 4", "seq 5 to 6 are missing at the end: cut off"),
        ("delete from record", "the files of this chain are missing; only its head is left"),
        ("update record set seq = -seq where seq in (2, 3)", ".0001.jsonl:1: seq 3: a file does not begin with such a line"),
        ("update record set seq = 40 where seq = 3", "this line was moved"),
        ("update record set file = 2 where seq = 3", "a file does not begin with such a line"),
        ("update record set chain = 'another' where seq = 3", "this line belongs to the chain"),
        ("insert into record select chain, file, seq + 10, at, line from record where seq = 2", "stands here once more"),
        ("insert into record select chain, file, 10, at, '{}' from record where seq = 2", "or put there"),
        ("update record set line = line || chr(10) || line where seq = 2", "stands here once more"),
        ("update head set line = replace(line, '\"seq\":6', '\"seq\":2')", "the head was changed after it was written"),
        ("delete from head", "the head of this chain"),
    ],
)
def test_rows_that_were_tampered_with_are_found(url, change, said):
    written(url, 5)
    assert verified(url)[0] == 0
    ask(url, change)
    code, lines = verified(url)
    assert (code, any(said in line for line in lines)) == (1, True), lines


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("set chain = '../../tmp/elsewhere'", "a row is of the chain '../../tmp/elsewhere', which no proxy has written"),
        ("set file = -1", "has a row with the file -1, which no proxy has written"),
    ],
)
def test_a_row_that_would_become_a_strange_file_is_refused(url, tmp_path, change, said):
    written(url, 1)
    ask(url, f"update record {change}")
    with pytest.raises(RecordError, match=said):
        export(url, tmp_path)
    assert verified(url)[0] == 1


# --- when the database fails -------------------------------------------------------------------------------------------------------


def test_a_database_that_goes_away_degrades_is_logged_once_and_gets_everything_when_it_is_back(server, url, caplog):
    ledger = ledger_in(url)
    for number in range(5):
        ledger(record(number))
    until(lambda: ledger.pending == 0)
    failures = metric("cascade_record_write_failures_total")
    with caplog.at_level(logging.WARNING, "litellm_cascade"):
        server.stop()
        try:
            for number in range(5, 40):
                assert ledger(record(number)) is not None
            until(lambda: metric("cascade_record_write_failures_total") >= failures + 3)
            assert (metric("cascade_record_unwritable"), ledger.pending) == (1, 35)
        finally:
            server.start()
        until(lambda: ledger.pending == 0)
        until(lambda: metric("cascade_record_unwritable") == 0)
    ledger(record(40))
    ledger.close()
    broken, again = (entry.getMessage() for entry in caplog.records)
    assert broken.startswith("cascade: the decision record cannot be written (the database: ")
    assert again == "cascade: the decision record is written again"
    assert verified(url) == (0, ["1 chain, 1 file, 41 requests: no findings"])


def test_while_it_is_away_the_queue_is_bounded_and_the_gap_is_admitted(server, url):
    ledger = ledger_in(url, queue_records=5)
    ledger(record(0))
    until(lambda: ledger.pending == 0)
    server.stop()
    try:
        assert [ledger(record(number)) is None for number in range(1, 10)] == [False] * 5 + [True] * 4
    finally:
        server.start()
    until(lambda: ledger.pending == 0)
    ledger(record(10))
    ledger.close()
    code, (note, summary) = verified(url)
    assert (code, summary) == (0, "1 chain, 1 file, 7 requests: no findings, 4 requests not recorded")
    assert "seq 7: 4 requests are not recorded, " in note


def test_a_worker_that_ends_while_it_is_away_does_not_wait_for_ever_and_counts_what_is_lost(server, url):
    ledger = ledger_in(url, close_within_s=0.5)
    before = REGISTRY.get_sample_value("cascade_record_lost_total", {"reason": "shutdown"})
    server.stop()
    try:
        ledger(record(0))
        ledger.close()
    finally:
        server.start()
    assert REGISTRY.get_sample_value("cascade_record_lost_total", {"reason": "shutdown"}) - before == 3  # with the first and the last line


def test_a_table_that_somebody_holds_holds_up_no_request(url):
    """The calls return while the lock is held; if one waited for the database, this test would not end."""
    ledger = ledger_in(url)
    ledger(record(0))
    until(lambda: ledger.pending == 0)
    with psycopg.connect(url, options="-csearch_path=litellm_cascade") as holding:
        holding.execute("lock table record in access exclusive mode")
        receipts = [ledger(record(number)) for number in range(1, 300)]
        assert None not in receipts
        assert ledger.pending == 299
    until(lambda: ledger.pending == 0)
    ledger.close()
    assert verified(url) == (0, ["1 chain, 1 file, 300 requests: no findings"])


def test_a_table_that_is_dropped_is_made_again_and_verify_says_what_is_missing(url):
    ledger = ledger_in(url)
    ledger(record(0))
    until(lambda: ledger.pending == 0)
    ask(url, "drop schema litellm_cascade cascade")
    ledger(record(1))
    ledger.close()
    code, lines = verified(url)
    assert (code, any("seq 0 to 1 are missing before this line" in line for line in lines)) == (1, True), lines


def test_what_was_committed_and_not_acknowledged_may_be_written_again(url):
    sealer = Sealer()
    entries = [Entry(line=b'{"n":%d}\n' % number, file=1, seq=number, hash="0" * 64, at="2026-01-01T00:00:00Z") for number in range(3)]
    appender = DatabaseAppender(lambda: url, "chain-1", sealer)
    for batch in (entries[:2], entries):
        appender.write(batch)
        appender.close()
    assert ask(url, "select seq, line from record order by seq") == [(0, '{"n":0}'), (1, '{"n":1}'), (2, '{"n":2}')]


# --- when a worker fails, and several at once --------------------------------------------------------------------------------------


def worker(url, code):
    environ = os.environ | {"URL": url}
    return subprocess.Popen([sys.executable, "-c", PROLOGUE + dedent(code)], env=environ, stdout=subprocess.PIPE, text=True)


def test_workers_that_write_at_once_have_a_chain_each_in_tables_that_were_made_once(url):
    workers = [worker(url, "for number in range(500): ours(record(number))") for _ in range(3)]
    assert [process.wait(WITHIN_S) for process in workers] == [0, 0, 0]
    for process in workers:
        process.stdout.close()
    assert verified(url) == (0, ["3 chains, 3 files, 1,500 requests: no findings"])


def test_a_killed_worker_loses_at_most_what_was_not_committed(url):
    code = """
    for number in range(10**9):
        ours(record(number))
        if number % 50 == 0:
            print(number, flush=True)
            time.sleep(0.002)
    """
    with worker(url, code) as process:
        for line in process.stdout:
            if int(line) >= 1000:
                break
        until(lambda: ask(url, "select to_regclass('record') is not null") == [(True,)])  # made by the worker's thread
        until(lambda: ask(url, "select count(*) > 500 from record") == [(True,)])
        process.send_signal(signal.SIGKILL)
        process.wait()
    code, (note, summary) = verified(url)
    assert code == 0
    assert note.endswith("the chain has no last line: its process still runs, or was ended without time to write one")
    assert summary.endswith(" requests: no findings")


# --- who may write -----------------------------------------------------------------------------------------------------------------


def test_a_role_that_may_only_add_lines_is_enough(server, url):
    prepare(url)
    name = url.rpartition("/")[2]
    for sql in (
        f"create role clerk_{name} login password 'clerk'",
        f"grant usage on schema litellm_cascade to clerk_{name}",
        f"grant select, insert on litellm_cascade.record to clerk_{name}",
        f"grant select, insert, update on litellm_cascade.head to clerk_{name}",
    ):
        ask(url, sql)
    clerk = server.url(name, user=f"clerk_{name}", password="clerk")
    written(clerk, 3)
    assert verified(clerk) == (0, ["1 chain, 1 file, 3 requests: no findings"])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(clerk, "delete from record")


def test_no_password_is_said_when_the_database_refuses(server, url, caplog):
    wrong = server.url(url.rpartition("/")[2], password="s3cret-and-wrong")
    with pytest.raises(OSError, match="the database: OperationalError") as caught:
        prepare(wrong)
    assert "s3cret" not in str(caught.value)
    with caplog.at_level(logging.WARNING, "litellm_cascade"):
        ledger = ledger_in(wrong, close_within_s=0.2)
        ledger(record(0))
        ledger.close()
    assert "s3cret" not in caplog.text
    result = CliRunner().invoke(app, ["audit", "verify", "--database-env", "THE_URL"], env={"THE_URL": wrong})
    assert (result.exit_code, "the record cannot be read (the database: OperationalError)" in result.output) == (1, True)
    assert "s3cret" not in result.output


# --- its URL -----------------------------------------------------------------------------------------------------------------------

BASE = "postgresql://me:p%40ss@db:5432/litellm"


@pytest.mark.parametrize(
    ("litellms", "libpqs"),
    [
        ("", ""),
        ("?connection_limit=10&pool_timeout=60&schema=public&pgbouncer=true&socket_timeout=3", ""),
        ("?connect_timeout=7&sslmode=require", "?connect_timeout=7&sslmode=require"),
        ("?host=/var/run/postgresql", "?host=/var/run/postgresql"),
        ("?sslmode=require&sslcert=/ca.pem&sslaccept=strict", "?sslmode=verify-full&sslrootcert=/ca.pem"),
        ("?sslmode=verify-full&sslrootcert=/ca.pem", "?sslmode=verify-full&sslrootcert=/ca.pem"),
        ("?sslcert=/me.pem&sslkey=/me.key", "?sslcert=/me.pem&sslkey=/me.key"),
        ("?options=-c%20statement_timeout%3D5", "?options=-c%20statement_timeout%3D5"),
    ],
)
def test_a_url_in_litellms_words_is_said_in_libpqs(litellms, libpqs):
    assert libpq_url(BASE + litellms) == BASE + libpqs


@pytest.mark.parametrize("url", ["", "nonsense", "postgresql://[::1"])
def test_what_is_no_url_is_never_taken_for_the_default_database(url):
    with pytest.raises(OSError, match="its URL is none"):
        prepare(url)


def test_what_was_exported_verifies_by_itself(url, tmp_path):
    written(url, 4)
    export(url, tmp_path)
    (found,) = (verify_chain(name, files) for (_, name), files in chains_in([tmp_path]).items())
    assert (found.findings, found.requests) == ([], 4)
