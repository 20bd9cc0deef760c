"""Conditions: what they may say, what is refused when the policy is loaded, and where."""

from __future__ import annotations

from dataclasses import fields

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import parse_policy
from litellm_cascade.policy.conditions import Condition, compiled, context_of
from litellm_cascade.policy.samples import EMPTY, FULL, SAMPLES, UNKNOWN
from litellm_cascade.policy.trial import checked
from litellm_cascade.policy.variables import VARIABLES
from litellm_cascade.vocabulary import Signals

SIGNALS = (
    "known are attachments, choices, continues_tool_call, input_tokens, language, latency_budget_ms, markup, max_output_tokens, "
    "mime_types, modalities, "
    "predicted_output_tokens, quality_requirement, response_format, temperature, tool_results, tools, turn, turns, urgency"
)
ROOTS = "names start with request, caller, signals, session, classification, load; text stands in quotes:"
CONVERT = "CEL converts nothing by itself, write double(...), int(...), string(...), or 1.0 for 1"
FUNCTIONS = "known are all, contains, double, endsWith, exists, exists_one, filter, has, int, map, matches, size, startsWith, string, uint"
NO_NUMBER = "Function 'int' error: string parse error: cannot parse integer from empty string"
COMPARE = "not true or false; compare it, e.g. with > or =="


def faults(text: str) -> list[tuple[int, str]]:
    return [(fault.offset, fault.message) for fault in checked(text)[1]]


def holds(text: str, evidence) -> bool | None:
    condition, wrong = checked(text)
    assert condition is not None, wrong
    return condition.holds(context_of(evidence, condition.names))


