"""What counts as a defect, and what does not."""

# ruff: noqa: RUF001 -- languages are written in their own letters

import json

import pytest

from litellm_cascade.escalation import CHECKS, Expectation
from litellm_cascade.escalation.checks import Subject, find_defect
from litellm_cascade.escalation.checks.json_text import MOST_CHARACTERS, can_become_json
from litellm_cascade.escalation.checks.refusal import MOST_CHARACTERS as SHORT
from litellm_cascade.escalation.checks.refusal import reads_like_a_refusal
from litellm_cascade.escalation.checks.refusal_phrases import PHRASES
from litellm_cascade.policy.gates import GateRule
from litellm_cascade.signals import find_language
from litellm_cascade.vocabulary import AnswerContract, Completion, Reason, Tool, ToolCall

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}


def found(completion, *, complete=True, wanted=tuple(CHECKS), **contract):
    expectation = Expectation(contract=AnswerContract(**contract), find_language=find_language)
    return find_defect(Subject(completion=completion, complete=complete, expectation=expectation), [reason.value for reason in wanted])


def found_in(text, **more):
    return found(Completion(text=text), **more)


FINE = (None, ())


def test_every_check_can_be_asked_for_in_a_policy():
    rule = GateRule.model_validate({"accept_at": -1.0, "also_escalate": [reason.value for reason in CHECKS]})
    assert rule.named("gate").also_escalate == {reason.value for reason in CHECKS}


def test_what_a_gate_does_not_list_is_not_looked_for():
    assert found_in("", wanted=[Reason.TRUNCATED]) == FINE
    assert found_in("") == (Reason.EMPTY, ())


def test_what_is_cut_off_is_truncated_before_it_is_anything_else():
    cut = Completion(text='{"city": "Be', finish_reason="length")
    assert found(cut, json="json_object") == (Reason.TRUNCATED, ())


# --- refused --------------------------------------------------------------------------------------------------------------------------

REFUSALS = {
    "en": ["I'm sorry, but I can't assist with that request.", "I cannot help with that.", "I’m unable to provide instructions for this."],
    "de": ["Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.", "Ich kann diese Frage leider nicht beantworten."],
    "fr": ["Je suis désolé, mais je ne peux pas vous aider avec cela.", "Je ne peux pas répondre à cette demande."],
    "es": ["Lo siento, pero no puedo ayudarte con eso."],
    "it": ["Mi dispiace, ma non posso aiutarti con questo."],
    "pt": ["Desculpe, mas não posso ajudar com isso."],
    "nl": ["Het spijt me, maar ik kan je daar niet mee helpen."],
    "pl": ["Przepraszam, ale nie mogę w tym pomóc."],
    "ru": ["Извините, но я не могу помочь с этим."],
    "tr": ["Üzgünüm, ancak bu konuda yardımcı olamam."],
    "zh": ["抱歉，我无法帮助您完成这个请求。", "对不起，我不能回答这个问题。"],
    "ja": ["申し訳ありませんが、そのご要望にはお応えできません。"],
    "ko": ["죄송하지만 그 요청은 도와드릴 수 없습니다."],
    "ar": ["عذرًا، لا يمكنني مساعدتك في ذلك."],
    "hi": ["क्षमा करें, मैं इसमें आपकी मदद नहीं कर सकता।"],
}
ORDINARY = [
    "I'm sorry to hear that you are ill. Drink plenty of water and rest.",
    "I can't believe how simple it is: the answer is 42.",
    "I can't help but notice that the second line has a typo.",
    "I'm sorry, but I can't attend the meeting on Friday. Could we move it to Monday?",
    "I cannot find an error in this query; it returns all customers.",
    "Unfortunately, the train leaves at five.",
    "Sorry, the capital of Australia is Canberra, not Sydney.",
    "I won't make it in time, so please start without me.",
    "You can't divide by zero.",
    "As an AI researcher, she could not help the team on Monday.",
    "Es tut mir leid, dass du krank bist. Trink viel Wasser.",
    "Ich kann nicht schwimmen, sagte der Hund.",
    "Je ne peux pas venir demain, mais mardi me convient.",
    "No puedo creer que sea tan fácil: son 42.",
    "Lo siento mucho por tu pérdida.",
    "抱歉让您久等了，答案是四十二。",
    "申し訳ありませんが、会議を月曜日に変更していただけますか。",
    "Извините за опоздание, вот ответ: 42.",
    "죄송합니다만 회의를 월요일로 옮길 수 있을까요?",
]


