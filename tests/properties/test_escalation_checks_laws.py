"""What holds of every check, whatever a client demands and a model writes."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from litellm_cascade.escalation import CHECKS, Expectation
from litellm_cascade.escalation.checks import Subject, find_defect
from litellm_cascade.escalation.checks.json_text import can_become_json
from litellm_cascade.signals import find_language
from litellm_cascade.vocabulary import AnswerContract, Completion, Reason, Tool, ToolCall

ALL = frozenset(reason.value for reason in CHECKS)
NAMES = st.sampled_from(["a", "b", "city", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
SCHEMAS = st.recursive(
    st.booleans()
    | st.fixed_dictionaries({}, optional={"type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True)})
    | st.fixed_dictionaries({"enum": st.lists(VALUES, min_size=1, max_size=3)})
    | st.fixed_dictionaries({"const": VALUES})
    | st.fixed_dictionaries({}, optional={"minLength": st.integers(0, 3), "maximum": st.integers(-3, 9), "maxItems": st.integers(0, 2)})
    | st.fixed_dictionaries({"multipleOf": st.sampled_from([1, 2, 0.5])}),
    lambda inner: (
        st.fixed_dictionaries(
            {},
            optional={
                "type": st.just("object"),
                "properties": st.dictionaries(NAMES, inner, max_size=2),
                "required": st.lists(NAMES, max_size=2, unique=True),
                "additionalProperties": inner,
            },
        )
        | st.fixed_dictionaries({"patternProperties": st.dictionaries(st.sampled_from(["^a", "b$", "."]), inner, max_size=2)})
        | st.fixed_dictionaries({"items": inner}, optional={"uniqueItems": st.booleans(), "minItems": st.integers(0, 2)})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)})
        | st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=2)})
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=6,
)
ANY_SCHEMA = SCHEMAS | VALUES | st.dictionaries(st.sampled_from([*Draft202012Validator.VALIDATORS, "$schema", "$id", "$defs"]), VALUES)
TEXTS = (
    st.text(max_size=40)
    | VALUES.map(json.dumps)
    | st.sampled_from(['{"a": 1', "I'm sorry, but I can't help with that.", "```json\n{}\n```"])
)
CALLS = st.lists(st.builds(ToolCall, NAMES, TEXTS), max_size=2).map(tuple)
COMPLETIONS = st.builds(
    Completion,
    text=TEXTS,
    tool_calls=CALLS,
    refused=st.booleans(),
    finish_reason=st.sampled_from([None, "stop", "length", "content_filter", "tool_calls"]),
)
CONTRACTS = st.builds(
    AnswerContract,
    json=st.sampled_from([None, "json_object", "json_schema", "grammar"]),
    schema=ANY_SCHEMA,
    tools=st.lists(st.builds(Tool, name=NAMES, parameters=ANY_SCHEMA), max_size=2).map(tuple),
    knows_all_tools=st.booleans(),
    must_call=st.booleans(),
    must_call_tool=st.none() | NAMES,
    language=st.sampled_from(["unknown", "en", "de"]),
    choices=st.integers(1, 2),
)


def found(completion, contract, *, complete=True, wanted=ALL):
    expectation = Expectation(contract=contract, find_language=find_language)
    return find_defect(Subject(completion=completion, complete=complete, expectation=expectation), wanted)


@given(COMPLETIONS, CONTRACTS, st.booleans(), st.sets(st.sampled_from(sorted(ALL))))
def test_a_check_never_raises_and_finds_only_what_is_wanted(completion, contract, complete, wanted):
    defect, unchecked = found(completion, contract, complete=complete, wanted=wanted)
    assert defect is None or defect.value in wanted
    assert {entry.removeprefix("unchecked:") for entry in unchecked} <= wanted


@given(COMPLETIONS, CONTRACTS, st.booleans())
def test_the_same_answer_has_the_same_defect(completion, contract, complete):
    assert found(completion, contract, complete=complete) == found(completion, contract, complete=complete)


@settings(max_examples=300)
@given(SCHEMAS, VALUES)
def test_a_valid_instance_never_counts_as_invalid_and_an_invalid_one_always_does(schema, value):
    text = json.dumps(value)
    expected = Draft202012Validator(schema).is_valid(json.loads(text))
    defect, unchecked = found(Completion(text=text), AnswerContract(json="json_schema", schema=schema), wanted={"invalid_json"})
    assert expected or unchecked or defect is Reason.INVALID_JSON or _differs_on_numbers_alone(schema)
    if expected:
        assert defect is None


def _differs_on_numbers_alone(schema):
    """1 and 1.0 are two items here, and one to jsonschema."""
    return "uniqueItems" in json.dumps(schema)


@given(VALUES, st.data())
def test_no_beginning_of_json_is_taken_for_something_else(value, data):
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 2])))
    assert can_become_json(text[: data.draw(st.integers(0, len(text)))])


@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_a_call_with_any_arguments_is_fine_where_the_tool_has_no_schema(arguments):
    calling = Completion(tool_calls=(ToolCall("look", json.dumps(arguments)),))
    assert found(calling, AnswerContract(tools=(Tool(name="look"),), must_call=True)) == (None, ())


@given(COMPLETIONS)
def test_a_request_that_demands_nothing_has_nothing_to_break(completion):
    wanted = {"invalid_json", "invalid_tool_call", "language_mismatch"}
    defect, unchecked = found(completion, AnswerContract(), wanted=wanted)
    assert defect in {None, Reason.INVALID_TOOL_CALL}
    if defect is not None:
        assert completion.tool_calls
    assert unchecked <= ("unchecked:invalid_tool_call",)
