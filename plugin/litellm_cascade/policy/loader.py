"""A policy file to a policy, or one ``PolicyError`` with everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

from litellm_cascade.policy.compiler import Policy, compile_document
from litellm_cascade.policy.problems import policy_error
from litellm_cascade.policy.source import Source, open_source
from litellm_cascade.policy.validation import validated


def load_policy(path: str | Path) -> Policy:
    """Read, check and compile a policy file.

    Raises PolicyError with every problem as ``file:line:col: $.path: what, and what to do``, in the order of the file.
    """
    return _from(open_source(path))


def parse_policy(text: str, *, name: str = "<policy>") -> Policy:
    """As ``load_policy``, for a text; ``name`` stands for the file in messages."""
    return _from(Source(name, text))


def _from(source: Source) -> Policy:
    document, problems = validated(source.raw)
    if document is None or source.problems:
        raise policy_error(source, [*source.problems, *problems])
    return compile_document(document)
