"""`cascade bench mmlu` and `routerarena`, on made-up records in the form of the real ones."""

import asyncio
import json

import httpx
import polars as pl
import pytest
from typer.testing import CliRunner

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.resuming import Parts
from litellm_cascade.offline.bench_questions.arena import arena_score
from litellm_cascade.offline.bench_questions.live import Question, answered_by, is_right, read_questions
from litellm_cascade.offline.cli import app
from routing_records import write_pairs


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CASCADE_DATA", raising=False)
    monkeypatch.delenv("LITELLM_MASTER_KEY", raising=False)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["bench", *arguments])


def rows_in(file):
    return {row["method"]: row for row in json.loads(file.read_text())["rows"]}


def test_the_score_is_the_formula():
    assert arena_score(0.7, 0.0044) == pytest.approx(1.1 * 0.7 / 1.07), "C is 1 at the cheapest"
    assert arena_score(0.9, 200.0) == 0.0, "and 0 at the dearest"
    assert arena_score(0.9, 1e9) == 0.0
    assert arena_score(0.7, 1.0) == pytest.approx(0.6744, abs=1e-4)
    assert arena_score(0.7, 0.1) > arena_score(0.7, 1.0) > arena_score(0.6, 1.0)
    assert arena_score(0.0, 1.0) == 0.0


def test_arena_rows_are_scored_and_not_fitted_on(folder):
    write_pairs(folder / "arena", pairs=("arena",), n=80, source="routerarena")
    write_pairs(folder / "other", pairs=("first", "second"), n=150, seed=5)
    result = run("routerarena", "--data", "arena", "--fit", "other", "--draws", "20", "--json", "out.json", "--html", "out.html")
    assert result.exit_code == 0, result.output
    rows = rows_in(folder / "out.json")
    assert {"always tiny", "always huge", "oracle", "random, 50%", "prompt length, 50%", "gain, other benchmarks only, 50%"} <= rows.keys()
    assert not any("chances" in method or "ensemble" in method for method in rows)
    assert rows["always huge"]["score"] == pytest.approx(arena_score(rows["always huge"]["accuracy"], 2.0), abs=1e-6)
    assert rows["oracle"]["score"] > rows["gain, other benchmarks only, 50%"]["score"] > rows["random, 50%"]["score"]
    assert rows["random, 50%"]["score_low"] <= rows["random, 50%"]["score"] <= rows["random, 50%"]["score_high"]
    assert (folder / "out.html").exists()


def test_arena_without_its_rows_or_prices_is_told(folder):
    write_pairs(folder / "other", pairs=("first",), n=60)
    write_pairs(folder / "free", pairs=("arena",), n=60, source="routerarena", dollars=False)
    nothing, unpriced = run("routerarena", "--data", "other"), run("routerarena", "--data", "free")
    assert (nothing.exit_code, unpriced.exit_code) == (1, 1)
    assert "no pair of this folder is from RouterArena" in nothing.stderr
    assert "'arena' has no prices" in unpriced.stderr


def test_a_recorded_set_is_routed_beside_single_models(folder):
    write_pairs(folder / "data", pairs=("first",), n=120)
    result = run("mmlu", "--data", "data", "--draws", "20", "--json", "out.json", "--html", "out.html")
    assert result.exit_code == 0, result.output
    rows = rows_in(folder / "out.json")
    routed, small, large = (rows[name] for name in ("policy by_complexity", "always small (tiny)", "always large (huge)"))
    assert routed["usage"]["large"] == pytest.approx(0.5, abs=0.1)
    assert (small["latency_ms"], large["latency_ms"]) == (pytest.approx(100), pytest.approx(900))
    assert (small["cost_usd"], large["cost_usd"]) == (pytest.approx(0.0001), pytest.approx(0.002))
    assert small["latency_ms"] < routed["latency_ms"] < large["latency_ms"]
    assert rows["random"]["usage"] == pytest.approx(routed["usage"])
    assert rows["oracle"]["accuracy"] >= large["accuracy"] >= small["accuracy"]


def test_a_policy_of_other_aliases_and_a_model_without_rows_are_told(folder):
    write_pairs(folder / "data", pairs=("first",), n=60)
    other = run("mmlu", "--data", "data", "--policy", "sql_workshop")
    scores = folder / "data/routing_scores.parquet"
    pl.read_parquet(scores).filter(pl.col("model") != "huge").write_parquet(scores)
    lacking = run("mmlu", "--data", "data")
    assert (other.exit_code, lacking.exit_code) == (1, 1)
    assert "'sql_workshop' asks 'sql'" in other.stderr
    assert "has no row of 'huge'" in lacking.stderr


@pytest.mark.parametrize(
    ("said", "answer", "right"),
    [
        ("The answer is B.", "B", True),
        ("A or B? I say A", "B", False),
        ("Because of this, 1,200 dollars", "1200", True),
        ("It is 12", "13", False),
        ("It was Marie Curie, of course", "marie curie", True),
        ("", "C", False),
    ],
)
def test_answers_are_graded_by_their_last_letter_or_number(said, answer, right):
    assert is_right(said, answer) is right