def test_every_language_of_the_list_has_examples():
    assert REFUSALS.keys() == PHRASES.keys()


@pytest.mark.parametrize("text", [text for texts in REFUSALS.values() for text in texts])
def test_a_refusal_is_known_by_how_it_begins(text):
    assert found_in(text) == (Reason.REFUSED, ())
    assert found_in(f"**{text}", complete=False) == (Reason.REFUSED, ())


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_answer_is_no_refusal(text):
    assert found_in(text) == FINE


def test_a_long_answer_is_no_refusal_whatever_it_opens_with():
    opening = "I can't help with that. "
    assert reads_like_a_refusal(opening + "x" * (SHORT - len(opening)))
    assert not reads_like_a_refusal(opening + "x" * (SHORT - len(opening) + 1))


@pytest.mark.parametrize("completion", [Completion(refused=True), Completion(text="Well", finish_reason="content_filter")])
def test_the_providers_word_for_a_refusal_counts(completion):
    assert found(completion) == (Reason.REFUSED, ())


def test_who_calls_a_tool_does_not_refuse():
    calling = Completion(text="I can't help with that without a look", tool_calls=(ToolCall("look"),))
    assert found(calling) == FINE


# --- invalid_json ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["Bern", '```json\n{"city": "Bern"}\n```', '{"city": "Bern"', '{"city": NaN}', "[1, 2]", '"Bern"', "{} {}"]
)
def test_what_is_no_json_object_is_invalid(text):
    assert found_in(text, json="json_object") == (Reason.INVALID_JSON, ())


@pytest.mark.parametrize("value", [{"town": "Bern"}, {"city": 3}, {"city": "Bern", "more": 1}, ["Bern"]])
def test_what_breaks_the_schema_is_invalid(value):
    assert found_in(json.dumps(value), json="json_schema", schema=CITY) == (Reason.INVALID_JSON, ())


@pytest.mark.parametrize("schema", [CITY, None, True, {}])
def test_what_keeps_to_the_schema_is_valid(schema):
    assert found_in(' {"city": "Bern"}\n', json="json_schema", schema=schema) == FINE


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string", "pattern": r"^\d{4}-\d{2}$"}, "2024-05", "May 2024"),
        ({"patternProperties": {"^n_": {"type": "integer"}}, "additionalProperties": False}, {"n_a": 1}, {"m_a": 1}),
        ({"patternProperties": {"^n_": {"type": "integer"}}}, {"n_a": 1, "b": "x"}, {"n_a": "x"}),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, {"a": "x", "b": 1}, {"b": "x"}),
        ({"additionalProperties": False, "patternProperties": {"a": {}}, "uniqueItems": True}, 3, [1, 1]),
        ({"uniqueItems": True}, [1, {"a": 1}, {"a": 2}], [{"a": 1, "b": 2}, {"b": 2, "a": 1}]),
        ({"multipleOf": 0.1}, 0.3, 0.35),
        ({"$ref": "#/$defs/city", "$defs": {"city": CITY}}, {"city": "Bern"}, {}),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]}, [1, "x"], ["x"]),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"type": "integer"}]}, [1, "x"], ["x"]),
    ],
)
def test_schemas_mean_what_they_say(schema, good, bad):
    assert found_in(json.dumps(good), json="json_schema", schema=schema) == FINE
    assert found_in(json.dumps(bad), json="json_schema", schema=schema) == (Reason.INVALID_JSON, ())


