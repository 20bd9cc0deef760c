"""A conversation is known again by its own caller alone, and never costs more than a bound."""

import asyncio
import base64
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litellm.proxy import proxy_server

from litellm_cascade.classifiers.memory import Recent
from litellm_cascade.policy import parse_policy
from litellm_cascade.proxy.conversations import Conversation, Conversations, shared_secret
from litellm_cascade.proxy.shared_cache import FAILED, LATE, SharedCache
from litellm_cascade.proxy.translate import to_request
from litellm_cascade.vocabulary import Caller, Session

POLICY = """
version: 1
name: {name}
models: {{small: {{tier: budget}}, large: {{tier: premium}}}}
routes: [{{name: all, cascade: [small, large], gate: sure}}]
gates: {{sure: {{accept_at: -0.35}}}}
sessions: {sessions}
"""
STICKY = parse_policy(POLICY.format(name="sticky", sessions="{stick: alias}"))
LOOSE = parse_policy(POLICY.format(name="loose", sessions="{}"))
BY_ID = parse_policy(POLICY.format(name="by_id", sessions="{stick: alias, by: [id]}"))
ANN, BEN = Caller(key_hash="ann"), Caller(key_hash="ben")
SEVERAL = [ANN, BEN, Caller(key_hash="ann", end_user="x"), Caller(key_hash="ann", user="x"), Caller(key_hash="annx"), Caller()]


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def conversations(most=1000, clock=None, remote=None, within_ms=1000):
    clock = clock or Clock()
    return Conversations(
        SharedCache(Recent(most=most, clock=clock), within_ms=within_ms, remote=lambda: remote, now=clock), lambda: b"secret"
    )


def data(*turns, tools=False, **more):
    return {"messages": list(turns), **({"tools": [{"type": "function"}]} if tools else {}), **more}


def user(text):
    return {"role": "user", "content": text}


def heard(text="yes"):
    return {"role": "assistant", "content": text}


def result(call):
    return {"role": "tool", "tool_call_id": call, "content": "sunny"}


def an_answer(*calls, **more):
    message = {"role": "assistant", "content": "", "tool_calls": [{"id": call} for call in calls], **more}
    return SimpleNamespace(choices=[SimpleNamespace(message=message)])


async def recall(memory, body, caller=ANN, policy=STICKY):
    return await memory.recall(body, to_request(body, "acompletion", caller, policy.name), policy)


async def answer(memory, body, alias, caller=ANN, policy=STICKY, response=None):
    conversation = await recall(memory, body, caller, policy)
    memory.answered_by(conversation, policy.name, alias)
    memory.answer(conversation, alias, response)


async def test_a_conversation_is_known_by_its_beginning_once_it_has_an_answer():
    memory = conversations()
    await answer(memory, data(user("hello")), "large")
    later = await recall(memory, data(user("hello"), heard(), user("more")))
    assert later.session == Session(alias="large", turns=1)
    assert (await recall(memory, data(user("hello")))).session == Session(), "somebody else may begin alike"
    assert (await recall(memory, data(user("hello!"), heard(), user("more")))).session == Session()
    with_system = data({"role": "system", "content": "be brief"}, user("hello"), heard(), user("more"))
    assert (await recall(memory, with_system)).session == Session()


@pytest.mark.parametrize(
    "named",
    [{"litellm_session_id": "abc"}, {"metadata": {"session_id": "abc"}}, {"litellm_metadata": {"session_id": "abc"}}],
)
async def test_a_conversation_is_known_by_its_id(named):
    memory = conversations()
    await answer(memory, data(user("one"), litellm_session_id="abc"), "large")
    await answer(memory, data(user("two"), **named), "large")
    assert (await recall(memory, data(user("three"), **named))).session == Session(alias="large", turns=2)


async def test_an_id_that_litellm_made_up_is_none():
    memory = conversations()
    made_up = {"litellm_session_id": "abc", "metadata": {"session_id": "abc", "litellm_session_id_generated": True}}
    assert (await recall(memory, data(user("one"), **made_up))).name.startswith("beginning")


@pytest.mark.parametrize("odd", [7, "", "x" * 501, None, ["a"]])
async def test_an_odd_id_is_none(odd):
    assert (await recall(conversations(), data(user("one"), litellm_session_id=odd))).name.startswith("beginning")


async def test_a_policy_may_want_ids_alone():
    memory = conversations()
    await answer(memory, data(user("hello")), "large", policy=BY_ID)
    assert (await recall(memory, data(user("hello"), heard(), user("more")), policy=BY_ID)).session == Session()


async def test_policies_remember_apart():
    memory = conversations()
    await answer(memory, data(user("hello"), litellm_session_id="abc"), "large")
    assert (await recall(memory, data(user("hello"), litellm_session_id="abc"), policy=BY_ID)).session == Session()


