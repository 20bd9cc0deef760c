"""The file of labelled prompts: a line for each, written as soon as it is known, so that an interrupted run goes on where it ended."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from errno import EACCES
from pathlib import Path
from typing import Any

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.pages import unwritable, write_text
from litellm_cascade.offline.traffic.rows import Row, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A request to label: its row as it was read, and what tells it apart."""

    id: str
    row: Mapping[str, Any]

    @property
    def messages(self) -> list[Any]:
        """The conversation."""
        body = self.row if "messages" in self.row else self.row["body"]
        return list(body["messages"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Who was asked, and who judged: labels of other terms do not belong in the same file."""

    aliases: tuple[str, ...]
    judge: str
    all: bool


@dataclass(slots=True, kw_only=True)
class Labels:
    """What is done so far: the prompts' ids, and what all of it has cost. ``lost_usd``: the part of it that no label stands for;
    ``dearest_usd``: the most that a label has cost.
    """

    file: Path
    terms: Terms
    done: set[str]
    spent_usd: float
    lost_usd: float = 0.0
    dearest_usd: float = 0.0

    def add(self, prompt: Prompt, found: Mapping[str, Any], cost_usd: float, lost_usd: float) -> None:
        """One more, with what prompts before it have cost for nothing. Raises ConfigurationError where it cannot be written."""
        terms = self.terms
        how = {"id": prompt.id, "judge": terms.judge, "aliases": list(terms.aliases), "all": terms.all, "cost_usd": cost_usd + lost_usd}
        how |= {"lost_usd": lost_usd} if lost_usd else {}
        try:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**prompt.row, **found, "labelled": how}, ensure_ascii=False) + "\n")
        except OSError as error:
            raise unwritable(self.file, error) from None
        self.done.add(prompt.id)

    def keep_lost(self, usd: float) -> None:
        """What prompts have cost that were not labelled, for the next run. Raises ConfigurationError where it cannot be written."""
        beside = _beside(self.file)
        if usd:
            write_text(beside, json.dumps({"spent_without_a_label_usd": usd}) + "\n")
        else:
            beside.unlink(missing_ok=True)


def prompts_in(file: Path) -> Iterator[Prompt]:
    """The requests of a file, each once. Raises ConfigurationError for a row that is none, or has another's id."""
    seen: dict[str, str] = {}
    for row in Rows(file):
        prompt = _prompt(row)
        asked = _hashed(prompt.messages)
        before = len(seen)
        if seen.setdefault(prompt.id, asked) != asked:
            raise row.problem(f"has the id {prompt.id!r} of an earlier row that asks something else; give each an id of its own, or none")
        if len(seen) > before:
            yield prompt


def labels_in(file: Path, terms: Terms) -> Labels:
    """What an earlier run left. A last line that was torn off is cut away.

    Raises ConfigurationError for labels of other terms, and where none can be written, before any is paid for.
    """
    _need_place(file)
    lost = _lost(_beside(file))
    labels = Labels(file=file, terms=terms, done=set(), spent_usd=lost, lost_usd=lost)
    if not file.exists() or not _whole_lines(file):
        return labels
    for row in Rows(file):
        how = row.content.get("labelled")
        if not isinstance(how, dict):
            raise row.problem("is no label of `cascade label`; name another file with --out")
        if Terms(aliases=tuple(how["aliases"]), judge=how["judge"], all=how["all"]) != terms:
            raise row.problem("was labelled with other aliases or another judge; name another file with --out")
        labels.done.add(how["id"])
        labels.spent_usd += how["cost_usd"]
        labels.dearest_usd = max(labels.dearest_usd, how["cost_usd"] - how.get("lost_usd", 0.0))
    return labels


def _need_place(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(file if file.exists() else file.parent, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
    except OSError as error:
        raise unwritable(file, error) from None


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.lost")


def _lost(file: Path) -> float:
    try:
        return float(json.loads(file.read_text(encoding="utf-8"))["spent_without_a_label_usd"])
    except FileNotFoundError:
        return 0.0
    except (OSError, ValueError, TypeError, LookupError):
        raise ConfigurationError([f"{file}: does not say what prompts without a label have cost; mend or remove it"]) from None


def _prompt(row: Row) -> Prompt:
    content = row.content
    body = content if "messages" in content else content.get("body")
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list) or not any(isinstance(turn, dict) and turn.get("role") == "user" for turn in messages):
        raise row.problem("has no `messages` with a turn of the user; label takes requests as OpenAI's clients write them, one a line")
    named = content.get("custom_id") or content.get("id")
    return Prompt(id=str(named or _hashed(messages)), row=content)


def _hashed(messages: list[Any]) -> str:
    return hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()[:16]


def _whole_lines(file: Path) -> int:
    """Cut what stands behind the last line break; how many bytes are left."""
    content = file.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with file.open("rb+") as torn:
            torn.truncate(whole)
    return whole
