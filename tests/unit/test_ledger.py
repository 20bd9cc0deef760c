"""The decision record on disk: what its files hold, and what becomes of it when a disk, a process or a reader fails."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from ledger_records import RECORD, record, write_chain
from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.audit.ledger.appending import Entry, FileAppender
from litellm_cascade.audit.ledger.chain import BEGINNING, Sealer
from litellm_cascade.audit.ledger.codec import read_record, record_text
from litellm_cascade.audit.ledger.files import chains_in
from litellm_cascade.audit.ledger.reading import lines_of
from litellm_cascade.audit.ledger.verifying import KeyNeededError, verify_chain
from litellm_cascade.audit.ledger.writer import Writer
from litellm_cascade.errors import RecordError
from litellm_cascade.vocabulary import AliasFacts, Basis, Gate, Texts, Turn
from waiting import until

TESTS = Path(__file__).parents[1]
KEY = b"k" * 32
PROLOGUE = f"""
import os, resource, signal, sys
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from ledger_records import record
from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from prometheus_client import REGISTRY
from waiting import until

folder = Path(sys.argv[1])

def ledger(**options):
    return Ledger(LedgerOptions(folder=folder, **options))
"""


def passes(code, folder):
    """Run ``code`` in a process of its own; its assertions are the test's."""
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + dedent(code), str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def verdicts(folder, **options):
    return [verify_chain(name, files, **options) for (_, name), files in chains_in([folder]).items()]


def verdict(folder, **options):
    (only,) = verdicts(folder, **options)
    return only


def contents(folder):
    ((_, files),) = chains_in([folder]).items()
    return [placed.line.content for file in files.values() for placed in lines_of(file)]


def head(folder):
    heads = list(folder.glob("*.head"))
    return json.loads(heads[0].read_bytes()) if heads else {"seq": -1}


def lost(reason):
    return REGISTRY.get_sample_value("cascade_record_lost_total", {"reason": reason}) or 0.0


# --- what is written ---------------------------------------------------------------------------------------------------------------


def test_each_line_names_the_one_before_and_the_receipt_is_its_hash(tmp_path):
    receipts = write_chain(tmp_path, 3)
    lines = contents(tmp_path)
    assert [line["kind"] for line in lines] == ["genesis", "request", "request", "request", "end"]
    assert [line["seq"] for line in lines] == [0, 1, 2, 3, 4]
    assert [line["previous"] for line in lines] == [BEGINNING, *(line["hash"] for line in lines[:-1])]
    assert [(receipt.hash, receipt.previous) for receipt in receipts] == [(line["hash"], line["previous"]) for line in lines[1:4]]


def test_the_first_line_tells_of_the_process(tmp_path):
    ledger = Ledger(LedgerOptions(folder=tmp_path, key=KEY), lambda: {"versions": {"litellm": "1"}, "policies": {"p": "sha256:1"}})
    ledger(RECORD)
    ledger.close()
    genesis = contents(tmp_path)[0]["genesis"]
    assert genesis["versions"] == {"litellm": "1"}
    assert genesis["policies"] == {"p": "sha256:1"}
    assert (genesis["format"], genesis["file"], genesis["algorithm"], genesis["fsync_ms"]) == (1, 1, "hmac-sha256", 1000.0)
    assert KEY.decode() not in "".join(file.read_text() for file in tmp_path.iterdir())


def test_a_line_holds_the_record_and_texts_only_where_there_are_any(tmp_path):
    ledger = Ledger(LedgerOptions(folder=tmp_path))
    ledger(record(7))
    ledger(record(8), Texts(turns=(Turn(role="user", text="hello"),), answers={0: "well", 1: "hi"}))
    ledger.close()
    _, plain, told, _ = contents(tmp_path)
    assert read_record(plain["record"]) == record(7)
    assert "texts" not in plain
    assert told["texts"]["turns"][0]["text"] == "hello"
    assert told["texts"]["answers"] == {"0": "well", "1": "hi"}


def test_files_are_for_their_owner_alone(tmp_path):
    write_chain(tmp_path, 1)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("options", [{"rotate_bytes": 5000}, {"rotate_seconds": 0.0}], ids=["by size", "by time"])