async def test_a_policy_that_does_not_care_remembers_only_what_tools_need():
    memory = conversations()
    await answer(memory, data(user("hello")), "large", policy=LOOSE)
    await answer(memory, data(user("tool"), tools=True), "large", policy=LOOSE)
    assert (await recall(memory, data(user("hello"), heard(), result("call_0")), policy=LOOSE)).session.bound_to is None
    found = await recall(memory, data(user("tool"), heard(), result("call_0")), policy=LOOSE)
    assert found.session.bound_to == "large", "the stream's own calls may not have been read yet"


async def test_a_conversation_is_forgotten_after_its_minutes():
    clock = Clock()
    memory = conversations(clock=clock)
    await answer(memory, data(user("hello")), "large")
    clock.now += 30 * 60
    assert (await recall(memory, data(user("hello"), heard(), user("more")))).session == Session()


callers = st.sampled_from(range(len(SEVERAL)))
names = st.sampled_from(["a", "b", None])
calls = st.sampled_from(["call_0", "call_1", "call_" + "x1" * 12])
told = st.tuples(callers, names, calls, st.sampled_from(["small", "large"]))


def named(name):
    return {"litellm_session_id": name} if name else {}


@given(st.lists(told, max_size=12))
def test_a_result_goes_to_whoever_made_the_call_in_that_conversation_of_that_caller(told):
    async def play():
        memory, made = conversations(), {}
        for caller, name, call, alias in told:
            begun = data(user(f"talk of {name}"), tools=True, **named(name))
            await answer(memory, begun, alias, SEVERAL[caller], response=an_answer(call))
            made[caller, name, call] = alias
        for (caller, name, call), alias in made.items():
            going_on = data(user(f"talk of {name}"), heard(), result(call), **named(name))
            assert (await recall(memory, going_on, SEVERAL[caller])).session.bound_to == alias

    asyncio.run(play())


@given(st.lists(told, max_size=12), callers)
def test_a_session_never_leaks_between_callers(told, other):
    """Whatever the others did, a caller who has done nothing is a stranger everywhere."""

    async def play():
        memory = conversations()
        for caller, name, call, alias in told:
            if caller != other:
                thought = an_answer(call, thinking_blocks=[{"type": "thinking", "thinking": "t", "signature": "proof"}])
                await answer(memory, data(user("talk"), tools=True, **named(name)), alias, SEVERAL[caller], response=thought)
        for name in ("a", "b", None):
            for call in ("call_0", "call_" + "x1" * 12):
                thinking = heard() | {"thinking_blocks": [{"type": "thinking", "signature": "proof"}]}
                found = await recall(memory, data(user("talk"), thinking, result(call), **named(name)), SEVERAL[other])
                assert (found.session, dict(found.makers)) == (Session(), {})

    asyncio.run(play())


@given(st.lists(told, max_size=30), st.integers(0, 5))
def test_memory_is_bounded(told, most):
    async def play():
        local = Recent(most=most)
        memory = Conversations(SharedCache(local, within_ms=1000, remote=lambda: None), lambda: b"secret")
        for caller, name, call, alias in told:
            await answer(memory, data(user("talk"), tools=True, **named(name)), alias, SEVERAL[caller], response=an_answer(call))
            assert len(local) <= most

    asyncio.run(play())


async def test_nothing_of_what_was_said_is_kept():
    local = Recent(most=100)
    memory = Conversations(SharedCache(local, within_ms=1000, remote=lambda: None), lambda: b"secret")
    thought = an_answer("CANARYCALL", reasoning_content="CANARYTHOUGHT")
    await answer(
        memory,
        data(user("CANARYPROMPT"), tools=True, litellm_session_id="CANARYID"),
        "large",
        Caller(key_hash="CANARYKEY"),
        response=thought,
    )
    assert len(local) == 3
    assert "CANARY" not in str(local._entries)


async def test_whose_a_thought_is_is_remembered():
    memory = conversations()
    thought = {"type": "thinking", "thinking": "t", "signature": "proof"}
    await answer(memory, data(user("hello")), "small", response=an_answer(thinking_blocks=[thought]))
    found = await recall(memory, data(user("hello"), heard() | {"thinking_blocks": [thought]}, user("more")))
    assert (found.noted, dict(found.makers)) == (True, {"proof": "small"})
    assert found.is_own("small", unknown=False)("proof")
    assert not found.is_own("large", unknown=True)("proof")
    assert found.is_own("small", unknown=False)("another"), "the last alias's, as far as is known"


@pytest.mark.parametrize("unknown", [True, False])
def test_where_nobody_remembers_the_caller_of_the_function_says_whose_it_is(unknown):
    assert Conversation().is_own("small", unknown=unknown)("proof") is unknown


