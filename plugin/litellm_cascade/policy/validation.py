"""Raw data to a document, or everything that is wrong with it, at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from litellm_cascade.policy.document import Document
from litellm_cascade.policy.expression import free_names, tokens_of
from litellm_cascade.policy.knowledge import knowledge_problems
from litellm_cascade.policy.loads import readings
from litellm_cascade.policy.messages import problems_of
from litellm_cascade.policy.overrides import ROOTS as OVERRIDE_ROOTS
from litellm_cascade.policy.pool import Table
from litellm_cascade.policy.problems import Path, Problem, did_you_mean
from litellm_cascade.policy.references import reference_problems
from litellm_cascade.policy.terms import Fault
from litellm_cascade.policy.trial import checked
from litellm_cascade.policy.written import mapping_in, routes_in

AnyModel = TypeVar("AnyModel", bound=BaseModel)


def shaped(raw: Any, model: type[AnyModel]) -> tuple[AnyModel | None, list[Problem]]:
    """The raw data as a model, or what is wrong with its shape."""
    try:
        return model.model_validate(raw), []
    except ValidationError as error:
        return None, list(problems_of(error, model))


def validated(raw: Any, table: Table | None = None) -> tuple[Document | None, list[Problem]]:
    """The raw data as a document whose parts fit together, or everything that is wrong with it."""
    document, problems = shaped(raw, Document)
    problems += [*reference_problems(raw), *knowledge_problems(raw, table), *_condition_problems(raw)]
    return (None, problems) if problems else (document, [])


def _condition_problems(raw: Any) -> Iterator[Problem]:
    for path, route in routes_in(raw):
        yield from _faults((*path, "when"), route.get("when"), mapping_in(raw, "models"))
    text = mapping_in(raw, "overrides").get("when")
    yield from _faults(("overrides", "when"), text, {}) or _foreign_names(text)


def _faults(path: Path, text: Any, pool: Mapping[str, Any]) -> list[Problem]:
    faults = (*checked(text)[1], *_load_faults(text, pool)) if isinstance(text, str) else ()
    return [Problem(path=path, message=fault.message, offset=fault.offset) for fault in faults]


def _foreign_names(text: Any) -> Iterator[Problem]:
    """Whether somebody may override is asked before anything else is known of the request."""
    for root, _ in free_names(tokens_of(text)) if isinstance(text, str) else ():
        if root.text not in OVERRIDE_ROOTS:
            message = f"{root.text!r} does not say who asks; use {' and '.join(OVERRIDE_ROOTS)}"
            yield Problem(path=("overrides", "when"), message=message, offset=root.start)


def _load_faults(text: str, pool: Mapping[str, Any]) -> Iterator[Fault]:
    """Whoever reads the load of an alias that is not in the pool would always find it idle."""
    for reading in readings(tokens_of(text)):
        if reading.alias is not None and pool and reading.alias not in pool:
            yield Fault(reading.start, f"no alias {reading.alias!r} in models; {did_you_mean(reading.alias, pool)}")
