"""A real small model on the first rung, simulated ones above it: prompts, whole and streamed, through a real proxy."""

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from harness.configs import PRICES, cascade_config, model
from harness.spend import Spend

from litellm_cascade.testing.llama_server import LlamaServer, missing_packages
from litellm_cascade.testing.telemetry import TraceParent

pytestmark = [
    pytest.mark.real_llm,
    pytest.mark.skipif(bool(missing_packages()), reason=f"not installed: {', '.join(missing_packages())} (make test-real-llm)"),
]

POLICIES = Path(__file__).parents[2] / "policies"
MARK_OF_LARGE = "[simulated large]"
KNOWN_TO_THE_SMALL_MODEL = (  # it answers these in one short sentence, with log-probabilities far above the gate
    "What is the chemical symbol for gold?",
    "What is the capital of Norway?",
    "What is the capital of Australia?",
    "What is the capital of Japan?",
    "What is the capital of Egypt?",
)
BEYOND_IT = (
    "Name a colour.",
    "Answer yes or no: is water wet?",
    "Write a poem about rivers.",
    "用中文解释量子纠缠。",
    "Who won the battle of Lepanto, and why did it matter for Venetian trade?",
)
SQL = ("Rewrite this query:\n```sql\nSELECT name FROM users WHERE age > 30 ORDER BY name\n```",)
FOR_ANYONE = ("Rewrite in plain words: the party of the first part shall indemnify the party of the second part.",)
PROMPTS = (*KNOWN_TO_THE_SMALL_MODEL, *BEYOND_IT, *SQL, *FOR_ANYONE)


@dataclass(frozen=True, kw_only=True)
class Told:
    prompt: str
    stream: bool
    status: int
    headers: dict[str, str]
    choices: list[dict]
    trace: TraceParent

    @property
    def text(self):
        said = [choice.get("delta" if self.stream else "message") or {} for choice in self.choices]
        return "".join(part.get("content") or "" for part in said)

    @property
    def logprobs(self):
        return [entry for choice in self.choices for entry in (choice.get("logprobs") or {}).get("content") or ()]

    @property
    def attempts(self):
        return self.headers.get("attempts", "").split(",")

    @property
    def cascaded(self):
        return self.headers["band"] == "cascade"


@pytest.fixture(scope="module")
def proxy(start_proxy):
    with LlamaServer() as llama:
        yield start_proxy(config_with_a_real_small_model(llama.url))


@pytest.fixture(scope="module")
def ledger(spend_file):
    """Every spend row from before the first question on."""
    return Spend(spend_file)


@pytest.fixture(scope="module")
def answers(proxy, ledger):
    with proxy.client() as client:
        return [ask(client, prompt, stream=stream) for prompt, stream in product(PROMPTS, (False, True))]


def config_with_a_real_small_model(llama_url):
    config = cascade_config(llama_url, callback_settings={"cascade": {"policies": str(POLICIES), "debug_headers": True}})
    simulated = {"provider": "simulated", "custom_handler": "litellm_cascade.proxy.simulated_provider.simulated"}
    config["litellm_settings"]["custom_provider_map"].append(simulated)
    virtual = next(entry for entry in config["model_list"] if entry["model_name"] == "auto")
    virtual["litellm_params"]["model"] = "cascade/balanced"
    config["model_list"] = [virtual, model("small", llama_url, model="openai/smollm2"), *map(simulated_model, ("sql", "large"))]
    return config


def simulated_model(name):
    prices = dict.fromkeys(("input_cost_per_token", "output_cost_per_token"), PRICES[name])
    return {"model_name": name, "litellm_params": {"model": f"simulated/{name}", **prices}}


def ask(client, prompt, *, stream, **parameters):
    trace = TraceParent()
    body = {"model": "auto", "messages": [{"role": "user", "content": prompt}], "max_tokens": 48, "temperature": 0, "stream": stream}
    response = client.post("/v1/chat/completions", json=body | parameters, headers=trace.headers)
    events = [json.loads(line.removeprefix("data: ")) for line in response.text.splitlines() if line.startswith("data: {")]
    return Told(
        prompt=prompt,
        stream=stream,
        status=response.status_code,
        headers={name.removeprefix("x-cascade-"): value for name, value in response.headers.items() if name.startswith("x-cascade-")},
        choices=[choice for event in (events if stream else [response.json()]) for choice in event.get("choices", ())],
        trace=trace,
    )


