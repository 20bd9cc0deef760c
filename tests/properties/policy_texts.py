"""Policies as they may be written, and requests as they may arrive."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from hypothesis import strategies as st

from litellm_cascade.policy import MODALITIES, Policy, parse_policy
from litellm_cascade.policy.gates import AlsoEscalate
from litellm_cascade.policy.strategies.thresholds import MEASURES
from litellm_cascade.policy.variables import TASKS
from litellm_cascade.vocabulary import DIMENSIONS, Caller, Classification, Constraints, Endpoint, Envelope, Evidence, Load, Session, Signals

# --- policies ----------------------------------------------------------------------------------------------------------------------

labels = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=8) | st.sampled_from(
    ["small", "gpt-4.1", "azure/gpt 4", "null", "0o7", "1e5", "off", "- x", "a: b", "#", "'", '"', "&a", "*a", "!t", "<<", "~"]
)
shares = st.floats(0, 1)
milliseconds = st.floats(0, 1e9, exclude_min=True)

atoms = st.one_of(
    st.sampled_from(
        [
            "request.stream",
            "classification.known",
            "classification.truncated",
            '"image" in signals.modalities',
            "signals.markup.exists(m, m == 'sql')",
            'caller.tier in ["gold", "silver"]',
            'caller.tags.all(tag, tag.startsWith("team:"))',
            'size(signals.modalities) > 1 && signals.modalities[1] == "pdf"',
            'has(classification.dimensions.unheard_of) && classification.dimensions["unheard_of"] > 0.5',
            'classification.task == "Code Generation"',
            'request.endpoint != "chat"',
            'caller.user.matches("^[a-z]+$")',
            "signals.tools > 0 && 100 / signals.tools > 3",
            "double(signals.input_tokens) * classification.complexity > 100.0",
        ]
    ),
    st.builds(
        "signals.{} {} {}".format,
        st.sampled_from(["input_tokens", "turns", "tools", "max_output_tokens", "choices"]),
        st.sampled_from(["<", ">=", "=="]),
        st.integers(-9, 10**6),
    ),
    st.builds("classification.{} > {}".format, st.sampled_from(["complexity", "task_probability"]), st.floats(0, 1)),
    st.builds("signals.temperature <= {}".format, st.floats(0, 2)),
    st.builds("classification.dimensions.{} > {}".format, st.sampled_from(DIMENSIONS), st.floats(0, 1)),
    st.builds('classification.task_probabilities["{}"] > {}'.format, st.sampled_from(TASKS), st.floats(0, 1)),
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("{} && {}".format, inner, inner),
        st.builds("{} || {}".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({}) ? ({}) : ({})".format, inner, inner, inner),
    ),
    max_leaves=4,
)

cards = st.fixed_dictionaries(
    {
        "tier": st.sampled_from(["budget", "standard", "premium"]),
        "quality": st.builds(lambda others, general: {**others, "general": general}, st.dictionaries(labels, shares, max_size=2), shares),
        "latency_ms": milliseconds,
    },
    optional={
        "strengths": st.lists(labels, max_size=2),
        "latency_ms_per_token": st.floats(0, 100, exclude_min=True),
        "price": st.fixed_dictionaries({"input_usd_per_million": st.floats(0, 100), "output_usd_per_million": st.integers(0, 100)}),
        "context_tokens": st.integers(1, 200_000),
        "modalities": st.lists(st.sampled_from(MODALITIES), max_size=3),
        "tools": st.booleans(),
    },
)
gates = st.fixed_dictionaries(
    {"accept_at": st.floats(-50, 0) | st.integers(-50, 0)},
    optional={
        "confidence": st.fixed_dictionaries(
            {},
            optional={"score": st.sampled_from(["mean", "min", "sum"]), "of": st.sampled_from(["all", "answer", "reasoning_and_answer"])},
        ),
        "unknown": st.sampled_from(["accept", "escalate"]),
        "also_escalate": st.lists(st.sampled_from(get_args(AlsoEscalate)), max_size=3),
        "abstain": st.fixed_dictionaries({"then": st.sampled_from(["large", "flag", "error"])}, optional={"below": st.floats(-20, 0)}),
        "stream": st.fixed_dictionaries(
            {}, optional={"judge": st.sampled_from(["prefix", "full", "off"]), "tokens": st.integers(1, 4096), "within_ms": milliseconds}
        ),
        "deadline": st.fixed_dictionaries({}, optional={"whole_ms": milliseconds, "first_chunk_ms": milliseconds}),
    },
)


# --- strategies --------------------------------------------------------------------------------------------------------------------

_FOLDER = TemporaryDirectory()
FOLDER = Path(_FOLDER.name)
"""Where the files lie that policies name."""

weights = st.floats(0, 10)
worths = st.fixed_dictionaries({"quality": st.floats(0.01, 10)}, optional={"cost": weights, "latency": weights})
balances = st.fixed_dictionaries({"quality": st.floats(0.01, 10)}, optional={"cost": weights, "latency": weights})
FEATURE_NAMES = ("complexity", "input_tokens", "task.Open QA", "dimension.reasoning")
vectors = st.lists(st.floats(-5, 5), min_size=len(FEATURE_NAMES), max_size=len(FEATURE_NAMES))


@cache
def file_of(content: str) -> str:
    """The name of a file with this content."""
    name = f"{len(list(FOLDER.iterdir()))}.json"
    (FOLDER / name).write_text(content)
    return name


@st.composite
def gain_files(draw, aliases):
    fitted = st.fixed_dictionaries({"intercept": st.floats(-5, 5), "weights": vectors})
    known = {alias: draw(fitted) for alias in aliases}
    return file_of(json.dumps({"version": 1, "card": "drawn", "features": FEATURE_NAMES, "aliases": known}))


@st.composite
def outcome_files(draw, aliases):
    outcome = st.fixed_dictionaries({"alias": st.sampled_from(aliases), "quality": shares, "at": vectors})
    return file_of(json.dumps({"version": 1, "features": FEATURE_NAMES, "outcomes": draw(st.lists(outcome, max_size=6))}))


@st.composite
def arms(draw, targets):
    share = draw(st.floats(0.01, 0.99))
    first, second = draw(st.lists(labels, min_size=2, max_size=2, unique=True))
    return {first: {"take": draw(targets), "share": share}, second: {"take": draw(targets), "share": 1 - share}}


@st.composite
def bands(draw, targets):
    cuts = sorted(draw(st.lists(st.floats(-1, 2), min_size=1, max_size=3, unique=True)))
    return {"cuts": cuts, "candidates": [draw(targets) for _ in range(len(cuts) + 1)]}


def two_overrides(drawn):
    (some, others), first, second = drawn
    return [{"tasks": some, **first}, {"tasks": others, **second}]


@st.composite
def choices(draw, aliases, targets):
    """What may stand below ``choose``."""
    candidates = st.lists(st.sampled_from(aliases), min_size=2, max_size=4, unique=True)
    unsure = st.fixed_dictionaries({"below": st.floats(0.51, 1), "take": targets})
    scoring = {
        "utility": {"weights": worths},
        "multi_objective": {"weights": balances},
        "quality_first": {"floor": shares},
        "learned": {"weights": worths, "gain": gain_files(aliases)},
        "neighbours": {"weights": worths, "outcomes": outcome_files(aliases), "nearest": st.integers(1, 5)},
    }
    strategy = draw(st.sampled_from([*scoring, "thresholds", "split", "per_caller"]))
    if strategy == "thresholds":
        apart = st.lists(st.sampled_from(TASKS), min_size=2, unique=True).map(lambda tasks: (tasks[:1], tasks[1:]))
        overrides = st.tuples(apart, bands(targets), bands(targets)).map(two_overrides)
        optional = st.fixed_dictionaries({}, optional={"by": st.sampled_from(MEASURES), "overrides": overrides})
        return {"strategy": strategy, **draw(bands(targets)), **draw(optional)}
    if strategy == "split":
        optional = {"by": st.sampled_from(["key", "user", "end_user", "team", "request"]), "seed": st.integers(0, 9)}
        return draw(st.fixed_dictionaries({"strategy": st.just(strategy), "arms": arms(targets)}, optional=optional))
    if strategy == "per_caller":
        by = st.sampled_from(["key_alias", "team", "user", "end_user", "tier", "tag"])
        table = st.dictionaries(labels, targets, min_size=1, max_size=3)
        return draw(st.fixed_dictionaries({"strategy": st.just(strategy), "by": by, "map": table, "default": targets}))
    required = {"strategy": st.just(strategy), "candidates": candidates, **scoring[strategy]}
    return draw(st.fixed_dictionaries(required, optional={"unsure": unsure}))


@st.composite
def documents(draw):
    """Policies as they may be written."""
    models = draw(st.dictionaries(labels, cards, min_size=1, max_size=4))
    rules = draw(st.dictionaries(labels, gates, min_size=1, max_size=2))
    names = draw(st.lists(labels, min_size=1, max_size=5, unique=True))
    aliases, gate = st.sampled_from(sorted(models)), st.sampled_from(sorted(rules))
    sends = st.fixed_dictionaries({"send": aliases})
    several = st.lists(aliases, min_size=2, max_size=3, unique=True)
    shape = st.sampled_from([{}, {}, {"hedge": True}, {"carry_over": True}, {"hedge": False, "carry_over": False}])
    ladders = st.builds(lambda ladder, shape: ladder | shape, st.fixed_dictionaries({"cascade": several, "gate": gate}), shape)
    picking = st.sampled_from(["vote", "longest"]).map(lambda by: {"by": by}) | aliases.map(lambda judge: {"by": "judge", "judge": judge})
    ensembles = st.builds(lambda members, picking: {"ensemble": {"of": members} | picking}, several, picking)
    routes = []
    for index, name in enumerate(names):
        later = [st.fixed_dictionaries({"route": st.sampled_from(names[index + 1 :])})] if names[index + 1 :] else []
        targets = st.one_of(aliases, *([ladders] if len(models) > 1 else []), *later)
        chosen = choices(sorted(models), targets).map(lambda choose: {"choose": choose})
        actions = sends if len(models) == 1 else sends | ladders | ensembles | chosen
        routes.append({"name": name, **draw(actions), "when": draw(conditions)})
    del routes[-1]["when"]
    document = {"version": 1, "name": draw(labels), "models": models, "routes": routes, "gates": rules}
    optional = {
        "description": st.text(st.characters(exclude_categories=["C"])),
        "constraints": st.fixed_dictionaries({"relax": st.permutations(["latency", "cost", "quality"])}),
    }
    return document | draw(st.fixed_dictionaries({}, optional=optional))


def leads(document):
    """What routes may lead to: lists of aliases, each once, without other routes."""
    for route in document["routes"]:
        yield from ladders_in(route)


def ensembles_in(document):
    """The members and the judge, where there is one, of every ensemble."""
    for route in document["routes"]:
        if "ensemble" in route:
            yield tuple(route["ensemble"]["of"]), route["ensemble"].get("judge")


def ladders_in(value):
    """The ladders anywhere below a route or a choice."""
    if isinstance(value, list):
        for item in value:
            yield from [(item,)] if isinstance(item, str) else ladders_in(item)
        return
    if "cascade" in value:
        yield tuple(value["cascade"])
    for key in ("send", "default", "take"):
        if isinstance(value.get(key), str):
            yield (value[key],)
    for key in ("default", "take", "choose", "unsure", "candidates", "overrides"):
        if isinstance(value.get(key), (dict, list)):
            yield from ladders_in(value[key])
    for key in ("arms", "map"):
        yield from ladders_in(list(value.get(key, {}).values()))


def gates_in(value):
    """The gate of every cascade anywhere below, as often as it is named."""
    if isinstance(value, dict) and "cascade" in value:
        yield value["gate"]
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from gates_in(below)


def written(document) -> str:
    """JSON is YAML, and quotes every text."""
    return json.dumps(document, ensure_ascii=False)


def loaded(document) -> Policy:
    return parse_policy(written(document), folder=FOLDER)


# --- evidence ----------------------------------------------------------------------------------------------------------------------

MARK = "what the caller wrote"
texts = st.none() | st.text(max_size=5).map(lambda text: f"{MARK} {text}") | st.just(f"{MARK} \ud800")
some_floats = st.floats() | shares
evidences = st.builds(
    Evidence,
    envelope=st.builds(
        Envelope,
        request_id=st.just(MARK),
        endpoint=st.sampled_from(Endpoint),
        requested_model=texts.map(str),
        policy=st.just(MARK),
        stream=st.booleans(),
    ),
    caller=st.builds(
        Caller,
        key_alias=texts,
        team=texts,
        user=texts,
        end_user=texts,
        tier=texts,
        tags=st.lists(texts.map(str), max_size=2).map(tuple),
        budget_left_usd=st.none() | some_floats,
    ),
    signals=st.builds(
        Signals,
        input_tokens=st.integers(0, 10**20),
        turns=st.integers(0, 100),
        modalities=st.lists(st.sampled_from(["text", "image", "pdf"]), max_size=3).map(tuple),
        markup=st.lists(st.sampled_from(["sql", "xml"]), max_size=2).map(tuple),
        tools=st.integers(0, 10),
        temperature=st.none() | some_floats | st.integers(0, 2),
        max_output_tokens=st.none() | st.integers(-(10**20), 10**20),
        predicted_output_tokens=st.none() | st.integers(0, 10**20),
        mime_types=st.lists(texts.map(str), max_size=2).map(tuple),
        urgency=texts.map(str),
        latency_budget_ms=st.none() | some_floats,
    ),
    load=st.dictionaries(
        texts.map(str),
        st.builds(Load, cooling_down=st.booleans(), in_flight=st.integers(0, 10**20), available=st.integers(0, 9)),
        max_size=2,
    ),
    classification=st.builds(
        Classification,
        known=st.booleans(),
        task=st.sampled_from(TASKS) | texts.map(str),
        complexity=some_floats,
        task_probability=some_floats,
        dimensions=st.dictionaries(st.sampled_from(DIMENSIONS) | texts.map(str), some_floats, max_size=3),
        task_probabilities=st.dictionaries(st.sampled_from(TASKS), some_floats, max_size=3),
    ),
    constraints=st.builds(
        Constraints,
        max_cost_usd=st.none() | st.floats(),
        max_latency_ms=st.none() | st.floats(),
        min_quality=st.none() | some_floats,
    ),
    direct_only=st.none() | st.just("several choices"),
    session=st.builds(Session, alias=texts, turns=st.integers(0, 10**20), bound_to=texts),
)


def decided(policy: Policy, evidence: Evidence):
    return policy.decide(evidence)
