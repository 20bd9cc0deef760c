"""A document made ready to decide: conditions compiled, strategies prepared, the digest taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from litellm_cascade.policy.conditions import compiled
from litellm_cascade.policy.deciding import CompiledRoute, Policy
from litellm_cascade.policy.document import Document
from litellm_cascade.policy.estimates import Estimator
from litellm_cascade.policy.files import NamedFile
from litellm_cascade.policy.fitness import Fitness
from litellm_cascade.policy.options import Kit
from litellm_cascade.policy.overrides import Admission, OverrideRule
from litellm_cascade.policy.pool import Table
from litellm_cascade.vocabulary import Step


def compile_document(document: Document, *, files: Mapping[int, NamedFile] | None = None, table: Table | None = None) -> Policy:
    """A policy from a document that has been validated. ``files`` are those its routes name, by the route's index."""
    files = files or {}
    gates = {name: rule.named(name, largest=document.largest) for name, rule in document.gates.items()}
    routes: list[CompiledRoute] = []
    looked_at: tuple[Step, ...] = ()
    for index, route in enumerate(document.routes):
        kit = Kit(gates=gates, route=route.name, content=files[index].content if index in files else None)
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
    )


def _admission(rule: OverrideRule) -> Admission:
    return Admission(allow=rule.allow, condition=compiled(rule.when)[0] if rule.when is not None else None)


def digest_of(document: Document, files: Mapping[int, NamedFile] | None = None) -> str:
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
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
