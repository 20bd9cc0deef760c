"""Hundreds of requests at once: every endpoint, whole and streamed, four shapes of cascade, models that misbehave, clients that leave.

What each model does to each request is drawn by the request's number, so it is the same at every run; in which order it happens is not.
"""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

import httpx
import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS, until_closed
from typer.testing import CliRunner

from litellm_cascade.audit.ledger.reading import requests_in
from litellm_cascade.offline.cli import app
from litellm_cascade.testing.upstream import Reply
from waiting import until

REQUESTS, AT_ONCE = 256, 16
SURE, UNSURE = -0.02, -1.5
POLICY = """\
version: 1
name: {name}
models: {{small: {{tier: budget}}, sql: {{tier: standard}}, large: {{tier: premium}}}}
routes: [{{name: all, cascade: [small, sql, large], gate: sure{route}}}]
gates:
  sure:
    accept_at: -0.35
    also_escalate: [empty, truncated]
    deadline: {{whole_ms: 4000, first_chunk_ms: 4000}}
    stream: {{judge: {judge}, tokens: 4, within_ms: 2000}}
{gate}"""
FLAG = "    abstain: {below: -1.0, then: flag}\n"
SHAPES = {
    "plainly": POLICY.format(name="plainly", judge="prefix", route="", gate=""),
    "hedged": POLICY.format(name="hedged", judge="prefix", route=", hedge: true", gate=""),
    "entirely": POLICY.format(name="entirely", judge="full", route=", carry_over: true", gate=""),
    "flagged": POLICY.format(name="flagged", judge="prefix", route="", gate=FLAG),
}
MODELS = ("small", "sql", "large")
CONFIDENT = {"small": 0.45, "sql": 0.6, "large": 0.9}
MISCHIEF = {"error": 0.06, "busy": 0.03, "hangs": 0.02, "stalls": 0.02, "breaks": 0.03, "empty": 0.04, "mute": 0.03}
"""What a model does and how often, where it does not just answer. ``stalls`` and ``breaks`` when some of it was said."""
NEVER_ANSWERS = {"error", "busy", "hangs", "empty"}
IN_THE_MIDDLE = {"stalls", "breaks"}


def drawn(*parts):
    """From 0 up to 1."""
    return int.from_bytes(sha256(repr(parts).encode()).digest()[:6], "big") / 2**48


def mischief(model, number):
    left = drawn("mischief", model, number)
    for what, share in MISCHIEF.items():
        if left < share:
            return what
        left -= share
    return "none"


def length(model, number):
    return int(6 + 30 * drawn("length", model, number))


def reply_of(model, number):
    words = length(model, number)
    what = mischief(model, number)
    cut = int(words * drawn("cut", model, number))
    return Reply(
        "" if what == "empty" else " ".join(f"{model}-{number}-{place}." for place in range(words)),
        logprob=SURE if drawn("sure", model, number) < CONFIDENT[model] else UNSURE,
        status={"error": 500, "busy": 429}.get(what, 200),
        error="out of order",
        dialect="none" if what == "mute" else "openai",
        hang=what == "hangs",
        hang_after=cut if what == "stalls" else None,
        break_after=cut if what == "breaks" else None,
        per_token_delay_s=0.002,
    )


@dataclass(frozen=True)
class Told:
    """What one client got: its words as (model, number, place), and who spoke by the header, where there is one."""

    number: int
    status: int
    model: str | None
    words: list
    left: bool


