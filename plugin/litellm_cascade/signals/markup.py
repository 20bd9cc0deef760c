"""Which markup a text holds.

Every pattern starts with a literal character or a line break and bounds its repetitions, so the time is linear in the characters looked
at, whatever a caller sends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from litellm_cascade.signals.window import newest_text

if TYPE_CHECKING:
    from litellm_cascade.vocabulary import Request

HEAD_CHARACTERS: Final = 3_000
TAIL_CHARACTERS: Final = 1_000

_XML: Final = r"<(?:/[A-Za-z][\w:.-]{0,60}>|\?xml |!DOCTYPE |[A-Za-z][\w:.-]{0,60} [^<>\n]{0,200}/>)"
_JSON: Final = r"\"[^\"\n]{1,80}\"\s{0,8}:\s{0,8}[\"\[{\dtfn-]"
_CODE_LINE: Final = (
    r"\n[ \t]{0,40}(?:"
    r"(?:async )?(?:def|func|function|fn) \w{1,80} ?\("
    r"|(?:(?:public|private|export|abstract|final|static) ){0,3}(?:class|struct|interface|enum) \w{1,80}[^\n.?]{0,80}[:{](?=\n|\Z)"
    r"|import [\w.]{1,80}(?: as \w{1,40})?;?(?=\n|\Z)|from [\w.]{1,80} import [\w(*]"
    r"|#include ?[<\"]|package [\w.]{1,80};?(?=\n|\Z)"
    r"|(?:for|while|if|else if|elif|switch) ?\([^\n]{0,160}\) ?\{"
    r"|(?:const|let|var) \w{1,60} ?="
    r"|return [^\n]{0,160};(?=\n|\Z)"
    r"|assert \w{1,60}\()"
)
_CODE_INLINE: Final = r"(?:console\.log|System\.out\.print|printf|print)\(|=> ?\{"
_SQL_LINE: Final = (
    r"\n[ \t]{0,40}(?:SELECT \S|INSERT INTO |UPDATE \w{1,60} SET |DELETE FROM |CREATE (?:TABLE|VIEW|INDEX) |ALTER TABLE "
    r"|WITH \w{1,60} AS \()"
)
_SQL_INLINE: Final = r"(?:SELECT|select) (?:\*|(?i:distinct )|(?i:count)\(|[\w.`\"]{1,60}, ?[\w.`\"]{1,60}|[\w.`\"]{1,60} (?:FROM|from) \w)"
_TABLE: Final = r"\n[ \t]{0,3}\|?[ \t]{0,3}:?-{2,60}:?[ \t]{0,3}\|"
_FENCE: Final = re.compile(r"```([\w+#-]{0,20})")

_PATTERNS: Final = {
    "xml": (re.compile(_XML),),
    "json": (re.compile(_JSON),),
    "code": (re.compile(_CODE_LINE), re.compile(_CODE_INLINE)),
    "sql": (re.compile(_SQL_LINE), re.compile(_SQL_INLINE)),
    "markdown_table": (re.compile(_TABLE),),
}
_FENCED: Final = {"xml": "xml", "html": "xml", "json": "json", "sql": "sql", "text": None, "markdown": None, "md": None}


def read_markup(request: Request) -> tuple[str, ...]:
    """The kinds of markup in what users and tools wrote, in a fixed order."""
    return find_markup(newest_text(request, roles=("user", "tool"), head=HEAD_CHARACTERS, tail=TAIL_CHARACTERS))


def find_markup(text: str) -> tuple[str, ...]:
    """The kinds of markup in a text: any of xml (HTML too), json, code, sql, markdown_table. A fence without a language is code."""
    lines = f"\n{text}"  # so that the first line starts with a line break too
    fenced = {_FENCED.get(tag.lower(), "code") for tag in _FENCE.findall(text)[::2]}  # every other fence closes one
    return tuple(kind for kind, patterns in _PATTERNS.items() if kind in fenced or any(pattern.search(lines) for pattern in patterns))
