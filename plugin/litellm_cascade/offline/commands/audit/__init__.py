"""``cascade audit``: the decision record."""

from __future__ import annotations

from litellm_cascade.offline.lazy_group import lazy_group

COMMANDS = {
    "verify": "Find every line that was edited, removed, moved, cut off or inserted.",
    "show": "List the requests of a record.",
    "outcomes": "Write rated answers as records for cascade calibrate.",
}

audit = lazy_group("litellm_cascade.offline.commands.audit", COMMANDS)


@audit.callback()
def about() -> None:
    """Verify and read the decision record.

    docs/audit.md says what it holds and what it proves.

    For example:
      cascade audit verify .cascade/record
      cascade audit show .cascade/record --escalated
      cascade audit outcomes .cascade/record > outcomes.jsonl
    """