@pytest.fixture(scope="module")
def crowded(start_proxy, upstream_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crowded")
    for name, text in SHAPES.items():
        (folder / f"{name}.yaml").write_text(text)
    settings = {"policies": str(folder), "record": {"folder": "record", "fsync_ms": 50}}
    config = cascade_config(upstream_server.url, callback_settings={"cascade": settings}, router_settings={"disable_cooldowns": True})
    auto = config["model_list"].pop()
    for name in SHAPES:
        config["model_list"].append(auto | {"model_name": name, "litellm_params": {"model": f"cascade/{name}"}})
    config["litellm_settings"]["fallbacks"] = []
    for model in config["model_list"][: len(MODELS)]:
        model["litellm_params"]["stream_timeout"] = 4  # what ends a stream that stalls
    return start_proxy(config)


def told(client, number):
    dialect, stream = list(DIALECTS.values())[number % 4], number // 4 % 2 == 1
    leaves = stream and number % 5 == 0
    body = dialect.body(f"This is request number {number}.", stream=stream) | {"model": list(SHAPES)[number // 8 % 4]}
    with client.stream("POST", dialect.path, json=body, headers={"x-litellm-call-id": f"call-{number}"}) as response:
        parts = until_closed(response.iter_text())
        with suppress(httpx.TimeoutException):
            raw = next(parts, "") if leaves else "".join(parts)
        words = [(model, int(of), int(place)) for model, of, place in re.findall(r"(small|sql|large)-(\d+)-(\d+)\.", raw)]
        if dialect is DIALECTS["responses"]:
            words = [*dict.fromkeys(words)]  # its last events say all of it again
        return Told(number, response.status_code, response.headers.get("x-cascade-model"), words, leaves)


@pytest.fixture(scope="module")
def crowd(crowded, upstream_server):
    """What everybody was told, and what is left of it when all have gone."""
    upstream_server.clear()
    for model in MODELS:
        upstream_server.script(model, lambda seen, model=model: reply_of(model, number_in(seen)))
    with crowded.client() as client, ThreadPoolExecutor(AT_ONCE) as threads:
        everybody = list(threads.map(lambda number: told(client, number), range(REQUESTS)))
    until(lambda: all(seen.finished or seen.ended_at is not None for seen in upstream_server.requests))
    until(lambda: len(recorded(crowded)) >= REQUESTS, told=lambda: crowded.log()[-3000:])
    yield everybody
    upstream_server.clear()


def number_in(seen):
    return int(re.search(r"request number (\d+)", json.dumps(seen.body))[1])


def recorded(proxy):
    lines = [line["record"] for line in requests_in([proxy.folder / "record"])]
    return {line["plan"]["evidence"]["envelope"]["request_id"]: line for line in lines}


def test_nobody_hears_two_models_or_another_s_answer_or_one_with_a_gap(crowd):
    for one in crowd:
        assert {number for _, number, _ in one.words} <= {one.number}
        assert len({model for model, _, _ in one.words}) <= 1
        assert [place for _, _, place in one.words] == list(range(len(one.words)))


def test_whoever_stays_gets_a_whole_answer_where_a_model_gave_one(crowd):
    whole = 0
    for one in crowd:
        doing = {model: mischief(model, one.number) for model in MODELS}
        if one.left or NEVER_ANSWERS.issuperset(doing.values()) or IN_THE_MIDDLE.intersection(doing.values()):
            continue
        whole += 1
        (speaker,) = {model for model, _, _ in one.words}
        assert (one.status, one.model, len(one.words)) == (200, speaker, length(speaker, one.number)), (one.number, doing)
        assert doing[speaker] in {"none", "mute"}
    assert whole > REQUESTS / 2


def test_every_request_is_in_the_record_once_and_what_was_answered_is_billed(crowd, crowded):
    lines = [line["record"] for line in requests_in([crowded.folder / "record"])]
    assert Counter(line["plan"]["evidence"]["envelope"]["request_id"] for line in lines) == Counter(f"call-{one.number}" for one in crowd)
    for line in lines:
        for attempt in line["outcome"]["attempts"]:
            assert attempt["usage"] is not None or attempt["error"] is not None or attempt["judgement"] is None, line
    verified = CliRunner().invoke(app, ["audit", "verify", str(crowded.folder / "record")])
    assert (verified.exit_code, "no findings" in verified.stdout) == (0, True), verified.output


def test_what_the_client_was_told_is_what_the_record_says(crowd, crowded):
    record = recorded(crowded)
    for one in crowd:
        if one.words:
            assert record[f"call-{one.number}"]["outcome"]["alias"] == one.words[0][0]


def test_all_of_it_has_happened(crowd, crowded):
    reasons = Counter(line["outcome"]["reason"] for line in recorded(crowded).values())
    assert {"confident", "low_confidence", "error", "empty", "kept_earlier", "unknown_confidence", "timeout"} <= reasons.keys(), reasons
    assert not [line for line in crowded.log().splitlines() if "Task exception was never retrieved" in line]
