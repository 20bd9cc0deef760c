from __future__ import annotations

import json

import httpx
import pytest

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.asking import Asker, Asking, Prompt
from litellm_cascade.offline.prompt_report import Answered, report
from litellm_cascade.offline.send_prompts import main, read_prompts, sample

PROMPTS = [Prompt(id=f"{number}", text=f"prompt {number}") for number in range(20)]
TOLD = {
    "x-litellm-version": "1.2.3",
    "x-cascade-policy": "test",
    "x-cascade-band": "cascade",
    "x-cascade-model": "large",
    "x-cascade-escalated": "true",
    "x-cascade-reason": "low_confidence",
    "x-cascade-confidence": "mean=-0.5000; accept_at=-0.35",
}


def answer(request):
    """As the plugin's proxy would: the small model was not sure."""
    if request.url.path == "/v1/models":
        return httpx.Response(200, json={"data": [{"id": "small"}, {"id": "auto"}]})
    if json.loads(request.content)["stream"]:
        return httpx.Response(
            200, headers={**TOLD, "content-type": "text/event-stream"}, text=events({"role": "assistant"}, {"content": "Paris"})
        )
    return httpx.Response(200, headers=TOLD, json={"choices": [{"message": {"content": "Paris"}}]})


def events(*deltas):
    return "".join(f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n" for delta in deltas) + "data: [DONE]\n\n"


def asker(respond=answer, **asking):
    return Asker(httpx.AsyncClient(transport=httpx.MockTransport(respond), base_url="http://proxy"), Asking(**asking))


def one(**changes):
    known = {
        "prompt": "1",
        "source": "s",
        "language": "en",
        "streamed": False,
        "status": 200,
        "total_ms": 10.0,
        "band": "cascade",
        "model": "small",
    }
    return Answered(**(known | changes))


# --- prompts -----------------------------------------------------------------------------------------------------------------------


def test_prompts_are_read_with_what_is_known_of_them(tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "a\u2028b", "id": "x", "source": "s", "lang": "en"}\n\n{"prompt": "c"}\n', encoding="utf-8")
    assert read_prompts(file) == [
        Prompt(id="x", text="a\u2028b", source="s", language="en"),
        Prompt(id=f"{file}:3", text="c"),
    ]


@pytest.mark.parametrize("line", ["no JSON", "[]", '{"text": "a"}', '{"prompt": null}'])
def test_a_line_without_a_prompt_is_named(tmp_path, line):
    file = tmp_path / "prompts.jsonl"
    file.write_text(f'{{"prompt": "a"}}\n{line}\n')
    with pytest.raises(ConfigurationError, match=r"prompts.jsonl:2: not a JSON object with `prompt`"):
        read_prompts(file)


def test_a_sample_is_the_seeds():
    assert sample(PROMPTS, 5, seed=7) == sample(PROMPTS, 5, seed=7) != sample(PROMPTS, 5, seed=8)


def test_a_sample_repeats_no_prompt_and_takes_what_there_is():
    assert sorted(prompt.id for prompt in sample(PROMPTS, 300, seed=7)) == sorted(prompt.id for prompt in PROMPTS)


# --- asking ------------------------------------------------------------------------------------------------------------------------


async def test_every_prompt_is_asked_once_alternately_whole_and_streamed():
    answers = await asker(concurrency=3).ask_all(PROMPTS, advance=lambda: None)
    assert [found.prompt for found in answers] == [prompt.id for prompt in PROMPTS]
    assert [found.streamed for found in answers[:4]] == [False, True, False, True]


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_is_what_its_headers_say(streamed):
    asking = asker()
    found = await asking.ask(PROMPTS[0], streamed=streamed)
    assert (found.status, found.error, found.band, found.model, found.escalated) == (200, "", "cascade", "large", True)
    assert (found.reason, found.confidence, found.first_token_ms is not None) == ("low_confidence", -0.5, streamed)
    assert asking.told == {"x-litellm-version": "1.2.3", "x-cascade-policy": "test"}


def broken(request):
    raise httpx.ReadTimeout("late", request=request)


STREAM = {"content-type": "text/event-stream"}


@pytest.mark.parametrize(
    ("respond", "error"),
    [
        pytest.param(lambda _: httpx.Response(500, json={"error": {"message": "no luck"}}), "HTTP 500: no luck", id="error"),
        pytest.param(lambda _: httpx.Response(502, text="<html>"), "HTTP 502", id="error of something in between"),
        pytest.param(broken, "ReadTimeout", id="no response"),
        pytest.param(lambda _: httpx.Response(200, json={"choices": [{"message": {"content": None}}]}), "an empty answer", id="empty"),
        pytest.param(lambda _: httpx.Response(200, headers=STREAM, text=events()), "an empty answer", id="empty stream"),
        pytest.param(
            lambda _: httpx.Response(200, headers=STREAM, text='data: {"error": {"message": "gone"}}\n\n'),
            "in the stream: gone",
            id="in a stream",
        ),
    ],
)
async def test_what_goes_wrong_is_in_the_result(respond, error):
    found = await asker(respond).ask(PROMPTS[0], streamed=True)
    assert (found.error, found.branch) == (error, "not answered")


@pytest.mark.parametrize(
    ("respond", "sentence"),
    [
        pytest.param(broken, r"no proxy answers at http://proxy \(ReadTimeout\); start it", id="no proxy"),
        pytest.param(lambda _: httpx.Response(401), r"does not list its models \(HTTP 401\); is the key", id="key refused"),
        pytest.param(
            lambda _: httpx.Response(200, json={"data": [{"id": "small"}]}),
            "no model 'auto'; choose one of those that it has: small",
            id="no such model",
        ),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_one_clear_sentence(respond, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        await asker(respond).check()


async def test_a_proxy_with_the_model_is_fit_to_be_asked():
    assert await asker().check() is None


# --- the report --------------------------------------------------------------------------------------------------------------------


def test_the_report_counts_branches_escalations_and_reasons():
    answers = [
        one(reason="confident", confidence=-0.1),
        one(model="large", escalated=True, reason="low_confidence", confidence=-0.5),
        one(model="large", escalated=True, reason="low_confidence", confidence=-0.7, streamed=True, first_token_ms=4.0),
        one(band="small", model="sql"),
    ]
    text = report(answers, {"prompts": "4 of 4"})
    assert "| cascade, small accepted | 1 | 25.0% | 1 | 10 / 10 | 0 | - | - |" in text
    assert "| cascade, escalated to large | 2 | 50.0% | 1 | 10 / 10 | 1 | 4 / 4 | 10 / 10 |" in text
    assert "| sent to sql | 1 | 25.0% |" in text
    assert "Escalated, of the cascaded: 2 of 3 (66.7%); 1 of 2 whole (50.0%); 1 of 1 streamed (100.0%)." in text
    assert "| low_confidence | 1 | 1 |" in text
    assert "| whole | 2 | -0.48 |" in text
    assert "Errors: none." in text
    assert text.endswith("- prompts: 4 of 4")


def test_the_report_shows_errors_and_degradations():
    text = report([one(error="HTTP 500: no luck"), one(degraded="small_failed", model="large", escalated=True)], {})
    assert "Errors: 1 times HTTP 500: no luck." in text
    assert "Degraded: 1 times small_failed." in text
    assert "| not answered | 1 |" in text


def test_the_report_of_a_proxy_without_cascades_says_so():
    assert "Nothing was cascaded." in report([one(band="", model="")], {})


# --- the command -------------------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_one_clear_sentence(tmp_path):
    with pytest.raises(SystemExit, match=r"nothing.jsonl cannot be read \(FileNotFoundError\); name a file of prompts with --prompts"):
        main(["--prompts", str(tmp_path / "nothing.jsonl")])


def test_a_missing_key_is_one_clear_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_KEY", raising=False)
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "a"}\n')
    with pytest.raises(SystemExit, match="the environment variable NO_KEY is empty"):
        main(["--prompts", str(tmp_path / "prompts.jsonl"), "--key-env", "NO_KEY"])
