import logging

import pytest

from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.errors import StartupError
from litellm_cascade.proxy.classifier_checks import check_classifier
from litellm_cascade.proxy.models import Deployments

MODELS = Deployments(
    [
        {"model_name": "judge", "litellm_params": {"model": "openai/gpt-4.1-nano"}},
        {"model_name": "auto", "litellm_params": {"model": "cascade/default"}},
        {"model_name": "openai/*", "litellm_params": {"model": "openai/*"}},
        {"model_name": "smart", "litellm_params": {"model": "auto_router/complexity_router"}},
    ],
    {"nano": "judge", "loop": "auto"},
)


async def ask(alias, messages, parameters):
    raise AssertionError("start-up asks nobody")


def llm(alias="judge"):
    return build("llm", {"alias": alias, "timeout_ms": 800}, Surroundings(ask=ask))


@pytest.mark.parametrize("alias", ["auto", "smart", "loop"])
def test_a_virtual_alias_would_classify_for_ever(alias):
    with pytest.raises(
        StartupError, match=f"the classifier 'llm' asks '{alias}', which is virtual, so that each classification would need"
    ):
        check_classifier(llm(alias), 1000, MODELS)


@pytest.mark.parametrize("alias", ["judge", "nano", "openai/gpt-4.1-nano"])
def test_any_name_that_litellm_takes_may_be_asked(alias):
    check_classifier(llm(alias), 1000, MODELS)


def test_an_alias_that_is_not_there_is_named():
    with pytest.raises(StartupError, match="the classifier 'llm' asks 'jugde', which is no model_name in model_list; add a deployment"):
        check_classifier(llm("jugde"), 1000, MODELS)


@pytest.mark.parametrize(("within_ms", "said"), [(25, True), (799, True), (800, False), (2000, False)])
def test_too_little_time_is_a_warning(caplog, within_ms, said):
    with caplog.at_level(logging.WARNING):
        check_classifier(llm(), within_ms, MODELS)
    assert (f"a request waits {within_ms} ms for its classification, but 'judge' may take 800 ms" in caplog.text) is said


@pytest.mark.parametrize(("within_ms", "said"), [(25, True), (30, True), (31, False)])
def test_a_service_that_may_take_all_the_time_leaves_none_to_fall_back(caplog, within_ms, said):
    remote = build("remote", {"url": "http://127.0.0.1:1", "fallback": "linear", "timeout_ms": 30})
    with caplog.at_level(logging.WARNING):
        check_classifier(remote, within_ms, MODELS)
    told = f"waits {within_ms} ms for its classification, but the service alone may take 30, which leaves 'linear' no time"
    assert (told in caplog.text) is said


def test_a_service_within_another_classifier_is_told_of_as_well(caplog):
    slow = {"name": "remote", "options": {"url": "http://127.0.0.1:1", "fallback": "linear", "timeout_ms": 100}}
    inner = {"name": "hierarchical", "options": {"first": {"name": "linear"}, "within": {"law": slow}}}
    with caplog.at_level(logging.WARNING):
        check_classifier(build("hierarchical", {"first": {"name": "linear"}, "within": {"Code Generation": inner}}), 25, MODELS)
    assert [record.message.count("the service alone may take 100") for record in caplog.records] == [1]


@pytest.mark.parametrize("name", ["linear", "none"])
def test_a_classifier_that_asks_nobody_is_let_be(caplog, name):
    check_classifier(build(name), 1, [])
    assert caplog.text == ""