def test_questions_without_a_group_are_not_of_one(folder):
    rows = [{"prompt": f"{number}?", "answer": 1, "group": group} for number, group in enumerate((None, None, "", 0, "0"))]
    (folder / "some.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [one.group for one in read_questions(folder / "some.jsonl")] == ["question 0", "question 1", "question 2", "0", "0"]


def test_questions_are_read_or_told(folder):
    (folder / "good.jsonl").write_text('{"prompt": "1+1?", "answer": 2, "group": "sums"}\n\n{"prompt": "2+2?", "answer": "4"}\n')
    found = read_questions(folder / "good.jsonl")
    assert [(one.text, one.answer, one.group) for one in found] == [("1+1?", "2", "sums"), ("2+2?", "4", "question 1")]
    (folder / "bad.jsonl").write_text('{"prompt": "1+1?"}\n')
    (folder / "empty.jsonl").write_text("\n")
    for name, sentence in (("bad", "bad.jsonl:1: is no JSON object"), ("empty", "holds no question")):
        result = run("mmlu", "--questions", f"{name}.jsonl", "--data", ".")
        assert result.exit_code == 1
        assert sentence in result.stderr or "LITELLM_MASTER_KEY is empty" in result.stderr


@pytest.mark.parametrize("answer", ["", " ", None])
def test_a_question_that_any_answer_would_be_right_to_is_told(folder, answer):
    rows = [{"prompt": "1+1?", "answer": 0}, {"prompt": "2+2?", "answer": answer}]
    (folder / "bad.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8-sig")
    with pytest.raises(ConfigurationError, match=r"bad.jsonl: question 2 has an empty `prompt` or `answer`; leave it out"):
        read_questions(folder / "bad.jsonl")


@pytest.mark.parametrize(
    ("url", "key", "code", "message"),
    [
        ("http://[::", "sk-1", 2, "'http://[::' is no URL"),
        ("http://127.0.0.1:9", "sk-\xe9", 1, "LITELLM_MASTER_KEY has characters that no key has"),
    ],
)
@pytest.mark.parametrize(
    "command", ["bench mmlu --questions good.jsonl", "label --prompts p --aliases a,b --judge b --out out --max-usd 1"]
)
def test_a_proxy_that_cannot_be_asked_is_told(folder, monkeypatch, command, url, key, code, message):
    (folder / "good.jsonl").write_text('{"prompt": "1+1?", "answer": 2}\n')
    (folder / "p").write_text('{"messages": [{"role": "user", "content": "1+1?"}]}\n')
    monkeypatch.setenv("LITELLM_MASTER_KEY", key)
    result = CliRunner().invoke(app, [*command.split(), "--url", url])
    assert (result.exit_code, message in result.stderr.replace("\n", " ")) == (code, True), result.output


def proxy(request):
    """As much of a proxy as is asked: two models, the second of which is told to have been answered by the first."""
    if request.url.path == "/v1/models":
        return httpx.Response(200, json={"data": [{"id": "small"}, {"id": "auto"}, {"id": "priced"}]})
    body = json.loads(request.content)
    if "fail" in body["messages"][0]["content"]:
        return httpx.Response(500, json={"error": {"message": "no"}})
    headers = {"auto": {"x-cascade-model": "small", "x-cascade-cost-usd": "0.25"}, "priced": {"x-litellm-response-cost": "0.5"}}
    return httpx.Response(200, headers=headers.get(body["model"], {}), json={"choices": [{"message": {"content": "The answer: 4"}}]})


def asked(model, *prompts):
    questions = [Question(text=prompt, answer="4", group="g") for prompt in prompts]

    async def ask():
        async with httpx.AsyncClient(base_url="http://proxy", transport=httpx.MockTransport(proxy)) as client:
            return await answered_by(client, model, questions, max_tokens=8, parts=Parts(folder=None, key={}), advance=lambda: None)

    return asyncio.run(ask())


def test_a_proxy_is_asked_and_says_who_answered():
    (routed, _) = asked("auto", "2+2?", "3+1?")
    (alone,) = asked("small", "2+2?")
    (priced,) = asked("priced", "2+2?")
    assert priced.cost_usd == 0.5
    assert (routed.alias, routed.correct, routed.cost_usd) == ("small", 1.0, 0.25)
    assert (alone.alias, alone.cost_usd) == ("small", None)
    assert routed.latency_ms > 0


def test_a_model_that_is_not_there_or_does_not_answer_is_told():
    with pytest.raises(ConfigurationError, match="has no model 'large'"):
        asked("large", "2+2?")
    with pytest.raises(ConfigurationError, match=r"'auto' did not answer a question \(HTTP 500\)"):
        asked("auto", "fail")