def doubling():
    defs = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    return {"$defs": {**defs, "a40": {}}, "$ref": "#/$defs/a0"}


def nested(depth):
    schema: dict = {}
    for _ in range(depth):
        schema = {"not": schema}
    return schema


HARMFUL = {
    "no schema": 5,
    "malformed": {"required": "city"},
    "unknown type": {"type": "city"},
    "a remote reference": {"$ref": "http://127.0.0.1:9/schema"},
    "a file": {"$ref": "file:///etc/hostname"},
    "nothing there": {"$ref": "#/$defs/none"},
    "a circle": {"$ref": "#"},
    "a circle of all": {"allOf": [{"$ref": "#"}]},
    "a circle past the keywords": {"unevaluatedProperties": False, "$ref": "#"},
    "exponential": doubling(),
    "deep": nested(5000),
    "long": {"description": "x" * 70_000},
    "back-references": {"additionalProperties": {"pattern": r"(a)\1"}},
    "a pattern that unrolls": {"additionalProperties": {"pattern": "((a{1000}){1000}){1000}"}},
    "a long pattern": {"additionalProperties": {"pattern": "a" * 300}},
    "a draft inside": {"properties": {"city": {"$schema": "https://json-schema.org/draft/2020-12/schema", "pattern": "^(a+)+$"}}},
    "unevaluated patterns": {"patternProperties": {"^(a+)+$": {}}, "unevaluatedProperties": False},
    "no JSON": {"const": {1, 2}},
    "a modulus of nothing": {"properties": {"size": {"multipleOf": 0}}},
}


@pytest.mark.parametrize("schema", HARMFUL.values(), ids=HARMFUL.keys())
def test_a_harmful_or_broken_schema_costs_the_check_alone(schema):
    assert found_in('{"city": "Bern", "size": 3}', json="json_schema", schema=schema) == (None, ("unchecked:invalid_json",))


def test_a_pattern_of_exponential_time_is_matched_in_linear_time():
    schema = {"properties": {"city": {"pattern": "^(a+)+$"}}}
    assert found_in(json.dumps({"city": "a" * 1500 + "!"}), json="json_schema", schema=schema) == (Reason.INVALID_JSON, ())


@pytest.mark.parametrize("text", ["[" * 100_000, '{"n": ' + "9" * 5000 + "}", '{"t": "' + "x" * MOST_CHARACTERS + '"}'])
def test_an_answer_that_is_too_much_is_not_checked(text):
    for complete in (True, False):
        assert found_in(text, json="json_object", complete=complete) == (None, ("unchecked:invalid_json",))


def test_an_answer_in_several_choices_is_not_checked_as_one_text():
    assert found_in("{}{}", json="json_object", choices=2) == (None, ("unchecked:refused", "unchecked:invalid_json"))


@pytest.mark.parametrize("completion", [Completion(tool_calls=(ToolCall("look"),)), Completion(text="", refused=True)])
def test_a_call_or_a_refusal_takes_the_place_of_json(completion):
    assert found(completion, json="json_object", wanted=[Reason.INVALID_JSON]) == FINE


@pytest.mark.parametrize("prefix", ["", " ", "{", "{} ", '{"a', '{"a": tr', '{"a": "x\\u00', "[1.", "-"])
def test_a_beginning_of_json_may_go_on(prefix):
    assert can_become_json(prefix)
    assert found_in(prefix, json="json_object", complete=False) == FINE


@pytest.mark.parametrize(
    "prefix", ["Sure", "```json", '{"a": 1} and that was that, dear friend', "{'a': 'with the wrong quotes'", '{"a": NaN']
)
def test_what_can_no_longer_become_json_is_told_by_its_beginning(prefix):
    assert found_in(prefix, json="json_object", complete=False) == (Reason.INVALID_JSON, ())


