"""What holds for every policy and every request."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import Policy, parse_policy
from litellm_cascade.policy.trial import checked
from litellm_cascade.policy.variables import DIMENSIONS, TASKS
from litellm_cascade.vocabulary import Band, Caller, Classification, Endpoint, Envelope, Evidence, Signals

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
    {"tier": st.sampled_from(["budget", "standard", "premium"])},
    optional={
        "strengths": st.lists(labels, max_size=2),
        "quality": st.dictionaries(labels, shares, max_size=2),
        "latency_ms": milliseconds,
        "price": st.fixed_dictionaries({"input_usd_per_million": st.floats(0, 100), "output_usd_per_million": st.integers(0, 100)}),
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
        "also_escalate": st.lists(st.sampled_from(["empty", "truncated"]), max_size=3),
        "stream": st.fixed_dictionaries(
            {}, optional={"judge": st.sampled_from(["prefix", "full", "off"]), "tokens": st.integers(1, 4096), "within_ms": milliseconds}
        ),
        "deadline": st.fixed_dictionaries({}, optional={"whole_ms": milliseconds, "first_chunk_ms": milliseconds}),
    },
)


@st.composite
def documents(draw):
    """Policies as they may be written."""
    models = draw(st.dictionaries(labels, cards, min_size=1, max_size=4))
    rules = draw(st.dictionaries(labels, gates, min_size=1, max_size=2))
    names = draw(st.lists(labels, min_size=1, max_size=5, unique=True))
    aliases, gate = st.sampled_from(sorted(models)), st.sampled_from(sorted(rules))
    sends = st.fixed_dictionaries({"send": aliases})
    ladders = st.lists(aliases, min_size=2, max_size=3, unique=True)
    actions = sends if len(models) == 1 else sends | st.fixed_dictionaries({"cascade": ladders, "gate": gate})
    routes = [{"name": name, **draw(actions), "when": draw(conditions)} for name in names]
    del routes[-1]["when"]
    document = {"version": 1, "name": draw(labels), "models": models, "routes": routes, "gates": rules}
    return document | draw(st.fixed_dictionaries({}, optional={"description": st.text(st.characters(exclude_categories=["C"]))}))


def written(document) -> str:
    """JSON is YAML, and quotes every text."""
    return json.dumps(document, ensure_ascii=False)


def loaded(document) -> Policy:
    return parse_policy(written(document))


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
        Caller, key_alias=texts, team=texts, user=texts, end_user=texts, tier=texts, tags=st.lists(texts.map(str), max_size=2).map(tuple)
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
    direct_only=st.none() | st.just("several choices"),
)


def decided(policy: Policy, evidence: Evidence):
    return policy.decide(evidence, Random(1))


# --- laws --------------------------------------------------------------------------------------------------------------------------


def law(*strategies):
    """A busy machine is slow at writing policies; that breaks no law."""
    calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    return lambda test: calm(given(*strategies)(test))


@law(documents(), evidences)
def test_every_valid_policy_decides_every_request_with_an_alias_of_its_pool(document, evidence):
    decision = decided(loaded(document), evidence)

    assert decision.ladder
    assert set(decision.ladder) <= document["models"].keys()
    assert {*decision.ladder, *decision.alternatives} == document["models"].keys()
    assert not set(decision.ladder) & set(decision.alternatives)


@law(documents(), evidences)
def test_a_cascade_has_rungs_and_a_gate_and_nothing_else_has(document, evidence):
    decision = decided(loaded(document), evidence)

    assert (decision.band is Band.CASCADE) == (len(decision.ladder) > 1) == (decision.gate is not None)


@law(documents(), evidences)
def test_equal_evidence_gets_an_equal_decision_whatever_the_dice_say(document, evidence):
    policy, again = loaded(document), loaded(document)

    assert policy.decide(evidence, Random(1)) == policy.decide(evidence, Random(2)) == again.decide(evidence, Random(3))


@law(documents(), evidences)
def test_the_trace_ends_with_the_route_that_took_the_request_and_shows_those_before_it(document, evidence):
    decision = decided(loaded(document), evidence)

    names = [route["name"] for route in document["routes"]]
    assert [step.name for step in decision.trace] == names[: len(decision.trace)]
    assert decision.trace[-1].name == decision.route
    assert [step.outcome for step in decision.trace] == ["skipped"] * (len(decision.trace) - 1) + ["matched"]


@law(documents(), evidences)
def test_a_condition_that_was_accepted_never_fails(document, evidence):
    assert decided(loaded(document), evidence).degraded == ()


@law(documents(), evidences)
def test_a_request_that_cannot_pass_through_a_cascade_goes_to_the_last_rung(document, evidence):
    policy = loaded(document)
    free = decided(policy, replace(evidence, direct_only=None))
    bound = decided(policy, replace(evidence, direct_only="several choices"))

    assert bound.ladder == free.ladder[-1:]
    assert bound.band is (Band.LARGE if free.band is Band.CASCADE else free.band)
    assert ("direct_only:several choices" in bound.reasons) == (free.band is Band.CASCADE)


@law(documents(), evidences)
def test_no_decision_repeats_what_the_caller_wrote(document, evidence):
    assert MARK not in repr(decided(loaded(document), evidence))


@law(documents())
def test_a_loaded_policy_written_out_again_has_the_same_digest(document):
    policy = loaded(document)

    assert loaded(policy.document.model_dump(mode="json")).digest == policy.digest
    assert re.fullmatch("sha256:[0-9a-f]{64}", policy.digest)


@law(documents(), st.randoms(use_true_random=False), evidences)
def test_policies_of_one_digest_decide_alike_in_whatever_order_their_keys_are_written(document, random, evidence):
    policy, other = loaded(document), loaded(_shuffled(document, random))

    assert (policy.digest == other.digest) == (policy.document.largest == other.document.largest)
    if policy.digest == other.digest:
        assert decided(policy, evidence) == decided(other, evidence)


def _shuffled(value, random):
    if isinstance(value, list):
        return [_shuffled(item, random) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    random.shuffle(keys)
    return {key: _shuffled(value[key], random) for key in keys}


@law(documents())
def test_what_routes_can_reach_is_what_the_policy_says(document):
    policy = loaded(document)

    reached = {alias for route in document["routes"] for alias in route.get("cascade", [route.get("send")])}
    assert set(policy.aliases) == reached
    assert set(policy.ladders) == {tuple(route["cascade"]) for route in document["routes"] if "cascade" in route}


@law(
    st.text(max_size=60)
    | documents().map(written).flatmap(lambda text: st.sampled_from(range(len(text))).map(lambda at: text[:at] + text[at + 1 :]))
)
def test_any_text_is_a_policy_or_an_error_with_positions(text):
    try:
        problems = ()
        parse_policy(text, name="policy.yaml")
    except PolicyError as error:
        problems = error.problems or ("no problem named",)
    for problem in problems:
        assert re.match(r"policy\.yaml:\d+:\d+: \$", problem), problem


WORDS = r"""signals tools request stream classification dimensions known . ( ) [ ] { } && || ! ? : == != < > + - * / % , in true false null
1 1.0 'a' "b" x size has exists matches // \ ' " @ # é"""
words = st.sampled_from([*WORDS.split(), "\n"])


@law(st.text(max_size=30) | st.lists(words, max_size=14).map(" ".join) | st.lists(words, max_size=14).map("".join))
def test_any_text_is_a_condition_or_has_faults_within_it(text):
    condition, faults = checked(text)

    assert (condition is None) == bool(faults)
    assert all(0 <= fault.offset <= len(text) for fault in faults)


@pytest.mark.parametrize(
    "text", ["(" * 900 + "true" + ")" * 900, "!" * 1990 + "true", "[" * 990 + "]" * 990, "-" * 1990 + "1", "x" * 2001, "a." * 999 + "b"]
)
def test_a_condition_cannot_exhaust_whoever_reads_it(text):
    condition, faults = checked(text)

    assert (condition is None) == bool(faults)
