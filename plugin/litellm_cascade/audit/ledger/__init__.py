"""The decision record: one line for each request, each chained to the one before, so that no line can be changed unseen.

``Ledger`` is the sink of a process. From a record to the disk: ``codec`` (canonical JSON) -> ``chain`` (sequence number and hash, in
memory, at once) -> ``writer`` (a thread; files, fsync, retries). Back from the disk: ``reading``, and ``verifying`` whether it is what was
written. docs/audit.md describes the format.
"""

from litellm_cascade.audit.ledger.options import LedgerOptions
from litellm_cascade.audit.ledger.sink import Ledger

__all__ = ["Ledger", "LedgerOptions"]
