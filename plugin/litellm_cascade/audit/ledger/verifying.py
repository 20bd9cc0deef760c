"""Is a chain what was written? Finds a line that was edited, removed, moved, cut off or inserted, and says which.

One pass with little memory: after each intact line (the anchor) the next intact one must carry the next number and the anchor's hash.
Damaged lines between two anchors stand for the numbers between them; more lines than numbers were inserted, fewer were removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from litellm_cascade.audit.ledger.chain import BEGINNING, HMAC, SHA256, Line, Sealer, parsed
from litellm_cascade.audit.ledger.files import head_of
from litellm_cascade.audit.ledger.reading import Placed, lines_of

FIRST = "genesis"
OPENINGS = (FIRST, "rotation")
"""What a file begins with."""


@dataclass(slots=True)
class Verdict:
    """What there is to say of one chain. ``findings`` speak of tampering or loss; ``notes`` do not."""

    chain: str
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: int = 0
    requests: int = 0
    feedback: int = 0
    lost: int = 0
    keyed: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class _Missing:
    """Numbers that were not where they should be."""

    first: int
    last: int
    before: str

    def without(self, seq: int) -> list[_Missing]:
        parts = (_Missing(self.first, seq - 1, self.before), _Missing(seq + 1, self.last, self.before))
        return [part for part in parts if part.first <= part.last]


class KeyNeededError(Exception):
    """A chain that was written with a key cannot be verified without it."""


def verify_chain(name: str, files: Mapping[int, Path], *, key: bytes | None = None, start_may_be_missing: bool = False) -> Verdict:
    """Read the files of a chain, by number, against each other and against the head. Raises KeyNeededError, and OSError."""
    return _Verification(name, files, key, start_may_be_missing=start_may_be_missing).verdict()


class _Verification:
    def __init__(self, name: str, files: Mapping[int, Path], key: bytes | None, *, start_may_be_missing: bool) -> None:
        self._name, self._files = name, files
        self._start_may_be_missing = start_may_be_missing
        self._sealer = Sealer(key)
        self._said = Verdict(name, files=len(files), keyed=key is not None)
        self._anchor: Placed | None = None
        self._damaged: list[Placed] = []  # since the anchor
        self._missing: list[_Missing] = []
        self._is_headless = False
        self._head = self._read_head()

    def verdict(self) -> Verdict:
        self._look_at_the_set()
        self._demand_the_key()
        for number, file in self._files.items():
            for placed in lines_of(file):
                self._look_at(placed, number)
        self._look_at_the_end()
        for gap in self._missing:
            self._find(f"{gap.before}: {_seqs(gap.first, gap.last)} {'is' if gap.first == gap.last else 'are'} missing before this line")
        return self._said

    # --- the set of files ----------------------------------------------------------------------------------------------------------

    def _look_at_the_set(self) -> None:
        numbers = list(self._files)
        if numbers[0] != 1:
            earlier = f"{self._files[numbers[0]]}: the files of this chain before it are not here"
            if self._start_may_be_missing:
                self._said.notes.append(earlier)
            else:
                self._find(f"{earlier}; --allow-missing-start where they were removed on purpose")
        for number, after in pairwise(numbers):
            if after != number + 1:
                self._find(f"{self._files[after]}: the {_counted(after - number - 1, 'file')} of this chain before it are missing")

    def _demand_the_key(self) -> None:
        """Asked of the first line that says it, damaged or not: without the key every line would look changed."""
        first = next(lines_of(next(iter(self._files.values()))), None)
        if first is None or first.line.kind not in OPENINGS:
            return  # which is found in its place
        said = _member(first.line)
        algorithm, key_id = said.get("algorithm"), said.get("key_id")
        if algorithm == HMAC and not self._said.keyed:
            raise KeyNeededError(f"the chain {self._name} was written with a key (id {key_id}): name the variable that holds it")
        if self._said.keyed and algorithm == SHA256:
            self._find(f"{first.place}: this chain says that it was written without a key, and one was given to verify it with")
        elif self._said.keyed and key_id != self._sealer.key_id:
            self._find(f"{first.place}: this chain names the key {key_id}; the one given is {self._sealer.key_id}")

    # --- its lines -----------------------------------------------------------------------------------------------------------------

    def _look_at(self, placed: Placed, file_number: int) -> None:
        line = placed.line
        if placed.torn_bytes:
            self._look_at_a_torn_line(placed, file_number)
        elif not line.is_intact(self._sealer):
            self._damaged.append(placed)
            self._find(f"{placed.place}: {_seq(line)}: this line was changed after it was written, or put there")
        elif line.chain != self._name:
            self._find(f"{placed.place}: {_seq(line)}: this line belongs to the chain {line.chain}")
        else:
            self._continue(placed)
            self._look_at_the_opening(placed, file_number)
            self._count(line)

    def _continue(self, placed: Placed) -> None:
        line, anchor = placed.line, self._anchor
        if anchor is not None and line.seq <= anchor.line.seq:
            self._find_stray(placed)
            return
        before, previous = (anchor.line.seq, anchor.line.hash) if anchor is not None else self._before_the_first(line)
        between = line.seq - before - 1
        if between > len(self._damaged):
            self._missing.append(_Missing(before + 1 + len(self._damaged), line.seq - 1, placed.place))
        elif between == 0 and line.previous != previous:
            self._find(f"{placed.place}: {_seq(line)}: this line does not continue the one before it; one of the two was replaced")
        self._look_at_the_head(placed)
        self._anchor, self._damaged = placed, []

    def _before_the_first(self, line: Line) -> tuple[int, str]:
        """What a chain begins behind; where its start is known to be missing, whatever the first line says."""
        if 1 in self._files:
            return -1, BEGINNING
        return line.seq - 1 - len(self._damaged), line.previous

    def _find_stray(self, placed: Placed) -> None:
        seq = placed.line.seq
        gap = next((gap for gap in self._missing if gap.first <= seq <= gap.last), None)
        if gap is not None:  # it is here, only elsewhere
            self._missing.remove(gap)
            self._missing += gap.without(seq)
            self._find(f"{placed.place}: seq {seq}: this line was moved; it belongs before {gap.before}")
        else:
            self._find(f"{placed.place}: seq {seq}: this line stands here once more, or was put there")

    def _look_at_the_opening(self, placed: Placed, file_number: int) -> None:
        line = placed.line
        opens = line.kind in OPENINGS
        if opens != (placed.number == 1):
            self._find(f"{placed.place}: {_seq(line)}: {'only a file begins' if opens else 'a file does not begin'} with such a line")
        elif opens and _member(line).get("file") != file_number:
            self._find(f"{placed.place}: {_seq(line)}: by its first line this file has another number in its chain")

    def _look_at_a_torn_line(self, placed: Placed, file_number: int) -> None:
        if file_number == max(self._files):
            size = _counted(placed.torn_bytes, "byte")
            self._said.notes.append(f"{placed.place}: the last line was never finished ({size}): the process ended while it was written")
        else:
            self._damaged.append(placed)
            self._find(f"{placed.place}: the end of this line was cut off")

    def _count(self, line: Line) -> None:
        self._said.requests += line.kind == "request"
        self._said.feedback += line.kind == "feedback"
        self._said.ended = self._said.ended or line.kind == "end"
        if line.kind == "gap":
            gap, at = _member(line), (line.content or {}).get("at")
            lost = gap.get("lost")
            self._said.lost += lost if isinstance(lost, int) else 0
            self._said.notes.append(f"seq {line.seq}: {lost} requests are not recorded, {gap.get('since')} to {at}: {gap.get('reason')}")

    # --- its end -------------------------------------------------------------------------------------------------------------------

    def _look_at_the_head(self, placed: Placed) -> None:
        head = self._head
        if head is not None and placed.line.seq == head["seq"] and placed.line.hash != head.get("record"):
            self._find(f"{placed.place}: seq {placed.line.seq}: the head of the chain names another line here; this one was written later")

    def _look_at_the_end(self) -> None:
        last = self._anchor.line.seq + len(self._damaged) if self._anchor is not None else len(self._damaged) - 1
        file = self._files[max(self._files)]
        if self._head is not None and self._head["seq"] > last:
            cut = self._head["seq"] - last
            self._find(f"{file}: {_seqs(last + 1, self._head['seq'])} {'is' if cut == 1 else 'are'} missing at the end: cut off")
        if self._is_headless and last > 0:
            head = head_of(file.parent, self._name).name
            self._find(f"{file}: the head of this chain ({head}) is missing, so nobody can tell whether lines were cut off here")
        if not self._said.ended and not self._said.findings:
            self._said.notes.append("the chain has no last line: its process still runs, or was ended without time to write one")

    def _read_head(self) -> dict[str, Any] | None:
        path = head_of(next(iter(self._files.values())).parent, self._name)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            self._is_headless = True
            return None
        line = parsed(raw.rstrip(b"\n"))
        content = line.content
        if content is None or not line.is_intact(self._sealer) or line.chain != self._name or not isinstance(content.get("seq"), int):
            self._find(f"{path}: the head was changed after it was written")
            return None
        return content

    def _find(self, sentence: str) -> None:
        self._said.findings.append(sentence)


def _member(line: Line) -> dict[str, Any]:
    """What a line says by its kind. Without a key a line may be well sealed and say anything."""
    member = (line.content or {}).get(line.kind)
    return member if isinstance(member, dict) else {}


def _seq(line: Line) -> str:
    return f"seq {line.seq}" if line.seq >= 0 else "seq unknown"


def _seqs(first: int, last: int) -> str:
    return f"seq {first}" if first == last else f"seq {first} to {last}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