@pytest.mark.parametrize(
    ("text", "on_unknown", "on_empty", "on_full"),
    [
        ("true", True, True, True),
        ("request.stream", False, False, True),
        ('request.endpoint == "chat"', True, False, False),
        ('request.requested_model == ""', False, True, False),
        ('caller.tier in ["gold", "silver"]', False, False, True),
        ('caller.team == ""', True, True, False),
        ('"first" in caller.tags', False, False, True),
        ('"image" in signals.modalities', False, False, True),
        ('signals.markup.exists(item, item == "sql" || item == "code")', False, False, True),
        ('size(signals.modalities) > 1 && signals.modalities[1] == "image"', False, False, True),
        ("signals.temperature == -1.0", True, True, False),
        ("signals.max_output_tokens == 0", True, True, False),
        ("signals.temperature > 0", False, False, True),
        ("double(signals.input_tokens) * 1.5 > 1000.0", False, False, True),
        ("signals.tools > 0 && 100 / signals.tools > 3", False, False, True),
        ("signals.tools > 0 ? request.stream : !classification.known", True, False, True),
        ("(signals.tools > 0 ? 1 : 2) > 1", True, True, False),
        ("signals.tools > 0 ? true : (signals.turns > 0 ? false : true)", True, True, True),
        ("signals.tools > 0 ? true : signals.turns > 0 ? true : request.stream", False, False, True),
        ('classification.task == "Unknown"', True, False, False),
        ("!(classification.known)", True, False, False),
        ("!classification.known", True, False, False),
        ("((classification.complexity)) >= 0.5", True, False, True),
        ("classification.dimensions.reasoning > 0.5", False, False, True),
        ('classification.dimensions["reasoning"] > 0.5', False, False, True),
        ('classification.task_probabilities["Code Generation"] > 0.5', False, False, True),
        ("has(classification.dimensions.unheard_of) && classification.dimensions.unheard_of > 0.5", False, False, False),
        ('"late" in classification.degraded', False, False, True),
        ("signals.tools > 0 // && nonsense", False, False, True),
        ("signals.tools > 0\n  && request.stream", False, False, True),
        ('"auto" == request.requested_model', True, False, True),
        ("[1, 2].map(item, item * 2).size() > signals.tools", True, True, False),
        ('{"a": 1}["a"] == 1', True, True, True),
        ("r'\\d' == '\\\\d' && '''a''' == 'a'", True, True, True),
    ],
)
def test_a_condition_holds_or_does_not(text, on_unknown, on_empty, on_full):
    assert [holds(text, sample) for sample in (UNKNOWN, EMPTY, FULL)] == [on_unknown, on_empty, on_full]


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        # not CEL
        ("signals.tools >", 15, "the condition ends too early; complete it"),
        ("(signals.tools > 3", 18, "the condition ends too early; complete it"),
        ("signals.tools > 0 and request.stream", 18, "this is no CEL (mismatched input 'and'); write &&"),
        ("not request.stream", 4, "this is no CEL (mismatched input 'request'); write !"),
        ("signals.tools = 3", 14, "this is no CEL (token recognition error at: '= '); write =="),
        ("signals.tools =< 3", 14, "this is no CEL (token recognition error at: '=<'); write <="),
        ('caller.team == "x', 15, "this is no CEL (token recognition error at: '\"x'); close the quote"),
        ("signals.tools > 24k", 18, "this is no CEL (extraneous input 'k'); check the operators and quotes here"),
        ("signals.tools > 0 &&\n  signals.turns > 24k", 41, "this is no CEL (extraneous input 'k'); check the operators and quotes here"),
        ("   ", 0, "a condition has 1 to 2000 characters; leave `when` out to take every request"),
        # unknown words
        ("signals.zzz > 3", 0, f"unknown name 'signals.zzz'; {SIGNALS}"),
        ("signals.tool > 3", 0, "unknown name 'signals.tool'; did you mean 'tools'?"),
        ("request.stream || signals.zzz > 3", 18, f"unknown name 'signals.zzz'; {SIGNALS}"),
        ("tools > 3", 0, "unknown name 'tools'; did you mean 'signals.tools'?"),
        ("caller.tier == gold", 15, f"unknown name 'gold'; {ROOTS} \"gold\""),
        ("signals > 3", 0, f"'signals' alone is no value; write signals.name, {SIGNALS}"),
        ('signals["tools"] > 3', 0, f"'signals' alone is no value; write signals.name, {SIGNALS}"),
        ('caller.key_hash == ""', 0, "unknown name 'caller.key_hash'; did you mean 'key_alias'?"),
        ("has(signals.zzz)", 4, f"unknown name 'signals.zzz'; {SIGNALS}"),
        ('caller.team.startswith("x")', 12, "unknown function 'startswith'; did you mean 'startsWith'?"),
        (
            "request.stream || now() > 3",
            18,
            f"unknown function 'now'; {FUNCTIONS}",
        ),
        ("signals.markup.exists(signals, true)", 0, "'signals' is a name of the request; call the element something else, e.g. item"),
        # neither true nor false
        ("signals.tools", 0, f"`signals.tools` is a whole number, {COMPARE}"),
        ("classification.complexity", 0, f"`classification.complexity` is a decimal, {COMPARE}"),
        ("caller.team", 0, f"`caller.team` is text, {COMPARE}"),
        ("caller.tags", 0, f"`caller.tags` is a list, {COMPARE}"),
        ("classification.dimensions", 0, f"`classification.dimensions` is a mapping, {COMPARE}"),
        ("b'x'", 0, f"`b'x'` is something, {COMPARE}"),
        ("signals.tools || request.stream", 0, f"`signals.tools` is a whole number, {COMPARE}"),
        ("request.stream || (request.stream && signals.tools)", 37, f"`signals.tools` is a whole number, {COMPARE}"),
        ("request.stream ? true : 1", 24, f"`1` is a whole number, {COMPARE}"),
        ("signals.tools ? true : false", 0, f"`signals.tools` is a whole number, {COMPARE}"),
        # types
        ("signals.tools * 1.5 > 2.0", 0, f"`signals.tools * 1.5 > 2.0` mixes types (signals.tools is int); {CONVERT}"),
        ("request.stream && signals.tools * 1.5 > 2.0", 18, f"`signals.tools * 1.5 > 2.0` mixes types (signals.tools is int); {CONVERT}"),
        ("1 + 1.0 > 2.0", 0, f"`1 + 1.0 > 2.0` mixes types (compare like with like); {CONVERT}"),
        ("caller.team > 3", 0, f"`caller.team > 3` mixes types (caller.team is string); {CONVERT}"),
        ("signals.temperature == null", 0, "signals.temperature is a double and never equals null; what is unknown is -1.0"),
        ("null != caller.team", 0, 'caller.team is a string and never equals null; what is unknown is ""'),
        ('request.stream == "true"', 0, 'request.stream is a bool and never equals "true"; compare it with a bool'),
        (
            'request.stream || signals.modalities == "image"',
            18,
            'signals.modalities is a list of string and never equals "image"; write "image" in signals.modalities',
        ),
        # what may not be there
        (
            "classification.dimensions.reasonin > 0.5",
            0,
            "`classification.dimensions.reasonin > 0.5` reads 'reasonin', which may not be there; correct it, or ask has(...) && first",
        ),
        (
            'signals.language == "de" && classification.dimensions.foo > 0.5',
            28,
            "`classification.dimensions.foo > 0.5` reads 'foo', which may not be there; correct it, or ask has(...) && first",
        ),
        (
            'signals.modalities[1] == "image"',
            0,
            '`signals.modalities[1] == "image"` reads an element that may not be there; ask size(...) first, or use `in` or exists(...)',
        ),
        ("100 / signals.tools > 3", 0, "`100 / signals.tools > 3` may divide by zero; rule that out first with &&"),
        (
            'signals.modalities.contains("image")',
            0,
            '`signals.modalities.contains("image")` calls what its value does not have; for lists write `in`, or exists(item, ...)',
        ),
        (
            'request.stream && caller.team.matches("[")',
            18,
            "`caller.team.matches(\"[\")` cannot be evaluated (Function 'matches' error: '[' not a valid regex); correct it",
        ),
        (
            "int(caller.team) > 3",
            0,
            f"`int(caller.team) > 3` cannot be evaluated ({NO_NUMBER}); correct it",
        ),
    ],
)
def test_what_cannot_work_is_refused_where_it_stands(text, offset, message):
    assert faults(text) == [(offset, message)]


