"""A rung is asked for no more alternatives to its tokens than its server makes us take, and is judged on its first answer all the same."""

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply

SURE, ANSWER = -0.01, "Bern is the capital."


@pytest.fixture
def asked_for(start_proxy, upstream_server, upstream):
    """Ask a proxy that knows nothing of its servers yet; the ``top_logprobs`` of each call, and why each answer was served."""
    proxy = start_proxy(cascade_config(upstream_server.url))

    def ask(script, *, stream, times=3):
        upstream.script("small", script)
        with proxy.client() as client:
            reasons = [DIALECTS["chat"].ask(client, f"question {number}", stream=stream).cascade("reason") for number in range(times)]
        return [seen.body.get("top_logprobs") for seen in upstream.asked("small")], reasons

    return ask


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("server", "named"), [("openai", [None, None, None]), ("vllm", [None, None, None]), ("llama_cpp", [None, 1, 1]), ("none", [None, 1, 1])]
)
def test_a_number_is_named_once_a_server_has_sent_too_many_or_nothing(asked_for, server, named, stream):
    numbers, reasons = asked_for(Reply(ANSWER, logprob=SURE, dialect=server), stream=stream)
    assert numbers == named
    assert reasons == ["unknown_confidence" if server == "none" else "confident"] * 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_server_that_scores_only_when_a_number_is_named_is_judged_from_its_second_answer_on(asked_for, stream):
    def reply(seen):
        return Reply(ANSWER, logprob=SURE, dialect="openai" if "top_logprobs" in seen.body else "none")

    numbers, reasons = asked_for(reply, stream=stream)
    assert numbers == [None, 1, 1]
    assert reasons == ["unknown_confidence", "confident", "confident"]