# --- invalid_tool_call ----------------------------------------------------------------------------------------------------------------

WEATHER = Tool(name="weather", parameters=CITY)


def found_in_call(name="weather", arguments='{"city": "Bern"}', *, complete=True, tools=(WEATHER,), **contract):
    return found(Completion(tool_calls=(ToolCall(name, arguments),)), complete=complete, tools=tools, **contract)


BAD_CALL = (Reason.INVALID_TOOL_CALL, ())


def test_a_call_as_it_was_offered_is_fine():
    assert found_in_call() == FINE
    assert found_in_call(must_call_tool="weather", must_call=True) == FINE


@pytest.mark.parametrize("arguments", ["{city: Bern}", '["Bern"]', '{"town": "Bern"}', '{"city": "Be', ""])
def test_wrong_arguments_are_invalid_once_the_call_is_complete(arguments):
    assert found_in_call(arguments=arguments) == BAD_CALL
    assert found_in_call(arguments=arguments, complete=False) == FINE


@pytest.mark.parametrize("parameters", [None, {}, {"type": "object"}])
def test_nothing_written_is_no_arguments(parameters):
    assert found_in_call(arguments="", tools=(Tool(name="weather", parameters=parameters),)) == FINE


def test_an_unknown_tool_is_invalid_as_soon_as_its_name_is_there():
    assert found_in_call("climate") == BAD_CALL
    assert found_in_call("climate", "", complete=False) == BAD_CALL
    assert found_in_call("wea", "", complete=False) == FINE  # the name may go on
    assert found_in_call("wea") == BAD_CALL


@pytest.mark.parametrize("contract", [{"tools": ()}, {"knows_all_tools": False}])
def test_where_the_offer_is_not_known_no_tool_is_unknown(contract):
    assert found_in_call("climate", **contract) == FINE


def test_a_call_that_was_due_must_come():
    assert found_in("It is sunny", tools=(WEATHER,), must_call=True) == BAD_CALL
    assert found_in("It is sunny", tools=(WEATHER,)) == FINE
    assert found_in("It is", tools=(WEATHER,), must_call=True, complete=False) == FINE
    other = Tool(name="climate")
    assert found_in_call("climate", "{}", tools=(WEATHER, other), must_call=True, must_call_tool="weather") == BAD_CALL


def test_a_broken_schema_of_a_tool_costs_the_check_alone():
    assert found_in_call(tools=(Tool(name="weather", parameters={"$ref": "#"}),)) == (None, ("unchecked:invalid_tool_call",))


# --- language_mismatch ----------------------------------------------------------------------------------------------------------------

ENGLISH = "The sky is blue because the air scatters the short waves of the light more than the long ones."
GERMAN = "Der Himmel ist blau, weil die Luft das kurzwellige Licht stärker streut als das langwellige Licht."


def test_an_answer_in_another_language_is_a_mismatch():
    assert found_in(ENGLISH, language="de") == (Reason.LANGUAGE_MISMATCH, ())
    assert found_in(GERMAN, language="de") == FINE


@pytest.mark.parametrize(
    ("text", "contract"),
    [
        (ENGLISH, {"language": "unknown"}),
        ("In the end it is Bern.", {"language": "de"}),
        (f"Hier:\n```python\n# {ENGLISH}\n", {"language": "de"}),
        ("Og det er en god dag, for jeg har ikke set hvad han skriver til mig om det som de har.", {"language": "no"}),
        ("zzz " * 40, {"language": "de"}),
    ],
    ids=["unknown prompt", "short", "code", "a neighbour", "unknown answer"],
)
def test_what_is_not_sure_is_no_mismatch(text, contract):
    assert found_in(text, **contract) == FINE


def test_a_beginning_and_json_have_no_language():
    assert found_in(ENGLISH, language="de", complete=False) == FINE
    assert found_in(json.dumps({"explanation": ENGLISH}), language="de", json="json_object") == FINE
