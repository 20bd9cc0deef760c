"""What a document may say. Each mistake has its sentence, at its place."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import parse_policy

POLICY = """\
version: 1
name: example
description: An example.
models:
  small: {tier: budget, strengths: [general], quality: {general: 0.7}, latency_ms: 60}
  large: {tier: premium, price: {input_usd_per_million: 2.5, output_usd_per_million: 10}}
routes:
  - name: long
    when: signals.input_tokens > 9000
    send: large
  - name: rest
    cascade: [small, large]
    gate: careful
gates:
  careful:
    confidence: {score: mean, of: all}
    accept_at: -0.35
    unknown: accept
    also_escalate: [empty]
    stream: {judge: prefix, tokens: 24, within_ms: 400}
    deadline: {whole_ms: 60000}
"""
LEAVE_OUT = "write a condition in quotes, or leave `when` out to take every request"
NEVER_ABOVE = "accept_at is compared with a log-probability in nats, which is never above 0; write e.g. -0.35"


def problems(old: str, new: str) -> list[str]:
    assert old in POLICY
    with pytest.raises(PolicyError) as caught:
        parse_policy(POLICY.replace(old, new, 1), name="p")
    return list(caught.value.problems)


def test_the_example_itself_is_right():
    document = parse_policy(POLICY).document

    assert document.models["large"].price.output_usd_per_million == 10.0
    assert document.gates["careful"].deadline.first_chunk_ms == 30_000.0


def test_a_document_cannot_be_changed():
    document = parse_policy(POLICY).document

    with pytest.raises(ValidationError, match="frozen"):
        document.name = "other"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("version: 1", "version: 2", "1:10: $.version: is 2; write 1"),
        ("version: 1", "version: true", "1:10: $.version: is true; write 1"),
        ("version: 1", "version: ~", "1:10: $.version: is null; write 1"),
        ("version: 1", "version: '1'", "1:10: $.version: is '1'; write 1"),
        ("version: 1\n", "", "1:1: $.version: is missing; add it"),
        ("name: example", "name: 3", "2:7: $.name: must be text, not a number"),
        ("name: example", "name: ''", "2:7: $.name: must not be empty; give it a name"),
        ("name: example", 'name: "a\\nb"', "2:7: $.name: must be one line of text; remove line breaks and control characters"),
        ("name: example", f"name: {'x' * 101}", "2:7: $.name: is longer than 100 characters; shorten it"),
        ("name: example", 'name: "\\ud800"', "2:7: $.name: holds half a character (a lone surrogate); remove it"),
        ("description: An example.", "description: [a]", "3:14: $.description: must be text, not a list"),
        ("description:", "descripton:", "3:1: $.descripton: unknown key; did you mean 'description'?"),
        (
            "description:",
            "zzz:",
            "3:1: $.zzz: unknown key; known are constraints, description, gates, limits, models, name, overrides, privacy, routes, "
            "sessions, version",
        ),
        ("tier: budget", "tier: cheap", "5:17: $.models.small.tier: is 'cheap'; write 'budget', 'standard' or 'premium'"),
        ("tier: budget, ", "", "5:10: $.models.small.tier: is missing; add it"),
        ("strengths: [general]", "strengths: general", "5:36: $.models.small.strengths: must be a list, not text"),
        ("{general: 0.7}", "{general: 1.7}", "5:66: $.models.small.quality.general: must be at most 1, not 1.7"),
        ("{general: 0.7}", "{general: -1}", "5:66: $.models.small.quality.general: must be at least 0, not -1"),
        ("{general: 0.7}", "{general: good}", "5:66: $.models.small.quality.general: must be a number, not text"),
        ("{general: 0.7}", "[general]", "5:56: $.models.small.quality: must be a mapping (key: value), not a list"),
        ("{general: 0.7}", "{'': 0.7}", '5:57: $.models.small.quality[""]: must not be empty; give it a name'),
        ("latency_ms: 60", "latency_ms: 0", "5:84: $.models.small.latency_ms: must be above 0, not 0"),
        ("latency_ms: 60", "latency_ms: .inf", "5:84: $.models.small.latency_ms: must be a finite number, not inf"),
        ("latency_ms: 60", "latency_ms: .nan", "5:84: $.models.small.latency_ms: must be a finite number, not nan"),
        ("latency_ms: 60", "latency: 60", "5:72: $.models.small.latency: unknown key; did you mean 'latency_ms'?"),
        ("input_usd_per_million: 2.5, ", "", "6:33: $.models.large.price.input_usd_per_million: is missing; add it"),
        (
            "price: {",
            "price: {output_usd: 1, ",
            "6:34: $.models.large.price.output_usd: unknown key; did you mean 'output_usd_per_million'?",
        ),
        (
            "when: signals.input_tokens > 9000",
            "when: true",
            f"9:11: $.routes[0].when: must be text, not true or false; {LEAVE_OUT}",
        ),
        (
            "when: signals.input_tokens > 9000",
            "when: ''",
            "9:11: $.routes[0].when: a condition has 1 to 2000 characters; leave `when` out to take every request",
        ),
        (
            "when: signals.input_tokens > 9000",
            f"when: {'x' * 2001}",
            "9:11: $.routes[0].when: a condition has 1 to 2000 characters; leave `when` out to take every request",
        ),
        ("send: large", "send: 4", "10:11: $.routes[0].send: must be text, not a number"),
        ("send: large", "sned: large", "10:5: $.routes[0].sned: unknown key; did you mean 'send'?"),
        (
            "    send: large\n",
            "",
            "8:5: $.routes[0]: does nothing; add `send: alias`, `cascade: [alias, alias]` with a `gate`, or `choose`",
        ),
        ("send: large", "send: large\n    gate: careful", "11:5: $.routes[0].gate: goes with `cascade` only; remove it"),
        (
            "send: large",
            "send: large\n    cascade: [small, large]",
            "8:5: $.routes[0]: does two things; keep one of `send`, `cascade` and `choose`",
        ),
        ("send: large", "chose: {strategy: utility}", "10:5: $.routes[0].chose: unknown key; did you mean 'choose'?"),
        ("send: large", "send: large\n    wehn: x", "11:5: $.routes[0].wehn: unknown key; did you mean 'when'?"),
        ("[small, large]", "[small]", "12:14: $.routes[1].cascade: needs at least 2, has 1; to ask one alias alone write `send`"),
        ("[small, large]", "[small, small]", "12:14: $.routes[1].cascade: asks 'small' twice; keep one"),
        ("[small, large]", "small", "12:14: $.routes[1].cascade: must be a list, not text"),
        ("[small, large]", "[small, 4]", "12:22: $.routes[1].cascade[1]: must be text, not a number"),
        ("    gate: careful\n", "", "11:5: $.routes[1].gate: is missing; add it"),
        ("gate: careful", "gate: [careful]", "13:11: $.routes[1].gate: must be text, not a list"),
        (
            "score: mean",
            "score: surprise",
            "16:25: $.gates.careful.confidence.score: is 'surprise'; write 'mean', 'min', 'sum', 'quantile', 'lowest_group', 'margin', "
            "'entropy', 'self_check' or 'agreement'",
        ),
        (
            "score: mean",
            "score: entropy",
            "17:16: $.gates.careful.accept_at: accept_at is compared with the score entropy, which lies between 0 and 1; write e.g. 0.7",
        ),
        (
            "of: all",
            "of: tools",
            "16:35: $.gates.careful.confidence.of: is 'tools'; write 'all', 'answer', 'reasoning_and_answer', 'tool_arguments', "
            "'json_values' or 'numbers'",
        ),
        ("score: mean", "score: quantile, q: 10", "16:38: $.gates.careful.confidence.q: must be at most 1, not 10"),
        ("score: mean", "score: lowest_group, window: 0", "16:47: $.gates.careful.confidence.window: must be at least 1, not 0"),
        (
            "accept_at: -0.35",
            "accept_at: 0.7",
            f"17:16: $.gates.careful.accept_at: {NEVER_ABOVE}",
        ),
        ("accept_at: -0.35", "accept_at: -.inf", "17:16: $.gates.careful.accept_at: must be a finite number, not -inf"),
        ("accept_at: -0.35", "accept_at: low", "17:16: $.gates.careful.accept_at: must be a number, not text"),
        ("    accept_at: -0.35\n", "", "16:5: $.gates.careful.accept_at: is missing; add it"),
        (
            "[empty]",
            "[empty, wrong]",
            "19:28: $.gates.careful.also_escalate[1]: is 'wrong'; write 'empty', 'truncated', 'refused', 'invalid_json', "
            "'invalid_tool_call' or 'language_mismatch'",
        ),
        (
            "[empty]",
            "[empty]\n    abstain: {below: 0.7, then: flag}",
            f"20:14: $.gates.careful.abstain: {NEVER_ABOVE.replace('accept_at', 'below')}",
        ),
        ("[empty]", "[empty]\n    abstain: {then: ask}", "20:21: $.gates.careful.abstain.then: is 'ask'; write 'large', 'flag' or 'error'"),
        (
            "unknown: accept",
            "unknown: ask",
            "18:14: $.gates.careful.unknown: is 'ask'; write 'accept', 'escalate', 'self_check' or 'agreement'",
        ),
        (
            "unknown: accept",
            "unknown: agreement",
            "20:13: $.gates.careful.stream: agreement compares whole answers, and a prefix has none yet; write stream: {judge: full} or "
            "{judge: off}",
        ),
        (
            "confidence: {score: mean, of: all}\n    accept_at: -0.35\n    unknown: accept",
            "confidence: {score: self_check}\n    accept_at: 0.7\n    unknown: self_check",
            "18:14: $.gates.careful.unknown: self_check is the score already, and this says what to do when that comes to nothing; write "
            "accept, escalate or agreement",
        ),
        ("unknown: accept", "consult: {samples: 0}", "18:24: $.gates.careful.consult.samples: must be at least 1, not 0"),
        ("judge: prefix", "judge: false", "20:21: $.gates.careful.stream.judge: is false; write 'prefix', 'full' or 'off'"),
        ("tokens: 24", "tokens: 0", "20:37: $.gates.careful.stream.tokens: must be at least 1, not 0"),
        ("tokens: 24", "tokens: 4097", "20:37: $.gates.careful.stream.tokens: must be at most 4096, not 4097"),
        ("tokens: 24", "tokens: 2.5", "20:37: $.gates.careful.stream.tokens: must be a whole number, not 2.5"),
        ("tokens: 24", "tokens: '24'", "20:37: $.gates.careful.stream.tokens: must be a whole number, not '24'"),
        ("within_ms: 400", "within_ms: 0", "20:52: $.gates.careful.stream.within_ms: must be above 0, not 0"),
        ("whole_ms", "all_ms", "21:16: $.gates.careful.deadline.all_ms: unknown key; known are first_chunk_ms, whole_ms"),
        ("deadline: {whole_ms: 60000}", "deadline: 60", "21:15: $.gates.careful.deadline: must be a mapping (key: value), not a number"),
    ],
)
def test_a_mistake_is_named_where_it_is(old, new, problem):
    assert problems(old, new) == [f"p:{problem}"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("send: large", "send: larg", "10:11: $.routes[0].send: no alias 'larg' in models; did you mean 'large'?"),
        ("send: large", "send: gpt", "10:11: $.routes[0].send: no alias 'gpt' in models; known are large, small"),
        ("[small, large]", "[smal, large]", "12:15: $.routes[1].cascade[0]: no alias 'smal' in models; did you mean 'small'?"),
        ("gate: careful", "gate: carefull", "13:11: $.routes[1].gate: no gate 'carefull' in gates; did you mean 'careful'?"),
        ("name: rest", "name: long", "11:11: $.routes[1].name: 'long' names routes[0] too; give each route its own name"),
        (
            "    when: signals.input_tokens > 9000\n",
            "",
            "10:5: $.routes[1]: unreachable: routes[0] takes every request; move this route up, or give that one a `when`",
        ),
        (
            "    cascade:",
            "    when: signals.tools > 0\n    cascade:",
            "11:5: $.routes[1]: the last route has a condition, so some requests match none; add a route without `when` after it",
        ),
    ],
)
def test_parts_that_do_not_fit_together_are_named(old, new, problem):
    assert problems(old, new) == [f"p:{problem}"]


def test_a_cascade_without_any_gates_is_told_to_add_one():
    assert problems(POLICY[POLICY.index("gates:") :], "") == ["p:13:11: $.routes[1].gate: no gate 'careful' in gates; add it there"]


def test_a_missing_pool_is_one_problem():
    assert problems("models:", "pool:") == [
        "p:1:1: $.models: is missing; add it",
        "p:4:1: $.pool: unknown key; known are constraints, description, gates, limits, models, name, overrides, privacy, routes, "
        "sessions, version",
    ]


def test_nothing_may_be_empty():
    with pytest.raises(PolicyError) as caught:
        parse_policy("version: 1\nname: x\nmodels: {}\nroutes: []\n", name="p")

    assert caught.value.problems == (
        "p:3:9: $.models: needs at least 1, has 0; add the aliases that requests may go to",
        "p:4:9: $.routes: needs at least 1, has 0; add one that sends everything to an alias",
    )


def test_routes_of_any_shape_get_an_answer():
    with pytest.raises(PolicyError) as caught:
        parse_policy("version: 1\nname: x\nmodels: {a: }\nroutes: [a, null, {name: [x], send: a, when: [y]}]\ngates: []\n", name="p")

    assert caught.value.problems == (
        "p:3:12: $.models.a: must be a mapping (key: value), not nothing",
        "p:4:10: $.routes[0]: must be a mapping (key: value), not text",
        "p:4:13: $.routes[1]: must be a mapping (key: value), not nothing",
        "p:4:19: $.routes[2]: the last route has a condition, so some requests match none; add a route without `when` after it",
        "p:4:26: $.routes[2].name: must be text, not a list",
        "p:4:46: $.routes[2].when: must be text, not a list; write a condition in quotes, or leave `when` out to take every request",
        "p:5:8: $.gates: must be a mapping (key: value), not a list",
    )


def test_routes_that_are_no_list_are_one_problem():
    with pytest.raises(PolicyError) as caught:
        parse_policy("version: 1\nname: x\nmodels: {a: {tier: budget}}\nroutes: {a: b}\n", name="p")

    assert caught.value.problems == ("p:4:9: $.routes: must be a list, not a mapping",)
