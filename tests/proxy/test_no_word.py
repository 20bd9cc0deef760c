"""No word of a conversation in anything we write, whatever breaks and quotes it: spans, metrics, headers, our log, the record."""

import json
import re

import pytest
from harness.configs import BESIDE, cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.audit.ledger.reading import of_kind
from litellm_cascade.testing.upstream import Reply
from waiting import until

CANARY = "CANARY"
PROMPT = f"{CANARY}PROMPT please"
ANSWER = f"{CANARY}ANSWER and a few more words to say"
UNSURE = -2.0
QUOTED = {"message": f"{CANARY}UPSTREAM said", "type": f"{CANARY}TYPE", "code": f"{CANARY}CODE"}
BROKEN = {
    "nothing": {"small": Reply(ANSWER)},
    "an escalation": {"small": Reply(ANSWER, logprob=UNSURE), "large": Reply(ANSWER)},
    "a rung that fails": {"small": Reply(status=500, error=QUOTED), "large": Reply(ANSWER)},
    "a rung that refuses": {"small": Reply(status=400, error=QUOTED), "large": Reply(ANSWER)},
    "every rung": {"small": Reply(status=500, error=QUOTED), "large": Reply(status=503, error=QUOTED)},
    "a connection in the middle": {"small": Reply(ANSWER, break_after=3), "large": Reply(ANSWER)},
    "a rejected stream that breaks": {"small": Reply(ANSWER, logprob=UNSURE, break_after=4), "large": Reply(ANSWER, break_after=4)},
    "the classifier": {"small": Reply(ANSWER)},
    "the plugin": {"small": Reply(ANSWER), "large": Reply(ANSWER)},
}
PROMPTS = {"the classifier": f"{PROMPT} CLASSIFIER", "the plugin": f"{PROMPT} SABOTAGE"}


def telltale_config(upstream_url):
    config = cascade_config(upstream_url)
    config["litellm_settings"]["callbacks"] = ["telltale.loaded", "litellm_cascade.proxy.hooks.cascade", "prometheus"]
    config["callback_settings"]["cascade"] |= {
        "classifier": {"name": "telltale"},
        "record": {"folder": "record", "fsync_ms": 50},
        "debug_headers": True,
    }
    return config


@pytest.fixture(scope="module", params=[False, True], ids=["as shipped", "record_prompts: always"])
def keeps(request):
    return request.param


@pytest.fixture(scope="module")
def proxy(keeps, start_proxy, upstream_server, tmp_path_factory):
    telltale = next(path for path in BESIDE if path.name == "trouble.py").with_name("telltale.py")
    config, files = telltale_config(upstream_server.url), [telltale]
    if keeps:
        folder = tmp_path_factory.mktemp("kept") / "keeping"
        folder.mkdir()
        shipped = next(path for path in BESIDE if path.name == "policies")
        (folder / "test.yaml").write_text((shipped / "test.yaml").read_text() + "privacy: {record_prompts: always}\n")
        config["callback_settings"]["cascade"]["policies"] = "keeping"
        files.append(folder)
    return start_proxy(config, files=files)


def written_by(proxy, collector, heard, client):
    """Every byte that leaves by a way of ours. Of the log the lines that are ours: LiteLLM prints its providers' errors by itself."""
    record = [line for kind in ("request", "feedback", "genesis") for line in of_kind(kind, [proxy.folder / "record"])]
    for line in record:
        line.pop("texts", None)
    log = [line for line in proxy.log().splitlines() if re.search(r"cascade[:.]|classifier '|the stream of rung", line)]
    return {
        "spans": collector.wire,
        "metrics": client.get("/metrics", follow_redirects=True).content,
        "headers": json.dumps([{name: value for name, value in one.headers.items() if "cascade" in name} for one in heard]).encode(),
        "record": json.dumps(record).encode(),
        "log": "\n".join(log).encode(),
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("breaks", BROKEN)
def test_whatever_breaks_no_word_is_written(proxy, client, upstream, collector, trace, breaks, stream):
    for alias, reply in BROKEN[breaks].items():
        upstream.script(alias, reply)
    body = DIALECTS["chat"].body(PROMPTS.get(breaks, PROMPT), stream=stream)
    heard = client.post(DIALECTS["chat"].path, json=body, headers=trace.headers)
    assert CANARY in str([request.body for request in upstream.requests])
    collector.wait_until(lambda spans: any(span.name == "cascade.route" for span in spans))
    written = written_by(proxy, collector, [heard], client)
    assert [where for where, said in written.items() if CANARY.encode() in said] == []
    assert b"cascade.policy" in written["spans"]
    assert b"cascade_requests_total" in written["metrics"]


def test_feedback_that_says_more_than_it_may_is_repeated_nowhere(proxy, client, upstream, collector, trace):
    upstream.script("small", Reply(ANSWER))
    asked = DIALECTS["chat"].ask(client, PROMPT, headers=trace.headers)
    about = {"request_id": asked.headers["x-litellm-call-id"], "outcome": "wrong"}
    refused = [
        {"label": f"{CANARY} with spaces"},
        {"comment": f"{CANARY}: the answer was wrong"},
        {"outcome": CANARY},
        {"rating": CANARY},
        {"request_id": f"{CANARY}-is-no-id"},
    ]
    heard = [client.post("/cascade/feedback", json=about | wrong) for wrong in refused]
    assert [answer.status_code for answer in heard] == [400, 400, 400, 400, 404]
    assert not any(CANARY in answer.text for answer in heard)
    assert client.post("/cascade/feedback", json=about).status_code == 200
    collector.wait_until(lambda spans: any(span.name == "cascade.feedback" for span in spans))
    written = written_by(proxy, collector, heard, client)
    assert [where for where, said in written.items() if CANARY.encode() in said] == []


def test_texts_are_in_the_record_where_the_policy_keeps_them_and_only_there(proxy, client, upstream, trace, keeps):
    upstream.script("small", Reply(ANSWER))
    DIALECTS["chat"].ask(client, PROMPT, stream=True, headers=trace.headers)
    record = [proxy.folder / "record"]
    lines = until(lambda: [line for line in of_kind("request", record) if line["record"]["trace_id"] == trace.trace_id])
    assert [line.get("texts") is not None for line in lines] == [keeps]
