"""The classifier ``hierarchical``: kind first, then complexity within the kind."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.classifiers.base import AsksAliases
from litellm_cascade.classifiers.guard import Guarded
from litellm_cascade.classifiers.hierarchical import Hierarchical, together
from litellm_cascade.errors import ClassifierError
from litellm_cascade.testing.fakes import FakeClassifier
from litellm_cascade.vocabulary import UNCLASSIFIED, Classification, Endpoint, Envelope, Request, Turn

SQL = Classification(task="Code Generation", task_probability=0.9, domain="sql", complexity=0.5, dimensions={"reasoning": 0.2})
HARD = Classification(
    task="Other", complexity=0.9, label="large", labels={"large": 0.8, "small": 0.2}, dimensions={"domain_knowledge": 0.7}
)


def asking(text="Which customers bought twice?"):
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p")
    return Request(envelope=envelope, turns=(Turn(role="user", text=text),))


def of_two(first=SQL, within=HARD, key="sql", otherwise=None):
    asked, then = FakeClassifier(answer=first, name="a"), FakeClassifier(answer=within, name="b", digest="sha256:b")
    return Hierarchical(asked, {key: then}, otherwise), asked, then


async def test_the_kind_comes_from_the_first_and_the_complexity_from_the_one_within():
    classifier, asked, then = of_two()
    belief = await classifier.classify(asking())
    assert (belief.task, belief.task_probability, belief.domain) == ("Code Generation", 0.9, "sql")
    assert (belief.complexity, belief.label, belief.labels) == (0.9, "large", HARD.labels)
    assert belief.dimensions == {"reasoning": 0.2, "domain_knowledge": 0.7}
    assert (belief.classifier, len(belief.digest), len(asked.requests), len(then.requests)) == ("hierarchical", 16, 1, 1)


@pytest.mark.parametrize(
    ("first", "key"),
    [(SQL, "sql"), (SQL, "Code Generation"), (replace(SQL, domain="other", label="code"), "code")],
    ids=["domain", "task", "label"],
)
async def test_what_it_is_about_is_the_domain_the_label_or_the_task(first, key):
    classifier, *_ = of_two(first, key=key)
    assert (await classifier.classify(asking())).complexity == 0.9


async def test_a_kind_without_a_classifier_of_its_own_goes_to_else():
    otherwise = FakeClassifier(answer=replace(HARD, complexity=0.3))
    classifier, _, then = of_two(key="law", otherwise=otherwise)
    assert (await classifier.classify(asking())).complexity == 0.3
    assert then.requests == []


async def test_without_else_the_first_answer_stands():
    classifier, _, then = of_two(key="law")
    belief = await classifier.classify(asking())
    assert replace(belief, took_ms=0, classifier="none", digest="") == SQL
    assert then.requests == []


async def test_when_the_second_fails_half_an_answer_is_better_than_none():
    classifier, _, then = of_two()
    then.error = RuntimeError("no such device")
    belief = await classifier.classify(asking())
    assert (belief.known, belief.complexity, belief.degraded) == (True, 0.5, ("classifier_within_failed",))


async def test_when_the_second_knows_nothing_the_first_answer_stands_and_says_why():
    classifier, *_ = of_two(within=replace(UNCLASSIFIED, degraded=("prompt_empty",)))
    belief = await classifier.classify(asking())
    assert (belief.known, belief.domain, belief.degraded) == (True, "sql", ("prompt_empty",))


async def test_when_the_first_fails_the_guard_says_so():
    classifier, asked, _ = of_two()
    asked.error = RuntimeError()
    assert (await Guarded(classifier, within_ms=5000).classify(asking())).degraded == ("classifier_failed",)


async def test_its_digest_changes_with_that_of_any_part():
    classifier, _, then = of_two()
    before = classifier.digest
    then.digest = "sha256:c"
    assert classifier.digest != before
    then.digest = classifier._first.digest = ""
    assert classifier.digest == "", "nothing is loaded yet"


async def test_it_is_composed_by_options_and_shows_the_work_of_both():
    classifier = build(
        "hierarchical", {"first": {"name": "linear"}, "within": {"Code Generation": {"name": "linear"}}, "else": {"name": "none"}}
    )
    await classifier.warm_up()
    code, shown = await classifier.show(asking("Write a Python script that uses a for loop."))
    assert (code.task, list(shown)) == ("Code Generation", ["first", "within Code Generation"])
    talk, shown = await classifier.show(asking("Summarise this article in two sentences: the sun is a star."))
    assert talk.known
    assert list(shown) == ["first", "within else"]
    assert re.fullmatch("[0-9a-f]{16}", code.digest)


async def test_parts_may_ask_deployments_and_it_says_which_and_how_long():
    async def ask(alias, messages, parameters):
        raise AssertionError("nobody asks while it is built")

    judge = {"name": "llm", "options": {"alias": "judge", "timeout_ms": 300}}
    slow = {"name": "llm", "options": {"alias": "slow", "timeout_ms": 900}}
    classifier = build("hierarchical", {"first": judge, "within": {"code": judge, "law": slow}}, Surroundings(ask=ask))
    assert isinstance(classifier, AsksAliases)
    assert (classifier.aliases, classifier.patience_ms) == (("judge", "slow"), 1200)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, r"options.first: field required"),
        ({"first": {"name": "linear"}, "within": {}}, r"options.within: dictionary should have at least 1 item"),
        (
            {"first": {"name": "oracle"}, "within": {"a": {"name": "none"}}},
            r"options.first: classifier 'oracle': no such classifier; choose",
        ),
        (
            {"first": {"name": "none"}, "within": {"law": {"name": "linear", "options": {"x": 1}}}},
            r"options.within.law: classifier 'linear': options.x: there is no such option; the options are chances, weights",
        ),
        (
            {"first": {"name": "none"}, "within": {"a": {"name": "none"}}, "otherwise": {}},
            r"no such option; the options are else, first, w",
        ),
    ],
)
def test_what_is_wrong_with_a_part_is_said_with_its_place(options, complaint):
    with pytest.raises(ClassifierError, match=complaint):
        build("hierarchical", options)


def test_what_it_reads_is_what_its_parts_read():
    classifier = build("hierarchical", {"first": {"name": "linear"}, "within": {"a": {"name": "linear"}}})
    two_turns = replace(asking(), turns=(Turn(role="assistant", text="earlier"), *asking().turns))
    assert classifier.reads(asking()) == classifier.reads(two_turns)
    assert classifier.reads(asking("x")) != classifier.reads(asking("y"))
    everything, *_ = of_two()
    assert everything.reads(asking()) != everything.reads(two_turns)


beliefs = st.builds(
    Classification,
    known=st.booleans(),
    task=st.sampled_from(["Unknown", "Rewrite", "Open QA"]),
    complexity=st.floats(0, 1),
    domain=st.sampled_from(["", "law"]),
    labels=st.sampled_from([{}, {"small": 1.0}]),
    degraded=st.sampled_from([(), ("x",)]),
)


@given(beliefs, beliefs)
def test_nothing_that_either_knows_is_lost(broad, narrow):
    both = together(broad, narrow)
    assert both.complexity == (narrow.complexity if narrow.known else broad.complexity)
    assert set(both.degraded) == {*broad.degraded, *narrow.degraded}
    assert both.domain or not broad.domain
    assert both.task != "Unknown" or broad.task == "Unknown"
    assert bool(both.labels) == bool(broad.labels or (narrow.known and narrow.labels))