def test_every_prompt_is_answered(answers):
    assert [(told.prompt, told.stream) for told in answers if told.status != 200 or not told.text.strip()] == []


def test_the_headers_name_the_author_of_the_answer(answers):
    assert [told for told in answers if (told.headers["model"] == "large") != told.text.startswith(MARK_OF_LARGE)] == []
    assert [told for told in answers if told.headers["model"] == "small" and "[simulated" in told.text] == []
    assert [told for told in answers if told.headers["model"] == "large" and told.text.count(MARK_OF_LARGE) != 1] == []


def test_sql_goes_to_its_specialist(answers):
    sent = [told for told in answers if told.prompt in SQL]
    assert {(told.headers["band"], told.headers["model"], told.headers["reason"]) for told in sent} == {("small", "sql", "direct")}
    assert all(told.text.startswith("[simulated sql]") for told in sent)


@pytest.mark.parametrize("stream", [False, True])
def test_sure_answers_of_a_real_model_are_accepted(answers, stream):
    accepted = [told for told in answers if told.stream is stream and told.cascaded and told.headers["escalated"] == "false"]
    assert set(KNOWN_TO_THE_SMALL_MODEL) & {told.prompt for told in accepted}
    assert {(told.headers["model"], told.headers["reason"], *told.attempts) for told in accepted} == {("small", "confident", "small")}


@pytest.mark.parametrize("stream", [False, True])
def test_unsure_answers_of_a_real_model_are_replaced(answers, stream):
    escalated = [told for told in answers if told.stream is stream and told.cascaded and told.headers["escalated"] == "true"]
    assert set(BEYOND_IT) & {told.prompt for told in escalated}
    assert {(told.headers["model"], *told.attempts) for told in escalated} == {("large", "small", "large")}
    assert {told.headers["reason"] for told in escalated} <= {"low_confidence", "truncated", "empty"}


def test_the_log_probabilities_of_a_real_model_are_understood(answers):
    judged = [told.headers["confidence"] for told in answers if told.cascaded]
    assert judged
    assert [confidence for confidence in judged if "unknown" in confidence] == []


def test_a_client_that_did_not_ask_for_log_probabilities_sees_none(answers):
    assert [told.prompt for told in answers if told.logprobs] == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_asked_for_log_probabilities_has_those_of_the_real_model(proxy, stream):
    with proxy.client() as client:
        told = ask(client, "What is the capital of Japan?", stream=stream, logprobs=True, top_logprobs=2)
    assert told.headers["model"] == "small"
    assert "".join(entry["token"] for entry in told.logprobs) == told.text
    assert all(entry["logprob"] <= 0 and len(entry["top_logprobs"]) == 2 for entry in told.logprobs if entry["token"])


def test_both_rungs_are_billed_once_and_the_virtual_model_is_free(answers, ledger):
    for told in (told for told in answers if told.cascaded):
        rows = ledger.wait_rows(len(told.attempts) + 1, trace=told.trace.trace_id)
        bills = {row["standard_logging_object"]["model_group"]: row["standard_logging_object"] for row in rows}
        assert len(rows) == len(bills)
        assert bills.keys() == {"auto", *told.attempts}
        assert bills["auto"]["response_cost"] == 0
        assert tokens(bills["auto"]) == tokens(bills[told.headers["model"]])
        for alias in told.attempts:
            assert bills[alias]["response_cost"] == pytest.approx(PRICES[alias] * sum(tokens(bills[alias])))
            assert min(tokens(bills[alias])) > 0


def test_the_proxy_logs_no_fault(answers, proxy):
    faults = ("Traceback", "never retrieved", "ended span", "never awaited")
    assert [line for line in proxy.log().splitlines() if any(fault in line for fault in faults)] == []


def tokens(bill):
    return bill["prompt_tokens"], bill["completion_tokens"]
