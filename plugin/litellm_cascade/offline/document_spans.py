"""Writes the reference of spans and attributes into docs/audit.md: ``make span-docs``."""

from __future__ import annotations

import sys
from pathlib import Path

from litellm_cascade.audit.reference import as_markdown

BEGIN, END = "<!-- span reference: written by `make span-docs` -->", "<!-- end of the span reference -->"


def renewed(document: str) -> str:
    """The document with what stands between the two marks written again; a ValueError when it has no such marks."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"it needs the two lines {BEGIN} and {END}: put them where the reference belongs")
    return f"{before}{BEGIN}\n\n{as_markdown()}\n\n{END}{after}"


def main(arguments: list[str]) -> int:
    """``python -m litellm_cascade.offline.document_spans docs/audit.md``."""
    if len(arguments) != 1:
        sys.stderr.write("name the document to write into, as in: docs/audit.md\n")
        return 2
    path = Path(arguments[0])
    try:
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
