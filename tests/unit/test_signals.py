# ruff: noqa: RUF001 -- other scripts have letters of their own
import pytest

from litellm_cascade.signals import read_signals
from litellm_cascade.signals.language import find_language
from litellm_cascade.signals.markup import find_markup
from litellm_cascade.signals.mime_types import known_type
from litellm_cascade.signals.output import USUAL
from litellm_cascade.vocabulary import Attachment, Endpoint, Envelope, Hints, Request, Signals, Turn

ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="default")


def request(*turns: Turn, **fields) -> Request:
    return Request(envelope=ENVELOPE, turns=turns, **fields)


def user(text: str, **fields) -> Turn:
    return Turn(role="user", text=text, **fields)


def test_a_whole_request_becomes_one_value():
    asked = request(
        Turn(role="system", text="You are terse."),
        user("What is on this picture?", attachments=(Attachment(modality="image", mime_type="image/png"),)),
        Turn(role="assistant", text="", tool_calls=1),
        Turn(role="tool", text='{"label": "cat"}'),
        tools=("look",),
        response_format="json_schema",
        temperature=0.2,
        max_output_tokens=64,
        choices=2,
        hints=Hints(quality="high", urgency="low", latency_budget_ms=800.0),
    )
    assert read_signals(asked) == Signals(
        input_tokens=387,
        turns=4,
        turn=1,
        modalities=("text", "image"),
        attachments=1,
        mime_types=("image/png",),
        markup=("json",),
        tools=1,
        tool_results=1,
        continues_tool_call=True,
        response_format="json_schema",
        temperature=0.2,
        language="en",
        max_output_tokens=64,
        predicted_output_tokens=64,
        choices=2,
        quality_requirement="high",
        urgency="low",
        latency_budget_ms=800.0,
    )


def test_an_empty_request_is_text_in_an_unknown_language():
    assert read_signals(request()) == Signals(predicted_output_tokens=USUAL)


def test_an_image_alone_is_not_text():
    assert read_signals(request(user("", attachments=(Attachment(modality="image"),)))).modalities == ("image",)


def test_a_modality_nobody_heard_of_is_a_file():
    assert read_signals(request(user("x", attachments=(Attachment(modality="hologram"),)))).modalities == ("text", "file")


def test_a_level_nobody_heard_of_is_unspecified():
    signals = read_signals(request(hints=Hints(quality="secret words", urgency="")))
    assert (signals.quality_requirement, signals.urgency) == ("unspecified", "unspecified")


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("application/pdf", "application/pdf"),
        ("IMAGE/JPG; charset=binary", "image/jpeg"),
        ("wav", "audio/wav"),
        ("mp3", "audio/mpeg"),
        ("image/secret words", "image/other"),
        ("application/x-malware", "application/other"),
        ("secret words", "other"),
        ("", "other"),
    ],
)
def test_a_mime_type_is_one_of_a_closed_list(written, known):
    assert known_type(written) == known


def test_each_mime_type_is_named_once_and_in_order():
    parts = [Attachment(modality="image", mime_type=kind) for kind in ("image/png", None, "image/gif", "image/png")]
    assert read_signals(request(user("x", attachments=tuple(parts)))).mime_types == ("image/gif", "image/png")


def test_an_unknown_response_format_does_not_reach_a_policy():
    assert read_signals(request(response_format="secret words")).response_format == "text"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Please tell me about the best import and export rules for a class of goods.", ()),
        ("select the best item from the menu", ()),
        ("a < b and c > d", ()),
        ("<note><to>Ann</to></note>", ("xml",)),
        ("<?xml version='1.0'?>", ("xml",)),
        ('{"name": "Ann", "age": 3}', ("json",)),
        ("def area(r):\n    return r * r", ("code",)),
        ("see\n```\nx = 1\n```", ("code",)),
        ("```rust\nfn main() {}\n```", ("code",)),
        ("```text\nhello\n```", ()),
        ("```json\n[1]\n```", ("json",)),
        ("```SQL\nvacuum\n```", ("sql",)),
        ("#include <stdio.h>", ("code",)),
        ("public class Main {", ("code",)),
        ("SELECT name FROM users WHERE id = 1", ("sql",)),
        ("why is select * from users slow?", ("sql",)),
        ("WITH recent AS (SELECT 1) SELECT 2", ("sql",)),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", ("markdown_table",)),
    ],
)
def test_markup_is_found_where_it_is_and_nowhere_else(text, kinds):
    assert find_markup(text) == kinds


def test_the_operators_system_prompt_is_not_the_callers_markup():
    asked = request(Turn(role="system", text="<rules>be kind</rules>"), user("hello there"))
    assert read_signals(asked).markup == ()


def test_markup_in_the_newest_turn_is_found_after_a_long_conversation():
    asked = request(user("word " * 50_000), user("<b>now</b>"))
    assert read_signals(asked).markup == ("xml",)


def test_markup_at_the_end_of_a_long_turn_is_found():
    assert read_signals(request(user("word " * 50_000 + '{"key": 1}'))).markup == ("json",)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "What is the capital of France, and how do I get there?"),
        ("de", "Was ist die Hauptstadt von Frankreich und wie komme ich dahin?"),
        ("fr", "Quelle est la capitale de la France et comment y aller ?"),
        ("es", "¿Cuál es la capital de Francia y cómo puedo llegar?"),
        ("it", "Qual è la capitale della Francia e come ci arrivo?"),
        ("pt", "Qual é a capital da França e como eu chego em casa?"),
        ("nl", "Wat is de hoofdstad van Frankrijk en hoe kom ik daar?"),
        ("pl", "Jak się nazywa stolica Francji i kiedy można do niej dojechać?"),
        ("sv", "Vad är huvudstaden i Frankrike och hur kommer jag dit från Sverige?"),
        ("tr", "Fransa için bir gezi planı yaz ve ne kadar tutar söyle."),
        ("ru", "Как называется столица Франции и как туда доехать?"),
        ("uk", "Як називається столиця Франції та як до неї доїхати, чи є потяг?"),
        ("el", "Ποια είναι η πρωτεύουσα της Γαλλίας;"),
        ("ar", "ما هي عاصمة فرنسا وكيف أصل إليها"),
        ("fa", "پایتخت فرانسه کجاست و چگونه به آنجا بروم"),
        ("ur", "فرانس کا دارالحکومت کیا ہے اور میں وہاں کیسے پہنچوں"),
        ("he", "מהי בירת צרפת ואיך מגיעים לשם"),
        ("hi", "फ्रांस की राजधानी क्या है"),
        ("th", "เมืองหลวงของฝรั่งเศสคืออะไร"),
        ("zh", "法国的首都是哪里？"),
        ("ja", "フランスの首都はどこですか。"),
        ("ko", "프랑스의 수도는 어디입니까"),
        ("zh", "请介绍一下 Albert Einstein 的生平和主要科学成就。"),
    ],
)
def test_a_plain_question_shows_its_language(language, text):
    assert find_language(text) == language


@pytest.mark.parametrize("text", ["", "ok", "42 + 17 = ?", "🎉🎉", "x^2 + y^2", "Łódź", "ქართული ენა", "мир", "ഭാഷ"])
def test_too_little_to_go_by_is_an_unknown_language(text):
    assert find_language(text) == "unknown"
