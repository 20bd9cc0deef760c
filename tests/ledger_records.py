"""Audit records of every shape, and chains of them on disk."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.vocabulary import (
    AuditRecord,
    Band,
    Decision,
    Endpoint,
    Envelope,
    Evidence,
    Outcome,
    Plan,
    Reason,
)

TEXT = st.text(st.characters(), max_size=12)  # also lone halves of surrogate pairs, as JSON may bring them


def values(hint, floats):  # noqa: PLR0911 - one line for each kind of type
    """Values of a type of the vocabulary, every field of it filled in."""
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{field.name: values(hints[field.name], floats) for field in fields(hint)})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    arguments = get_args(hint)
    if get_origin(hint) is tuple and arguments[-1] is not Ellipsis:
        return st.tuples(*(values(argument, floats) for argument in arguments))
    if get_origin(hint) is tuple:
        return st.lists(values(arguments[0], floats), max_size=3).map(tuple)
    if get_origin(hint) is frozenset:
        return st.frozensets(values(arguments[0], floats), max_size=3)
    if get_origin(hint) is Mapping:
        return st.dictionaries(values(arguments[0], floats), values(arguments[1], floats), max_size=3)
    if arguments:
        return st.one_of(*(values(argument, floats) for argument in arguments))
    return {str: TEXT, int: st.integers(), float: floats, bool: st.booleans(), type(None): st.none()}[hint]


RECORD = AuditRecord(
    plan=Plan(
        evidence=Evidence(envelope=Envelope(request_id="r-0", endpoint=Endpoint.CHAT, requested_model="auto", policy="test")),
        decision=Decision(policy="test", digest="sha256:0", route="all", band=Band.SMALL, ladder=("small",)),
    ),
    outcome=Outcome(alias="small", reason=Reason.DIRECT),
)


def record(number):
    """A record with an id of its own."""
    envelope = replace(RECORD.plan.evidence.envelope, request_id=f"r-{number}")
    return replace(RECORD, plan=replace(RECORD.plan, evidence=replace(RECORD.plan.evidence, envelope=envelope)))


def write_chain(folder, count, **options):
    """A closed chain of ``count`` requests; its receipts."""
    ledger = Ledger(LedgerOptions(folder=folder, **options))
    receipts = [ledger(record(number)) for number in range(count)]
    ledger.close()
    return receipts
