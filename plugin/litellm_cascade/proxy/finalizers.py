"""LiteLLM's streams are not to set context variables when the garbage collector takes them.

Their finalizer does, for the log lines of whatever the task does next that has left a stream before its end. Where the collector runs in
the middle of another ``ContextVar.set``, CPython frees the memory that this one is reading (github.com/python/cpython/issues/148891), and
the process dies of a segmentation fault, with every request in it. Clients leave streams, and a cascade does each time that it escalates.
"""

from __future__ import annotations

from litellm import CustomStreamWrapper


def leave_context_alone() -> None:
    """Take the finalizer away, for as long as this process lives. A LiteLLM whose streams have none stays as it is."""
    if "__del__" in vars(CustomStreamWrapper):
        del CustomStreamWrapper.__del__