keys = st.sampled_from(
    [
        *("messages", "input", "role", "content", "type", "tool_call_id", "tool_calls", "id"),
        *("thinking_blocks", "previous_response_id", "litellm_session_id", "metadata"),
    ]
)
json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_no_request_is_too_odd_to_be_looked_up(odd):
    body = odd if isinstance(odd, dict) else {"messages": odd, "previous_response_id": odd, "litellm_session_id": odd}
    asyncio.run(answer(conversations(), body, "small", response=body))


# --- the cache behind it -----------------------------------------------------------------------------------------------------------


class FakeRemote:
    """What LiteLLM's Redis client looks like from here."""

    def __init__(self, error=None, hangs=False):
        self.kept, self.error, self.hangs = {}, error, hangs

    async def async_batch_get_cache(self, key_list):
        if self.error:
            raise self.error
        if self.hangs:
            await asyncio.Event().wait()
        return {key: json.loads(self.kept[key]) if key in self.kept else None for key in key_list}

    async def async_set_cache(self, key, value, *, ttl):
        if self.error:
            raise self.error
        self.kept[key] = json.dumps(value)


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_one_process_writes_another_reads():
    remote = FakeRemote()
    await answer(conversations(remote=remote), data(user("hello")), "large")
    await settled()
    other = conversations(remote=remote)
    assert (await recall(other, data(user("hello"), heard(), user("more")))).session == Session(alias="large", turns=1)


async def test_the_newer_word_counts_whoever_has_it():
    remote, clock = FakeRemote(), Clock()
    here, there = conversations(remote=remote, clock=clock), conversations(remote=remote, clock=clock)
    body = data(user("hello"), heard(), user("more"), litellm_session_id="abc")
    await answer(here, body, "small")
    await settled()
    clock.now += 1
    await answer(there, body, "large")
    await settled()
    assert (await recall(here, body)).session == Session(alias="large", turns=2)
    clock.now += 1
    before = dict(remote.kept)
    await answer(here, body, "small")
    await settled()
    remote.kept = before  # its newest write is still under way
    assert (await recall(here, body)).session == Session(alias="small", turns=3)


@pytest.mark.parametrize(
    ("remote", "said"), [(FakeRemote(error=ConnectionError("gone")), FAILED), (FakeRemote(hangs=True), LATE)], ids=["gone", "hangs"]
)
async def test_a_cache_that_fails_or_hangs_costs_nothing_but_what_others_know(remote, said):
    memory = conversations(remote=remote, within_ms=1)
    await answer(memory, data(user("hello")), "large")
    found = (await recall(memory, data(user("hello"), heard(), user("more")))).session
    assert found == Session(alias="large", turns=1, degraded=(said,))
    await settled()


@pytest.mark.parametrize("strange", [7, {"at": 2000.0, "value": 7}, {"at": 2000.0, "value": {"alias": 1, "turns": "x"}}, {"value": 1}])
async def test_what_is_no_record_of_ours_is_nothing(strange):
    remote = FakeRemote()
    begun = data(user("hello"), tools=True)
    await answer(conversations(remote=remote), begun, "large", response=an_answer("call_0"))
    await settled()
    remote.kept = dict.fromkeys(remote.kept, json.dumps(strange))
    going_on = data(user("hello"), heard(), result("call_0"))
    assert (await recall(conversations(remote=remote), going_on)).session == Session()


def test_workers_with_one_salt_or_master_key_have_one_secret(monkeypatch):
    monkeypatch.setattr(proxy_server, "master_key", None)
    monkeypatch.delenv("LITELLM_SALT_KEY", raising=False)
    own = shared_secret()
    monkeypatch.setattr(proxy_server, "master_key", "sk-master")
    by_key = shared_secret()
    monkeypatch.setenv("LITELLM_SALT_KEY", "sk-salt")
    assert len({own, by_key, shared_secret()}) == 3
    assert by_key == shared_secret_of(monkeypatch, "sk-master")


def shared_secret_of(monkeypatch, key):
    monkeypatch.delenv("LITELLM_SALT_KEY")
    monkeypatch.setattr(proxy_server, "master_key", key)
    return shared_secret()


class Router:
    """LiteLLM's, as far as it is asked here."""

    def get_deployment(self, model_id):
        return SimpleNamespace(model_name="large") if model_id == "deployment-1" else None


def response_id(model_id):
    inside = f"litellm:custom_llm_provider:openai;model_id:{model_id};response_id:resp-9"
    return f"resp_{base64.b64encode(inside.encode()).decode()}"


@pytest.mark.parametrize(
    ("given", "alias"),
    [(response_id("deployment-1"), "large"), (response_id("gone"), None), ("resp_abc", None), ("resp_\ud800", None), ("", None), (7, None)],
)
async def test_a_response_is_kept_by_the_alias_of_its_deployment(monkeypatch, given, alias):
    monkeypatch.setattr(proxy_server, "llm_router", Router())
    found = await recall(conversations(), {"input": "go on", "previous_response_id": given})
    assert found.session.bound_to == alias
