"""A document made ready to decide: conditions compiled, strategies prepared, the digest taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from litellm_cascade.policy.calibrations import calibrations_of
from litellm_cascade.policy.conditions import compiled
from litellm_cascade.policy.deciding import CompiledRoute, Policy
from litellm_cascade.policy.document import Document
from litellm_cascade.policy.estimates import Estimator
from litellm_cascade.policy.files import NamedFile
from litellm_cascade.policy.fitness import Fitness
from litellm_cascade.policy.options import Kit
from litellm_cascade.policy.overrides import Admission, OverrideRule
from litellm_cascade.policy.pool import Known, Table
from litellm_cascade.policy.problems import Path
from litellm_cascade.vocabulary import AliasFacts, Step


def compile_document(document: Document, *, files: Mapping[Path, NamedFile] | None = None, table: Table | None = None) -> Policy:
    """A policy from a document that has been validated. ``files`` are those it names, by the path of the route or of the gate's alias."""
    files = files or {}
    gates = {name: rule.named(name, calibrations_of(name, files), largest=document.largest) for name, rule in document.gates.items()}
    routes: list[CompiledRoute] = []
    looked_at: tuple[Step, ...] = ()
    for index, route in enumerate(document.routes):
        file = files.get(("routes", index))
        kit = Kit(gates=gates, route=route.name, content=file.content if file is not None else None)
        why = route.when if route.when is not None else "otherwise"
        routes.append(
            CompiledRoute(
                name=route.name,
                condition=compiled(route.when)[0] if route.when is not None else None,
                chooser=route.chooser(kit),
                sticks=route.stick if route.stick is not None else route.action != "send",
                reason=f"when:{why}" if route.when is not None else why,
                trace=(*looked_at, Step(name=route.name, outcome="matched", detail=why)),
            )
        )
        looked_at = (*looked_at, Step(name=route.name, outcome="skipped", detail=route.when or ""))
    facts = {alias: card.facts((table or {}).get(alias, Known())) for alias, card in document.models.items()}
    return Policy(
        document=document,
        digest=digest_of(document, files),
        routes=tuple(routes),
        gates=gates,
        estimator=Estimator(document.models, table),
        fitness=Fitness(document.models, table),
        names=frozenset(name for route in routes if route.condition for name in route.condition.names),
        files=tuple(sorted({file.name for file in files.values()})),
        admission=_admission(document.overrides),
        facts=facts,
        price_table=price_table_of(facts),
    )


def _admission(rule: OverrideRule) -> Admission:
    return Admission(allow=rule.allow, condition=compiled(rule.when)[0] if rule.when is not None else None)


def digest_of(document: Document, files: Mapping[Path, NamedFile] | None = None) -> str:
    """``sha256:`` and 64 hexadecimal digits over the document's canonical form: defaults written out, keys sorted; and over the files it
    names.

    Comments, layout and the order of keys do not change it. The largest alias is part of it, because among aliases of one tier the
    order decides which that is; so is the smallest where clients may ask for a band. LiteLLM's table is not: it belongs to the
    world, like the load, and a decision says what it made of them.
    """
    named = {file.name: file.digest for file in (files or {}).values()}
    canonical = {**document.model_dump(mode="json"), "largest": document.largest, "files": named}
    if "band" in document.overrides.allow:
        canonical["smallest"] = document.smallest
    return _sha256(canonical)


def price_table_of(facts: Mapping[str, AliasFacts]) -> str:
    """A version for prices that have none of their own: ``sha256:`` and 16 hexadecimal digits over those of every alias."""
    prices = {alias: [one.input_usd_per_million, one.output_usd_per_million] for alias, one in facts.items()}
    return _sha256(prices)[: len("sha256:") + 16]


def _sha256(canonical: Mapping[str, Any]) -> str:
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
