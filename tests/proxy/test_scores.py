"""Every score of every part of an answer, as a running proxy finds it: whole and streamed, on all endpoints, as servers differ in it."""

from itertools import pairwise
from math import exp, log
from statistics import fmean, quantiles

import pytest
from harness.configs import cascade_config
from harness.dialects import ALL, DIALECTS, every

from litellm_cascade.testing.upstream import Reply, ToolCall
from litellm_cascade.vocabulary import TokenLogprob

POLICY = """
version: 1
name: {name}
models: {{small: {{tier: budget}}, large: {{tier: premium}}}}
routes: [{{name: all, cascade: [small, large], gate: any}}]
gates: {{any: {{confidence: {{score: {score}, of: {of}{more}}}, accept_at: {accept_at}, stream: {{judge: full}}}}}}
"""
MORE = {"quantile": ", q: 0.25", "lowest_group": ", window: 2"}


def token(text, *top):
    return TokenLogprob(text, top[0], top)


SAID = [
    token("<think>", -0.02, -4.0),
    token("cold", -1.6, -1.7, -2.0),
    token("</think>", -0.01, -5.0),
    token('{"name": "weather", ', -0.3, -1.5),
    token('"arguments": ', -0.05, -3.5),
    token('{"city": ', -0.2, -1.9),
    token('"Bern"', -0.7, -0.8, -3.0),
    token("}", -0.04, -3.3),
    token("}", -0.03, -3.6),
]
PARTS = {
    "all": range(9),
    "reasoning_and_answer": range(9),
    "answer": range(3, 9),
    "tool_arguments": (5, 6, 7),
    "json_values": (3, 6),
}
"""Which of them each part has."""


def certainty(top):
    chances = [exp(logprob) / sum(map(exp, top)) for logprob in top]
    return 1 + sum(chance * log(chance) for chance in chances) / log(len(top))


FORMULAS = {
    "mean": lambda tokens: fmean(token.logprob for token in tokens),
    "min": lambda tokens: min(token.logprob for token in tokens),
    "sum": lambda tokens: sum(token.logprob for token in tokens),
    "quantile": lambda tokens: quantiles([token.logprob for token in tokens], n=4, method="inclusive")[0],
    "lowest_group": lambda tokens: min(fmean((one.logprob, other.logprob)) for one, other in pairwise(tokens)),
    "margin": lambda tokens: fmean(exp(token.top[0]) - exp(token.top[1]) for token in tokens),
    "entropy": lambda tokens: fmean(certainty(token.top) for token in tokens),
}
"""By hand, or by the standard library."""


def model_of(score, of):
    return f"{score}-{of}"


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server, tmp_path_factory):
    """One virtual model for each score of each part, whose gate lets everything pass."""
    folder = tmp_path_factory.mktemp("scores")
    config = cascade_config(upstream_server.url, callback_settings={"cascade": {"policies": str(folder), "debug_headers": True}})
    config["model_list"].pop()
    for score in FORMULAS:
        for of in PARTS:
            name, accept_at = model_of(score, of), 0 if score in ("margin", "entropy") else -99
            policy = POLICY.format(name=name, score=score, of=of, more=MORE.get(score, ""), accept_at=accept_at)
            (folder / f"{name}.yaml").write_text(policy)
            config["model_list"].append({"model_name": name, "litellm_params": {"model": f"cascade/{name}"}})
    return start_proxy(config)


def found(heard, score):
    """The score as the header has it."""
    name, _, number = heard.cascade("confidence").partition(";")[0].partition("=")
    assert (heard.status, name) == (200, score)
    return float(number)


def expected(score, of):
    return pytest.approx(FORMULAS[score]([SAID[place] for place in PARTS[of]]), abs=1e-4)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("of", PARTS)
@pytest.mark.parametrize("score", FORMULAS)
def test_a_score_is_of_the_part_that_was_asked_for(client, upstream, score, of, stream):
    upstream.script("small", Reply(tokens=SAID))
    heard = DIALECTS["chat"].ask(client, "hello", model=model_of(score, of), stream=stream)
    assert found(heard, score) == expected(score, of)


@every(*ALL)
@pytest.mark.parametrize("of", PARTS)
def test_on_every_endpoint(client, upstream, of, dialect, stream):
    upstream.script("small", Reply(tokens=SAID))
    assert found(dialect.ask(client, "hello", model=model_of("mean", of), stream=stream), "mean") == expected("mean", of)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("score", FORMULAS)
@pytest.mark.parametrize("server", ["openai", "vllm", "llama_cpp"])
def test_however_a_server_writes_them(client, upstream, score, server, stream):
    upstream.script("small", Reply(tokens=SAID, dialect=server, logprob=-9.0))  # what llama.cpp says of its end token counts for nothing
    heard = DIALECTS["chat"].ask(client, "hello", model=model_of(score, "answer"), stream=stream)
    assert found(heard, score) == expected(score, "answer")


def test_the_arguments_of_a_call_are_what_a_server_streams_of_it(client, upstream):
    upstream.script("small", Reply(tool_calls=[ToolCall("weather", '{"city": "Bern"}')], tool_pieces=4, dialect="vllm", logprob=-0.4))
    heard = DIALECTS["chat"].ask(client, "hello", model=model_of("sum", "tool_arguments"), stream=True, with_tool=True)
    assert (heard.tools, found(heard, "sum")) == (["weather"], pytest.approx(-1.6))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("of", PARTS)
def test_a_call_without_log_probabilities_is_unknown_whatever_the_part(client, upstream, of, stream):
    upstream.script("small", Reply(tool_calls=[ToolCall("weather", '{"city": "Bern"}')]))  # OpenAI scores the message's content alone
    heard = DIALECTS["chat"].ask(client, "hello", model=model_of("mean", of), stream=stream, with_tool=True)
    assert (heard.tools, heard.cascade("reason")) == (["weather"], "unknown_confidence")
    assert heard.cascade("confidence").startswith("mean=unknown; accept_at=")