def test_a_chain_goes_on_in_the_next_file(tmp_path, options):
    write_chain(tmp_path, 12, **options)
    ((_, files),) = chains_in([tmp_path]).items()
    assert len(files) > 2
    last_of_old, first_of_new = list(lines_of(files[1]))[-1].line, next(lines_of(files[2])).line
    assert (first_of_new.kind, first_of_new.previous) == ("rotation", last_of_old.hash)
    assert (verdict(tmp_path).findings, verdict(tmp_path).requests) == ([], 12)


def test_two_ledgers_in_one_folder_are_two_chains(tmp_path):
    write_chain(tmp_path, 2)
    write_chain(tmp_path, 3)
    assert sorted((found.findings, found.requests) for found in verdicts(tmp_path)) == [([], 2), ([], 3)]


def test_threads_share_one_chain(tmp_path):
    ledger = Ledger(LedgerOptions(folder=tmp_path))
    threads = [threading.Thread(target=lambda: [ledger(RECORD) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    assert (verdict(tmp_path).findings, verdict(tmp_path).requests) == ([], 400)


@pytest.mark.parametrize("names", ["aabb", "abab", "abba"])
def test_a_record_has_the_gate_and_the_aliases_of_its_own_policy(names):
    gates = {name: Gate(name=name) for name in "ab"}
    aliases = {name: {name: AliasFacts(context_tokens=1)} for name in "ab"}
    decisions = [replace(RECORD.plan.decision, gate=gates[name]) for name in names]
    records = [
        replace(RECORD, plan=replace(RECORD.plan, decision=decision), basis=Basis(aliases=aliases[name]))
        for name, decision in zip(names, decisions, strict=True)
    ]
    assert [read_record(json.loads(record_text(made))) for made in records] == records


def test_a_record_of_another_release_is_refused_with_the_field_that_is_strange():
    written = json.loads(record_text(RECORD))
    written["plan"]["evidence"]["mood"] = "sunny"
    with pytest.raises(RecordError, match=r"cannot be read \(Evidence: mood\); it may come from another release"):
        read_record(written)


# --- fsync and the head ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fsync_ms", [0.0, 5.0])
def test_the_head_follows_what_was_forced_to_the_disk(tmp_path, fsync_ms):
    ledger = Ledger(LedgerOptions(folder=tmp_path, fsync_ms=fsync_ms))
    receipt = [ledger(RECORD) for _ in range(5)][-1]
    until(lambda: ledger.pending == 0)
    until(lambda: head(tmp_path)["seq"] == 5)
    assert head(tmp_path)["record"] == receipt.hash
    ledger.close()


@pytest.mark.parametrize("fsync_ms", [None, 3_600_000.0])
def test_until_then_it_names_the_first_line_and_in_the_end_the_last(tmp_path, fsync_ms):
    ledger = Ledger(LedgerOptions(folder=tmp_path, fsync_ms=fsync_ms))
    ledger(RECORD)
    until(lambda: ledger.pending == 0)
    assert head(tmp_path)["seq"] == 0
    ledger.close()
    assert head(tmp_path)["seq"] == 2


# --- when the disk fails -----------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_the_queue_is_counted_and_admitted_in_the_chain(tmp_path):
    folder = tmp_path / "later"
    ledger = Ledger(LedgerOptions(folder=folder, queue_records=5))
    before = lost("queue_full")
    receipts = [ledger(record(number)) for number in range(10)]
    assert [receipt is None for receipt in receipts] == [False] * 4 + [True] * 6
    assert lost("queue_full") - before == 6
    folder.mkdir()
    until(lambda: ledger.pending == 0)
    assert ledger(record(10)) is not None
    ledger.close()
    found = verdict(folder)
    assert (found.findings, found.requests, found.lost) == ([], 5, 6)
    assert found.notes[0].startswith("seq 5: 6 requests are not recorded, ")
    assert found.notes[0].endswith(": queue_full")


def test_a_loss_at_the_very_end_is_admitted_too(tmp_path):
    folder = tmp_path / "later"
    ledger = Ledger(LedgerOptions(folder=folder, queue_records=2))
    for number in range(5):
        ledger(record(number))
    folder.mkdir()
    ledger.close()
    assert [line["kind"] for line in contents(folder)] == ["genesis", "request", "gap", "end"]
    assert verdict(folder).lost == 4


def test_a_disk_that_stays_unwritable_ends_the_process_in_time_and_the_loss_is_counted_and_said(tmp_path, caplog):
    ledger = Ledger(LedgerOptions(folder=tmp_path / "nowhere", close_within_s=5.0))
    before = lost("shutdown")
    ledger(RECORD)
    ledger.close()
    assert lost("shutdown") - before == 3  # with the first and the last line
    assert "3 lines of the decision record could not be written" in caplog.text  # nobody reads metrics of a process that has ended


def test_a_worker_that_ended_while_it_could_not_write_is_not_read_as_one_that_cannot(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    worker = passes("from litellm_cascade.audit.record_metrics import UNWRITABLE; UNWRITABLE.set(1); print(os.getpid())", tmp_path)

    def unwritable():
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return registry.get_sample_value("cascade_record_unwritable")

    assert unwritable() == 1
    mark_process_dead(int(worker.stdout))  # as LiteLLM does
    assert not unwritable()


def test_a_full_disk_degrades_is_logged_once_and_recovers(tmp_path):
    done = passes(
        """
        import logging
        logging.basicConfig(format="%(levelname)s %(message)s")
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        ours = ledger(fsync_ms=0)
        ours(record(0))
        until(lambda: ours.pending == 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, most))
        for number in range(1, 20):
            ours(record(number))
        failures = lambda: REGISTRY.get_sample_value("cascade_record_write_failures_total")
        until(lambda: failures() >= 3)
        assert REGISTRY.get_sample_value("cascade_record_unwritable") == 1
        assert ours.pending > 0
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        until(lambda: ours.pending == 0)
        until(lambda: REGISTRY.get_sample_value("cascade_record_unwritable") == 0)
        ours(record(20))
        ours.close()
        """,
        tmp_path,
    )
    assert done.stderr.splitlines() == [
        "ERROR cascade: the decision record cannot be written (File too large); it is kept in memory and tried again",
        "WARNING cascade: the decision record is written again",
    ]
    assert (verdict(tmp_path).findings, verdict(tmp_path).notes, verdict(tmp_path).requests) == ([], [], 21)


def test_a_folder_that_is_taken_away_is_written_again_when_it_is_back_and_verify_says_what_is_missing(tmp_path):
    folder = tmp_path / "record"
    folder.mkdir()
    ledger = Ledger(LedgerOptions(folder=folder, fsync_ms=0, rotate_bytes=8000))
    failures = REGISTRY.get_sample_value("cascade_record_write_failures_total")
    ledger(record(0))
    until(lambda: head(folder)["seq"] == 1)
    shutil.rmtree(folder)
    for number in range(1, 8):
        ledger(record(number))
    until(lambda: REGISTRY.get_sample_value("cascade_record_write_failures_total") > failures)
    folder.mkdir()
    until(lambda: head(folder)["seq"] > 0)
    receipt = ledger(record(8))
    ledger.close()
    assert [line["hash"] for line in contents(folder) if line["kind"] != "end"][-1] == receipt.hash
    assert any("missing" in sentence or "not here" in sentence for sentence in verdict(folder).findings)


def test_a_file_that_is_taken_away_is_noticed_with_the_next_fsync(tmp_path):
    ledger = Ledger(LedgerOptions(folder=tmp_path, fsync_ms=0))
    ledger(record(0))
    until(lambda: head(tmp_path)["seq"] == 1)
    ((_, files),) = chains_in([tmp_path]).items()
    files[1].unlink()
    failures = REGISTRY.get_sample_value("cascade_record_write_failures_total")
    ledger(record(1))
    until(lambda: REGISTRY.get_sample_value("cascade_record_write_failures_total") > failures)
    ledger(record(2))
    ledger.close()
    assert [line["seq"] for line in contents(tmp_path)][-2:] == [3, 4]
    assert any("missing before this line" in sentence for sentence in verdict(tmp_path).findings)


# --- when the process fails --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fsync_ms", ["0", "20", "None"])
def test_a_killed_process_loses_at_most_what_was_not_forced_to_the_disk(tmp_path, fsync_ms):
    code = f"""
    ours = ledger(fsync_ms={fsync_ms}, rotate_bytes=300_000)
    for number in range(10**9):
        ours(record(number))
        if number % 50 == 0:
            print(number, flush=True)
    """
    command = [sys.executable, "-c", PROLOGUE + dedent(code), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= 1000:
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
    found = verdict(tmp_path)
    assert found.findings == []
    assert found.requests >= head(tmp_path)["seq"] - found.files
    assert found.notes[-1] == "the chain has no last line: its process still runs, or was ended without time to write one"


def test_there_is_a_head_before_there_is_a_second_line(tmp_path):
    written = []

    class Kept(FileAppender):
        def write(self, entries):
            written.append((head(tmp_path)["seq"], [entry.seq for entry in entries]))
            super().write(entries)

    writer = Writer(Kept(tmp_path, "chain", Sealer()), fsync_ms=3_600_000.0)
    for seq in range(5):
        writer.put(Entry(b"{}\n", 1, seq, "hash", "now"))
    writer.start()
    assert writer.close(10) == 0
    assert written == [(-1, [0]), (0, [1, 2, 3, 4])]


def test_a_last_line_that_was_never_finished_is_no_tampering_unless_the_head_knows_it(tmp_path):
    write_chain(tmp_path, 3)
    ((_, files),) = chains_in([tmp_path]).items()
    whole = files[1].read_bytes()
    files[1].write_bytes(whole + b'{"chain":"2026')
    found = verdict(tmp_path)
    assert found.findings == []
    assert found.notes == [f"{files[1]}:6: the last line was never finished (14 bytes): the process ended while it was written"]
    files[1].write_bytes(whole[:-20])
    assert verdict(tmp_path).findings == [f"{files[1]}: seq 4 is missing at the end: cut off"]


def test_a_process_that_ends_by_itself_writes_everything(tmp_path):
    passes("ours = ledger(fsync_ms=None)\nfor number in range(100): ours(record(number))", tmp_path)
    assert (verdict(tmp_path).findings, verdict(tmp_path).notes, verdict(tmp_path).requests) == ([], [], 100)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_worker_has_a_chain_of_its_own(tmp_path):
    passes(
        """
        ours = ledger()
        ours(record(0))
        child = os.fork()
        ours(record(1))
        if child == 0:
            ours(record(2))
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        """,
        tmp_path,
    )
    assert sorted((found.findings, found.notes, found.requests) for found in verdicts(tmp_path)) == [([], [], 2), ([], [], 2)]


# --- keys --------------------------------------------------------------------------------------------------------------------------


def test_a_chain_with_a_key_needs_it(tmp_path):
    write_chain(tmp_path, 1, key=KEY)
    with pytest.raises(KeyNeededError, match=r"was written with a key \(id [0-9a-f]{16}\): name the variable that holds it"):
        verdict(tmp_path)
    assert verdict(tmp_path, key=KEY).findings == []


def test_another_key_verifies_nothing(tmp_path):
    write_chain(tmp_path, 1, key=KEY)
    found = verdict(tmp_path, key=b"x" * 32).findings
    assert any("the one given is" in sentence for sentence in found)
    assert sum("this line was changed" in sentence for sentence in found) == 3


def test_a_chain_written_anew_without_the_key_is_found_when_the_key_is_given(tmp_path):
    write_chain(tmp_path, 1)
    found = verdict(tmp_path, key=KEY).findings
    assert any("this chain says that it was written without a key, and one was given to verify it with" in line for line in found)


# --- retention ---------------------------------------------------------------------------------------------------------------------


def test_files_removed_by_retention_are_a_note_where_that_is_allowed(tmp_path):
    write_chain(tmp_path, 6, rotate_bytes=5000)
    ((_, files),) = chains_in([tmp_path]).items()
    files[1].unlink()
    earlier = f"{files[2]}: the files of this chain before it are not here"
    assert verdict(tmp_path).findings == [f"{earlier}; --allow-missing-start where they were removed on purpose"]
    assert (verdict(tmp_path, start_may_be_missing=True).findings, verdict(tmp_path, start_may_be_missing=True).notes) == ([], [earlier])


def test_an_older_file_whose_end_was_cut_off_is_a_finding(tmp_path):
    write_chain(tmp_path, 12, rotate_bytes=5000)
    ((_, files),) = chains_in([tmp_path]).items()
    lines = files[1].read_bytes().count(b"\n")
    files[1].write_bytes(files[1].read_bytes()[:-9])
    assert verdict(tmp_path).findings == [f"{files[1]}:{lines}: the end of this line was cut off"]