def test_every_fault_is_told():
    assert faults("zzz > 3 && signals.tools.foo() && signals.nothing") == [
        (0, f"unknown name 'zzz'; {ROOTS} \"zzz\""),
        (
            25,
            f"unknown function 'foo'; {FUNCTIONS}",
        ),
        (34, f"unknown name 'signals.nothing'; {SIGNALS}"),
    ]
    assert [offset for offset, _ in faults("signals.tools || (signals.turns && request.stream)")] == [0, 18]


@pytest.mark.parametrize(
    ("when", "position"),
    [
        ("when: request.stream || zzz", "6:29"),
        ("when: 'request.stream || zzz'", "6:30"),
        ('when:   "request.stream || zzz"', "6:32"),
        ("when: >-\n      request.stream || zzz", "7:25"),
        ("when: |\n      request.stream || zzz", "7:25"),
        ("when: |\n      request.stream\n      || zzz", "6:11"),
        ('when: "request.stream || \\x7Azz"', "6:11"),
        ("when: request.stream\n      || zzz", "6:11"),
    ],
)
def test_a_fault_is_placed_to_the_column_where_the_text_stands_as_it_was_written(when, position):
    text = (
        f"version: 1\nname: x\nmodels: {{a: {{tier: budget}}}}\nroutes:\n  - name: a\n    {when}\n    send: a\n  - {{name: b, send: a}}\n"
    )

    with pytest.raises(PolicyError) as caught:
        parse_policy(text, name="p")

    assert [problem.partition(": $")[0] for problem in caught.value.problems] == [f"p:{position}"]


def test_every_signal_is_a_name():
    assert {f"signals.{field.name}" for field in fields(Signals)} <= VARIABLES.keys()


def test_what_identifies_one_request_is_no_name():
    hidden = {"caller.key_hash", "request.request_id", "request.policy", "classification.digest", "classification.took_ms"}

    assert not hidden & VARIABLES.keys()


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_a_name_has_the_type_it_claims_for_every_request(name):
    types = {"bool": bool, "int": int, "double": float, "string": str, "list of string": list, "map of double": dict}
    variable = VARIABLES[name]

    assert {type(variable.read(sample)) for sample in SAMPLES} == {types[variable.type]}


def test_a_condition_that_turns_out_to_be_neither_true_nor_false_has_failed():
    number, _ = compiled("signals.tools")

    assert number.holds(context_of(FULL, number.names)) is None


def test_a_condition_knows_what_it_reads():
    condition = checked("request.stream && signals.markup.exists(item, item == caller.team) && has(classification.dimensions.a)")[0]

    assert isinstance(condition, Condition)
    assert condition.names == {"request.stream", "signals.markup", "caller.team", "classification.dimensions"}
