"""What must hold of every record, and of every way to tamper with one."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_records import RECORD, values, write_chain
from litellm_cascade.audit.ledger.chain import Sealer
from litellm_cascade.audit.ledger.codec import read_record, record_text
from litellm_cascade.audit.ledger.files import chains_in, head_of
from litellm_cascade.audit.ledger.verifying import verify_chain
from litellm_cascade.vocabulary import AuditRecord

KEY = b"k" * 32
FINITE = st.floats(allow_nan=False)
REQUESTS = 12
LINES = REQUESTS + 2  # the first and the last


def findings(folder, key=None):
    return [line for (_, name), files in chains_in([folder]).items() for line in verify_chain(name, files, key=key).findings]


@given(values(AuditRecord, FINITE))
def test_a_record_comes_back_as_it_was_written(record):
    assert read_record(json.loads(record_text(record))) == record


@given(values(AuditRecord, st.floats()))
def test_equal_records_give_equal_text_on_one_ascii_line(record):
    text = record_text(record)
    assert text.isascii()
    assert "\n" not in text
    assert record_text(read_record(json.loads(text))) == text


@given(st.permutations(["b", "a", "c"]))
def test_the_order_of_a_mapping_does_not_matter(names):
    assert record_text(replace(RECORD, extra=dict.fromkeys(names, "x"))) == record_text(replace(RECORD, extra=dict.fromkeys("abc", "x")))


# --- tampering ---------------------------------------------------------------------------------------------------------------------


class Chain:
    """One chain on disk, put back for every example. ``lines`` are those of its single file."""

    def __init__(self, folder, key):
        self.folder, self.key = folder, key
        write_chain(folder, REQUESTS, key=key)
        ((self.name, files),) = [(name, files) for (_, name), files in chains_in([folder]).items()]
        self.file = files[1]
        self.text = self.file.read_bytes()
        self.lines = self.text.splitlines(keepends=True)
        assert len(self.lines) == LINES
        assert findings(folder, key) == []

    def found(self, lines):
        self.file.write_bytes(b"".join(lines))
        return findings(self.folder, self.key)


@pytest.fixture(scope="module", params=[None, KEY], ids=["sha256", "hmac"])
def chain(request, tmp_path_factory):
    return Chain(tmp_path_factory.mktemp("record"), request.param)


@given(data=st.data())
def test_any_byte_that_is_changed_is_found_in_its_line(chain, data):
    number = data.draw(st.integers(0, LINES - 1))
    line = bytearray(chain.lines[number])
    place = data.draw(st.integers(0, len(line) - 2))
    line[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte not in (line[place], 10)))
    found = chain.found([*chain.lines[:number], bytes(line), *chain.lines[number + 1 :]])
    assert found
    assert found[0].startswith(f"{chain.file}:{number + 1}: ")


@given(number=st.integers(0, LINES - 1), count=st.integers(1, LINES))
def test_any_lines_that_are_removed_are_found(chain, number, count):
    left = [*chain.lines[:number], *chain.lines[number + count :]]
    found = chain.found(left)
    assert found or not left
    if left and number > 0:
        first, last = number, min(number + count, LINES) - 1
        seqs = f"seq {first} is" if first == last else f"seq {first} to {last} are"
        assert any(f"{seqs} missing" in sentence for sentence in found)


@given(st.permutations(range(LINES)).filter(lambda order: order != list(range(LINES))))
def test_any_other_order_is_found(chain, order):
    assert chain.found([chain.lines[number] for number in order])


@given(source=st.integers(0, LINES - 1), target=st.integers(0, LINES))
def test_any_line_that_stands_there_twice_is_found(chain, source, target):
    found = chain.found([*chain.lines[:target], chain.lines[source], *chain.lines[target:]])
    assert any("stands here once more" in sentence for sentence in found)


@given(line=st.binary(max_size=80).filter(lambda text: b"\n" not in text), target=st.integers(0, LINES))
def test_any_line_that_is_put_there_is_found(chain, line, target):
    found = chain.found([*chain.lines[:target], line + b"\n", *chain.lines[target:]])
    assert found[0].startswith(f"{chain.file}:{target + 1}: ")


@given(data=st.data())
def test_any_end_that_is_cut_off_is_found(chain, data):
    left = data.draw(st.integers(1, len(chain.text) - 1))
    found = chain.found([chain.text[:left]])
    assert any("missing at the end: cut off" in sentence for sentence in found)


@given(number=st.integers(1, LINES - 1), content=st.sampled_from(["request", "gap", "end", "genesis", "rotation"]))
def test_a_line_sealed_anew_without_the_key_is_found(chain, number, content):
    """Whoever may write to the folder can make a line that looks right by itself; it fits its neighbours only with the key."""
    old = json.loads(chain.lines[number])
    body = json.dumps({**{name: old[name] for name in ("chain", "seq", "previous", "at")}, "kind": content, "forged": True})
    forged, _ = Sealer().sealed(body)
    found = chain.found([*chain.lines[:number], forged, *chain.lines[number + 1 :]])
    assert found
    assert chain.key is None or found[0].startswith(f"{chain.file}:{number + 1}: seq {number}: this line was changed")


@pytest.fixture(scope="module")
def rotated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rotated")
    write_chain(folder, 40, rotate_bytes=12_000)
    ((name, files),) = [(name, files) for (_, name), files in chains_in([folder]).items()]
    assert len(files) >= 6
    assert findings(folder) == []
    return name, files


@given(numbers=st.sets(st.integers(1, 6), min_size=1, max_size=5))
def test_files_of_a_rotated_chain_that_are_missing_are_found(rotated, numbers):
    name, files = rotated
    assert verify_chain(name, {number: file for number, file in files.items() if number not in numbers}).findings


@given(order=st.permutations(range(1, 7)).filter(lambda order: list(order) != [1, 2, 3, 4, 5, 6]))
def test_files_of_a_rotated_chain_that_changed_their_names_are_found(rotated, order):
    name, files = rotated
    assert verify_chain(name, files | {number: files[order[number - 1]] for number in range(1, 7)}).findings


def test_a_head_that_is_changed_or_taken_away_is_found(tmp_path):
    write_chain(tmp_path, 3)
    ((folder, name),) = chains_in([tmp_path])
    head = head_of(folder, name)
    head.write_bytes(head.read_bytes().replace(b'"seq":4', b'"seq":2'))
    assert findings(tmp_path)[0] == f"{head}: the head was changed after it was written"
    head.unlink()
    assert "is missing, so nobody can tell whether lines were cut off here" in findings(tmp_path)[0]
