"""A policy file to a policy, or one ``PolicyError`` with everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

from litellm_cascade.policy.compiler import compile_document
from litellm_cascade.policy.deciding import Policy
from litellm_cascade.policy.files import named_files
from litellm_cascade.policy.pool import Table
from litellm_cascade.policy.problems import policy_error
from litellm_cascade.policy.source import Source, open_source
from litellm_cascade.policy.validation import validated


def load_policy(path: str | Path, *, table: Table | None = None) -> Policy:
    """Read, check and compile a policy file, and the files it names, whose paths start at its folder.

    ``table``, what LiteLLM knows of each alias, counts where the policy is silent. Without the argument that is unknown; with it, a price
    that is weighed and in neither place is a problem. Raises PolicyError with every problem as ``file:line:col: $.path: what, and what
    to do``, in the order of the file.
    """
    return _from(open_source(path), Path(path).parent, table)


def parse_policy(text: str, *, name: str = "<policy>", folder: str | Path = ".", table: Table | None = None) -> Policy:
    """As ``load_policy``, for a text; ``name`` stands for the file in messages, ``folder`` for its place."""
    return _from(Source(name, text), Path(folder), table)


def _from(source: Source, folder: Path, table: Table | None) -> Policy:
    document, problems = validated(source.raw, table)
    files, file_problems = named_files(source.raw, folder)
    if document is None or source.problems or file_problems:
        raise policy_error(source, [*source.problems, *problems, *file_problems])
    return compile_document(document, files=files, table=table)
